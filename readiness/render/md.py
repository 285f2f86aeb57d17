"""The card as Markdown, for pull requests and wikis: the findings, without the long tail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from readiness.render._view import View, asked_for, clip, duration, limits, measured, percent, points, visible
from readiness.scorecard import CheckResult, Scorecard

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "md"
SUFFIX = ".md"

#: Markup anywhere in a line, and what is markup only where a block begins.
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]|^[-+#=]|(?<=^\d)[.)](?=\s|$)")
#: What GitHub turns into links and notifications without any markup.
_AUTOLINK = re.compile(r"://|\bwww\.|(?<!\w)@(?=\w)|#(?=\d)", re.IGNORECASE)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_WORD_JOINER = "&#8288;"


def render(card: Scorecard) -> str:
    """One document, ending in a line break."""
    return "\n".join(_lines(card)).rstrip() + "\n"


def _lines(card: Scorecard) -> Iterator[str]:
    view = View.of(card)
    low, high = card.interval
    yield f"# Readiness of {_text(card.target.name)}: {card.grade or 'no grade'}"
    yield ""
    score = f"**Score {points(card.score)}** of 100"
    if high > low:
        score += f" (up to {points(high)} if all that is open passes)"
    counts = ", ".join(f"{count} {word}" for word, count in view.counts) or "nothing was checked"
    yield f"{score} · {percent(card.coverage)} decided · {counts} · profile {_text(card.profile.name)}"
    yield ""
    if card.run.partial:
        yield from (f"**Partial run:** {_text(card.run.partial)}", "")
    yield f"**Gate {'passed' if card.gate.passed else 'failed'}**"
    yield ""
    yield from (f"- {_text(reason)}" for reason in card.gate.reasons)
    yield from (f"- Cap: {_text(cap)}" for cap in card.caps)
    yield ""
    if card.next_grade.fix:
        fixes = ", ".join(_code(name) for name in card.next_grade.fix)
        yield from (f"**Next grade {card.next_grade.grade}:** mend {fixes}", "")
    yield from _start(card)
    yield from _table(
        ("Category", "Grade", "Score", "Decided"),
        [(_text(c.title), c.grade or "none", points(c.score), percent(c.coverage)) for c in card.categories],
    )
    yield from _failed(view)
    yield from _inconclusive(view)
    yield from _rest(card, view)
    yield f"{_text(card.tool.name)} {_text(card.tool.version)}, {_text(card.run.started_at)}, {duration(card.run.seconds)}"


def _start(card: Scorecard) -> Iterator[str]:
    start = card.target.start
    if not start or start.get("is_up"):
        return
    yield from ("## The stack did not start", "")
    if start.get("problem"):
        yield from _fenced(str(start["problem"]))
    for service in start.get("services", ()):
        if service.get("is_ready"):
            continue
        cause = ": ".join(str(service[key]) for key in ("cause", "detail") if service.get(key)) or "unknown"
        yield from (f"**{_text(str(service.get('service')))}** {_text(str(service.get('state')))}: {_text(cause)}", "")
        lines = [*service.get("log_lines", ()), *service.get("health_log", ())]
        if lines:
            yield from _fenced("\n".join(lines))


def _failed(view: View) -> Iterator[str]:
    if view.failed:
        yield from (f"## Failed ({len(view.failed)})", "")
    for check in view.failed:
        lost = points(view.points_lost(check))
        yield from (f"### {_text(check.title)}", "", f"{_code(check.id)} · {check.severity} · {lost} points lost", "")
        if check.why:
            yield from (_text(check.why), "")
        for finding in check.findings:
            yield from (f"- {_text(finding.message)}", "")
            for evidence in finding.evidence:
                yield from (f"  {_text(evidence.source)}", "")
                yield from (f"  {line}" if line else "" for line in _fenced(evidence.text))
        yield from _measurements(check)
        yield from (f"**What to do:** {_text(check.remediation)}", "")


def _measurements(check: CheckResult) -> Iterator[str]:
    if check.measurements:
        yield from _table(
            ("Measured", "Value", "Limit"),
            [(_text(m.name), _text(measured(m.value, m.unit)), _text(limits(m))) for m in check.measurements],
        )


def _inconclusive(view: View) -> Iterator[str]:
    if view.inconclusive:
        yield from (f"## Could not be told ({len(view.inconclusive)})", "")
    for check in view.inconclusive:
        yield from (f"- {_code(check.id)} {_text(check.title)}: {_text(check.reason or 'no reason recorded')}", "")
        if check.supply:
            yield from (f"  {_text(asked_for(check.reason, check.supply))}", "")
            yield from (f"  {line}" if line else "" for line in _fenced(check.supply))


def _rest(card: Scorecard, view: View) -> Iterator[str]:
    groups = (("Waived", view.waived), ("Not applicable", view.not_applicable), ("Attested", view.attested))
    for title, checks in groups:
        if checks:
            yield from (f"## {title} ({len(checks)})", "")
            yield from (f"- {_code(c.id)} {_text(c.title)}: {_text(c.reason)}" for c in checks)
            yield ""
    if view.passed:
        yield from (f"<details><summary>Passed ({len(view.passed)})</summary>", "")
        yield from (
            f"- {_code(c.id)} {_text(c.title)}" + (f": {_text(c.summary)}" if c.summary else "") for c in view.passed
        )
        yield from ("", "</details>", "")
    if card.claims:
        yield from ("## Claimed and proven", "")
        yield from _table(
            ("Claim", "Claimed", "Verdict"),
            [tuple(_text(str(row.get(key, ""))) for key in ("claim", "claimed", "verdict")) for row in card.claims],
        )
    changed = {word: ids for word, ids in card.baseline.items() if ids}
    if changed:
        yield from ("## Since the baseline", "")
        yield from (f"- {_text(word)}: {', '.join(_code(str(name)) for name in ids)}" for word, ids in changed.items())
        yield ""
    if card.notices:
        yield from ("## To tidy up", "", *(f"- {_text(notice)}" for notice in card.notices), "")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield f"| {' | '.join(head)} |"
        yield f"|{' --- |' * len(head)}"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""


def _text(text: str) -> str:
    """One line of running text in which nothing is markup, a link or a mention."""
    line = " ".join(visible(clip(text, 1000)).split())
    line = _SPECIAL.sub(r"\\\g<0>", line)
    line = re.sub("[&<>]", lambda match: _ENTITIES[match[0]], line)
    return _AUTOLINK.sub(lambda match: match[0][:1] + _WORD_JOINER + match[0][1:], line)


def _code(text: str) -> str:
    """A code span; backticks cannot end it early, for there are none left."""
    return f"`{' '.join(visible(clip(text, 200)).split()).replace('`', chr(39)) or ' '}`"


def _fenced(text: str) -> Iterator[str]:
    """A code block whose fence is longer than any run of backticks within."""
    shown = visible(clip(text))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    yield from (f"{fence}text", *shown.split("\n"), fence, "")
