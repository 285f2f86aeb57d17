"""The card for a terminal: what was decided, what is wrong, what is missing, and what to do next."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from readiness.render._view import View, asked_for, clip, duration, percent, points, visible
from readiness.scorecard import CheckResult, Scorecard
from readiness.verdict import Severity

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "terminal"
SUFFIX = ".txt"

#: Longer texts belong into the other formats; here each part of a check gets a few lines.
_MAX_TEXT = 500
_BAR_CELLS = 24
_LEAST_WIDTH = 50

_RESET = "\x1b[0m"
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_GRADE_COLOURS = {"A": "green", "B": "green", "C": "yellow", "D": "red", "F": "red"}

#: What plain ASCII puts in place of the few signs used here.
_ASCII = {"█": "#", "░": ".", "─": "-", "·": "-", "…": "...", "✓": "+", "✗": "x"}


def render(card: Scorecard, width: int = 100, *, colour: bool = False, ascii_only: bool = False) -> str:
    r"""The summary, ending in a line break.

    Args:
        card: the result.
        width: of the terminal, in cells; at least 50 are used.
        colour: send colours; no other control characters are ever sent.
        ascii_only: for terminals without UTF-8; what a target said in other characters is then spelled ``\uXXXX``.
    """
    page = _Page(width=max(width, _LEAST_WIDTH), colour=colour)
    lines = page.lines(card)
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    if ascii_only:
        for sign, plain in _ASCII.items():
            text = text.replace(sign, plain)
        text = text.encode("ascii", "backslashreplace").decode("ascii")
    return text


class _Page:
    """Lines of one width, with or without colours."""

    def __init__(self, *, width: int, colour: bool) -> None:
        self._width, self._colour = width, colour

    def lines(self, card: Scorecard) -> Iterator[str]:
        """Everything, top to bottom."""
        view = View.of(card)
        yield from self._head(card, view)
        yield from self._start(card)
        yield from self._failed(view)
        yield from self._inconclusive(view)
        yield from self._rest(card, view)
        yield from self._ending(card, view)

    def _head(self, card: Scorecard, view: View) -> Iterator[str]:
        yield self._rule(f"readiness of {self._line(card.target.name)} · profile {self._line(card.profile.name)}")
        grade = card.grade or "no grade"
        colour = _GRADE_COLOURS.get(grade[0], "yellow")
        low, high = card.interval
        score = f"score {points(card.score)} of 100"
        if high > low:
            score += f" (up to {points(high)} if all that is open passes)"
        beside = textwrap.wrap(f"{score} · {percent(card.coverage)} decided", self._width - len(grade) - 4)
        yield f"{self._paint(f' {grade} ', 'bold', colour)}  {beside[0]}"
        yield from (f"{' ' * (len(grade) + 4)}{line}" for line in beside[1:])
        yield from self._wrapped(", ".join(f"{count} {word}" for word, count in view.counts) or "nothing was checked")
        if card.run.partial:
            yield from self._wrapped(f"Partial run: {self._line(card.run.partial)}")
        for cap in card.caps:
            yield from self._wrapped(f"Cap: {self._line(cap)}")
        yield ""
        longest = max((len(self._line(category.title)) for category in card.categories), default=0)
        cells = max(0, min(_BAR_CELLS, self._width - longest - len("    A+   100.0  100 % decided")))
        for category in card.categories:
            filled = round(cells * category.score / 100)
            bar = "█" * filled + "░" * (cells - filled)
            note = "" if category.coverage >= 1 else f"  {percent(category.coverage)} decided"
            letter = (category.grade or "-").ljust(2)
            yield f"  {self._line(category.title).ljust(longest)}  {letter}  {bar} {points(category.score):>5}{note}"

    def _start(self, card: Scorecard) -> Iterator[str]:
        start = card.target.start
        if not start or start.get("is_up"):
            return
        yield from self._title("The stack did not start", "red")
        if start.get("problem"):
            yield from self._wrapped(str(start["problem"]), indent=2)
        for service in start.get("services", ()):
            if service.get("is_ready"):
                continue
            cause = ": ".join(str(service[key]) for key in ("cause", "detail") if service.get(key))
            yield from self._wrapped(
                f"✗ {service.get('service')}: {service.get('state')}; {cause or 'unknown'}", indent=2
            )
            for text in (*service.get("log_lines", ())[-5:], *service.get("health_log", ())[-1:]):
                yield from self._wrapped(f"| {text}", indent=6)

    def _failed(self, view: View) -> Iterator[str]:
        if view.failed:
            yield from self._title(f"Failed: {len(view.failed)}", "red")
        for check in view.failed:
            lost = points(view.points_lost(check))
            yield from self._check("✗", check, f"{check.severity}, -{lost} points")
            if check.findings:
                yield from self._wrapped(check.findings[0].message, indent=4)
                for evidence in check.findings[0].evidence[:1]:
                    yield from self._wrapped(f"{evidence.source}: {evidence.text}", indent=6, style="dim")
            if len(check.findings) > 1:
                yield from self._wrapped(f"… {len(check.findings) - 1} more in the full report", indent=4)
            yield from self._wrapped(f"do: {check.remediation}", indent=4)

    def _inconclusive(self, view: View) -> Iterator[str]:
        if view.inconclusive:
            yield from self._title(f"Could not be told: {len(view.inconclusive)}", "yellow")
        by_cause: dict[tuple[str, str], list[CheckResult]] = {}
        for check in view.inconclusive:
            by_cause.setdefault((check.reason, check.supply), []).append(check)
        for (reason, supply), checks in by_cause.items():
            yield from self._wrapped(f"? {', '.join(check.id for check in checks)}", indent=2)
            yield from self._wrapped(reason or "no reason recorded", indent=4)
            if supply:
                yield from self._wrapped(asked_for(reason, supply), indent=4)
                yield from self._block(supply, indent=6)

    def _rest(self, card: Scorecard, view: View) -> Iterator[str]:
        if view.waived:
            yield from self._title(f"Waived: {len(view.waived)}")
        for check in view.waived:
            yield from self._wrapped(f"{check.id}: {check.reason}", indent=2)
        if card.claims:
            yield from self._title("Claimed and proven")
        for row in card.claims:
            yield from self._wrapped(f"{str(row.get('verdict')).ljust(8)}  {row.get('claim')}", indent=2)
        if card.notices:
            yield from self._title("To tidy up")
        for notice in card.notices:
            yield from self._wrapped(notice, indent=2)
        changed = {word: ids for word, ids in card.baseline.items() if ids}
        if changed:
            yield from self._title("Since the baseline")
        for word, ids in changed.items():
            yield from self._wrapped(f"{word}: {', '.join(map(str, ids))}", indent=2)

    def _ending(self, card: Scorecard, view: View) -> Iterator[str]:
        yield ""
        if card.next_grade.fix:
            names = ", ".join(card.next_grade.fix)
            yield from self._wrapped(
                f"Next grade: {card.next_grade.grade} with {len(card.next_grade.fix)} mended: {names}"
            )
        word, colour = ("✓ Gate passed", "green") if card.gate.passed else ("✗ Gate failed", "red")
        yield self._paint(word, "bold", colour)
        for reason in card.gate.reasons:
            yield from self._wrapped(f"- {reason}", indent=2)
        yield self._rule(f"{sum(count for _, count in view.counts)} checks in {duration(card.run.seconds)}")

    def _check(self, sign: str, check: CheckResult, note: str) -> Iterator[str]:
        style = "bold" if check.severity in {Severity.CRITICAL, Severity.HIGH} else None
        yield from self._wrapped(f"{sign} {check.id} ({note}): {check.title}", indent=2, style=style)

    def _title(self, text: str, colour: str | None = None) -> Iterator[str]:
        yield ""
        yield self._paint(text, "bold", *([colour] if colour else []))

    def _rule(self, text: str) -> str:
        shown = clip(text, self._width - 8)
        return f"── {shown} ".ljust(self._width, "─")[: self._width]

    def _wrapped(self, text: str, *, indent: int = 0, style: str | None = None) -> Iterator[str]:
        hanging = " " * (indent + 2 if text[:2] in {"✗ ", "? ", "- ", "| "} else indent)
        wrapped = textwrap.wrap(
            self._line(text),
            self._width,
            initial_indent=" " * indent,
            subsequent_indent=hanging,
            break_on_hyphens=False,
        )
        yield from (self._paint(line, style) if style else line for line in wrapped)

    def _block(self, text: str, *, indent: int) -> Iterator[str]:
        """Lines as they are, for copying; only bounded."""
        yield from (
            f"{' ' * indent}{clip(line, 200)}" for line in visible(clip(text, _MAX_TEXT)).expandtabs(2).split("\n")
        )

    @staticmethod
    def _line(text: str) -> str:
        return " ".join(visible(clip(text, _MAX_TEXT)).split())

    def _paint(self, text: str, *styles: str) -> str:
        if not self._colour:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}{_RESET}"
