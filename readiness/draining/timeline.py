"""The picture of a stop: the signal, the readiness probe, every request's bar, the end."""

from __future__ import annotations

from readiness.chart import Chart, Lane, Span, Tone
from readiness.draining.judging import is_full, is_refusal
from readiness.facts.drain import HELD, Ending, Fate, Kind, Stop, Tracked

__all__ = ["timeline"]

#: Of new connections and probes, so many marks each.
MOST = 80
WORD = {Fate.FINISHED: "finished", Fate.REFUSED: "refused", Fate.RESET: "cut", Fate.UNANSWERED: "unanswered"}


def timeline(service: str, stop: Stop, control: tuple[Tracked, ...]) -> Chart:
    """The chart; its zero is the signal."""
    ending = stop.ending
    end = ending.watched_seconds if ending.seconds is None else ending.seconds
    tone = Tone.BAD if ending.is_killed else Tone.GOOD
    word = _end_word(ending)
    lanes = [
        Lane(label=ending.signal, spans=(Span(start=0.0, end=0.0, label="signal"),)),
        Lane(label=service, spans=(Span(start=0.0, end=end, tone=tone, label=word),)),
    ]
    if stop.ready:
        lanes.append(Lane(label="readiness", spans=tuple(_probe(at, status) for at, status in stop.ready[:MOST])))
    lanes += _crowd(stop.of(*HELD), control)
    quick = tuple(_bar(r, control) for r in stop.of(Kind.QUICK)[:MOST])
    if quick:
        lanes.append(Lane(label="writes", spans=quick))
    fresh = tuple(_new(r) for r in stop.of(Kind.NEW)[:MOST])
    if fresh:
        lanes.append(Lane(label="new connections", spans=fresh))
    return Chart(title=f"{service} is stopped with requests in flight", lanes=tuple(lanes))


def _crowd(requests: tuple[Tracked, ...], control: tuple[Tracked, ...]) -> list[Lane]:
    """A lane for all that have the same name and the same end, in order of sending, from the first to the last of them."""
    alike: dict[tuple[str, Tone, str], list[Span]] = {}
    for request in requests:
        bar = _bar(request, control)
        alike.setdefault((request.name, bar.tone, bar.label), []).append(bar)
    lanes = []
    for (name, tone, word), bars in alike.items():
        start, end = min(bar.start for bar in bars), max(bar.end for bar in bars)
        count = f" ({len(bars)})" if len(bars) > 1 else ""
        lanes.append(Lane(label=f"{name[:40]}{count}", spans=(Span(start=start, end=end, tone=tone, label=word),)))
    return lanes


def _end_word(ending: Ending) -> str:
    if ending.seconds is None:
        return "still running"
    return "killed" if ending.is_killed else f"exit {ending.exit_code}"


def _probe(at: float, status: int) -> Span:
    is_green = 200 <= status < 300  # noqa: PLR2004  # a success
    word = "ready" if is_green else f"not ready ({status})" if status else "no answer"
    return Span(start=at, end=at, tone=Tone.GOOD if is_green else Tone.NEUTRAL, label=word)


def _bar(request: Tracked, control: tuple[Tracked, ...]) -> Span:
    is_good = is_full(request, control) or (request.kind is Kind.QUICK and request.fate is Fate.FINISHED)
    tone = Tone.GOOD if is_good else Tone.NEUTRAL if request.fate is Fate.REFUSED else Tone.BAD
    word = f"{WORD[request.fate]}{f' {request.status}' if request.status else ''}"
    return Span(start=request.sent_seconds, end=max(request.sent_seconds, request.ended_seconds), tone=tone, label=word)


def _new(request: Tracked) -> Span:
    is_away = is_refusal(request, at_most_seconds=request.ended_seconds - request.sent_seconds)
    tone = Tone.NEUTRAL if is_away else Tone.GOOD if request.fate is Fate.FINISHED else Tone.BAD
    word = "refused" if is_away else f"{WORD[request.fate]}{f' {request.status}' if request.status else ''}"
    return Span(start=request.sent_seconds, end=max(request.sent_seconds, request.ended_seconds), tone=tone, label=word)
