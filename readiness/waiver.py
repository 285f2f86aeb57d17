"""Waivers: a finding that its owner accepts, for a reason from a closed list, until a day. Pure.

A waived failure is shown with its owner and leaves the grade; from the day after ``expires`` it is a failure again,
and says so. Only failures are waived: what could not be told is supplied or declared ``none``, not waived.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Iterable
from datetime import date

from readiness.exceptions import ConfigError
from readiness.scorecard import CheckResult
from readiness.target import Waiver
from readiness.verdict import Finding, Outcome

__all__ = ["REASONS", "notices", "validate", "waive"]

#: Why a finding may be accepted. Closed, so that a reviewer can count them; the story belongs into ``note``.
REASONS: dict[str, str] = {
    "accepted-risk": "the owner knows what it can cost and bears it",
    "false-positive": "the finding is wrong; the note says why, and a report to this project is due",
    "handled-elsewhere": "something outside the audited stack provides the property; the note says what",
    "planned": "the fix is scheduled for before the expiry",
}


def validate(
    waivers: Iterable[Waiver],
    *,
    known: Collection[str],
    file: str | None = None,
    line_of: Callable[[int], int | None] = lambda _: None,
) -> None:
    """Refuse waivers that could never do what their owner thinks.

    Args:
        waivers: as declared.
        known: every check id that exists, whether or not this run includes it.
        file: where they are written, for the message.
        line_of: the line of the waiver at a position; called only for one that is refused.

    Raises:
        ConfigError: an unknown check id (with the nearest one), an unknown reason, an owner left empty, a date that
            is none, or two waivers for one check.
    """
    seen: set[str] = set()
    for position, waiver in enumerate(waivers):
        try:
            _validate_one(waiver, known=known, seen=seen)
        except ConfigError as error:
            raise ConfigError(error.message, file=file, line=line_of(position), hint=error.hint) from error
        seen.add(waiver.check)


def _validate_one(waiver: Waiver, *, known: Collection[str], seen: Collection[str]) -> None:
    where = f"waiver for {waiver.check!r}"
    if waiver.check not in known:
        near = difflib.get_close_matches(waiver.check, sorted(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "readiness list shows the ids of all checks"
        raise ConfigError(f"{where}: there is no such check", hint=hint)
    if waiver.reason not in REASONS:
        choices = ", ".join(REASONS)
        raise ConfigError(f"{where}: unknown reason {waiver.reason!r}", hint=f"one of {choices}")
    if not waiver.owner.strip():
        raise ConfigError(f"{where}: no owner", hint="name who accepts the finding")
    if waiver.check in seen:
        raise ConfigError(f"{where}: written twice", hint="keep one of them")
    _last_day(waiver)


def waive(result: CheckResult, waivers: Iterable[Waiver], *, today: date) -> CheckResult:
    """The result with its waiver applied: a failure becomes *waived*, or keeps failing where the waiver has expired.

    Args:
        result: of any outcome; all but failures come back as they are.
        waivers: as declared.
        today: the day in UTC; a waiver holds through the day of its expiry.

    Raises:
        ConfigError: the expiry is not a date.
    """
    waiver = next((waiver for waiver in waivers if waiver.check == result.id), None)
    if waiver is None or result.outcome is not Outcome.FAIL:
        return result
    shown = {"reason": waiver.reason, "owner": waiver.owner, "expires": waiver.expires}
    if waiver.note:
        shown["note"] = waiver.note
    if today > _last_day(waiver):
        expired = Finding(message=f"The waiver of {waiver.owner} ({waiver.reason}) expired on {waiver.expires}.")
        return dataclasses.replace(result, findings=(*result.findings, expired), waiver=shown)
    reason = f"{waiver.reason}, accepted by {waiver.owner} until {waiver.expires}"
    return dataclasses.replace(result, outcome=Outcome.WAIVED, reason=reason, waiver=shown)


def notices(waivers: Iterable[Waiver], results: Iterable[CheckResult]) -> tuple[str, ...]:
    """One sentence for each waiver that waived nothing in a whole run, so that dead ones are tidied up."""
    outcomes = {result.id: result.outcome for result in results}
    because = {
        Outcome.PASS: "the check passes; remove the waiver",
        Outcome.NOT_APPLICABLE: "the check does not apply; remove the waiver",
        Outcome.INCONCLUSIVE: "the check could not be decided, and only a failure can be waived",
        None: "the check was not part of this run",
    }
    return tuple(
        f"The waiver for {waiver.check} waives nothing: {because[outcome]}."
        for waiver in waivers
        if (outcome := outcomes.get(waiver.check)) in because
    )


def _last_day(waiver: Waiver) -> date:
    try:
        return date.fromisoformat(waiver.expires)
    except ValueError as error:
        raise ConfigError(
            f"waiver for {waiver.check!r}: expires {waiver.expires!r} is not a date", hint="write it as 2027-03-01"
        ) from error
