"""What the formats for people share: the order of things, the words for figures, and safe spelling of strange text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from readiness.scorecard import CheckResult, Scorecard
from readiness.verdict import Measurement, Outcome

__all__ = ["View", "asked_for", "clip", "duration", "limits", "measured", "percent", "points", "size", "visible"]

#: Evidence is bounded by those who gather it; this bounds what a page of one card can grow to.
MAX_TEXT = 4000

_MINUTE, _HOUR = 60.0, 3600.0


@dataclass(frozen=True, kw_only=True)
class View:
    """A card's checks as a reader wants them.

    Attributes:
        failed: those that cost the most points first.
        inconclusive: those that leave the most open first.
    """

    failed: tuple[CheckResult, ...]
    inconclusive: tuple[CheckResult, ...]
    waived: tuple[CheckResult, ...]
    passed: tuple[CheckResult, ...]
    not_applicable: tuple[CheckResult, ...]
    attested: tuple[CheckResult, ...]
    total_weight: float

    @classmethod
    def of(cls, card: Scorecard) -> View:
        """Sort and group."""

        def ended(outcome: Outcome) -> tuple[CheckResult, ...]:
            found = [check for check in card.checks if check.outcome is outcome]
            return tuple(sorted(found, key=lambda c: (-c.weight * (1 - c.credit), -c.severity.rank, c.id)))

        return cls(
            failed=ended(Outcome.FAIL),
            inconclusive=ended(Outcome.INCONCLUSIVE),
            waived=ended(Outcome.WAIVED),
            passed=tuple(c for c in card.checks if c.outcome is Outcome.PASS),
            not_applicable=tuple(c for c in card.checks if c.outcome is Outcome.NOT_APPLICABLE),
            attested=tuple(c for c in card.checks if c.outcome is Outcome.ATTESTED),
            total_weight=sum(check.weight for check in card.checks),
        )

    def points_lost(self, check: CheckResult) -> float:
        """Points of the score that the check would bring if it passed."""
        return 100 * check.weight * (1 - check.credit) / self.total_weight if self.total_weight else 0.0

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """How many checks ended how, in words; only what occurs."""
        rows = (
            ("failed", len(self.failed)),
            ("inconclusive", len(self.inconclusive)),
            ("waived", len(self.waived)),
            ("passed", len(self.passed)),
            ("not applicable", len(self.not_applicable)),
            ("attested", len(self.attested)),
        )
        return tuple((word, count) for word, count in rows if count)


def asked_for(reason: str, supply: str) -> str:
    """The words before what the owner can supply: lines of a declaration, or a sentence."""
    if ":\n" not in supply:
        return "to decide it:"
    if reason.startswith("not configured: "):
        return "add to readiness.yaml (or none, and why, where the stack has none by design):"
    return "add to readiness.yaml:"


def visible(text: str) -> str:
    r"""``text`` with everything that a screen would obey instead of show spelled out: ``\x1b``, ``\u202e``, ….

    Line breaks and tabs stay; carriage returns that only end a line go. Covered are control characters (terminal
    escapes), format characters (right-to-left overrides, zero-width ones), line separators and lone surrogates.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(char if char in "\n\t" or _is_plain(char) else _spelled(char) for char in text)


def clip(text: str, limit: int = MAX_TEXT) -> str:
    """At most ``limit`` characters, and a word on how many are left out."""
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters]"


def points(score: float) -> str:
    """A score for a reader: one decimal at most, cut off and not rounded, so that it never shows a higher band."""
    cut = int(score * 10 + 1e-6) / 10
    return f"{cut:g}"


def percent(ratio: float) -> str:
    """A ratio for a reader, cut off as :func:`points` does."""
    return f"{int(ratio * 100 + 1e-6)} %"


def duration(seconds: float) -> str:
    """Seconds for a reader."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def size(count: float) -> str:
    """Bytes for a reader, in binary units."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004  # the step between binary units
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} TiB"


def measured(value: float | None, unit: str) -> str:
    """A figure with its unit; empty for None."""
    if value is None:
        return ""
    if unit == "B":
        return size(value)
    figure = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"  # noqa: PLR2004  # beyond it a float holds no exact integers
    return figure if unit == "count" else f"{figure} {unit}"


def limits(measurement: Measurement) -> str:
    """The limits of a measurement in words; empty without."""
    words = []
    if measurement.at_least is not None:
        words.append(f"at least {measured(measurement.at_least, measurement.unit)}")
    if measurement.at_most is not None:
        words.append(f"at most {measured(measurement.at_most, measurement.unit)}")
    return " and ".join(words)


def _is_plain(char: str) -> bool:
    # Cc control, Cf format (bidi, zero width), Cs surrogate, Co private use, Cn unassigned, Zl and Zp separators.
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _spelled(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004  # the widths of Python's own escapes
