"""A database that is not there is asked again with pauses, seen where the attempts arrive."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.retry import retry_of_database
from readiness.facts.startup import Attempt, LateDependency
from readiness.starting.attempts import before_the_end, rhythm_of
from readiness.starting.lateness import observed
from readiness.target import Target

SUPPLY = "retry:\n  db: {base_seconds: 2, factor: 2, attempts: 5}"
#: Two pauses; one alone shows neither growth nor steadiness.
ENOUGH = 3


@dataclass(frozen=True, kw_only=True)
class BackoffLimits:
    """What counts as hammering, and how exactly a declared pause is kept.

    Attributes:
        per_second: attempts in a second, kept up; with one process that is a pause of half a second.
        pause_ratio: the ledger's 20 %.
        pause_seconds: on top where it is longer: an attempt takes time itself, and a busy machine wakes late.
        clock_seconds: on top where it is shorter, which no machine makes it.
    """

    per_second: float = 2.2
    pause_ratio: float = 0.2
    pause_seconds: float = 1.0
    clock_seconds: float = 0.1


@check(
    id="retry.db_backoff",
    category=Category.RETRY,
    severity=Severity.MEDIUM,
    title="Attempts to reach the database at the start keep a distance that grows or is long enough",
    why="A fleet that asks without a pause takes a database that is just coming up down again, and fills every log.",
    source="Claims ledger, retry.db_backoff (aistack): base 2 s, factor 2, ±20 %; declared figures where there are any",
    remediation="Wait between attempts, twice as long each time up to a cap, with some jitter.",
    seeds=("aistack",),
    defects=("retries-without-pause",),
)
def check_db_backoff(late_dependency: LateDependency, target: Target, limits: BackoffLimits) -> Verdict:
    """Judge the attempts of the program's first run; what an engine starts again begins anew."""
    away, back = observed(late_dependency)
    if away.attempts is None:
        raise Inconclusive(f"attempts could not be seen: {away.unseen}")
    attempts = before_the_end(away)
    service, store = late_dependency.service, late_dependency.dependency
    if len(attempts) < ENOUGH:
        if away.first_end_seconds is not None:
            raise NotApplicable(
                f"premise failed: {service} ends after {len(attempts)} attempts, so there are no pauses to judge"
            )
        if not attempts:
            raise Inconclusive(f"nobody came to the place of {store} in {away.seconds:.0f} s, and {service} runs")
        if back.ready_seconds is None:
            raise NotApplicable(f"premise failed: {service} does not try {store} again")
        raise Inconclusive(
            f"{len(attempts)} attempts in {away.seconds:.0f} s: too few to see whether the pauses grow", supply=SUPPLY
        )
    until = away.seconds if away.first_end_seconds is None else away.first_end_seconds
    rhythm = rhythm_of(attempts, until=until)
    seen = ", ".join(f"{pause:.2f}" for pause in rhythm.pauses[:12])
    evidence = Evidence(source=f"listener in the place of {store}", text=f"pauses in seconds: {seen}")
    measured = [
        Measurement(name="attempts", value=len(attempts), unit="count"),
        Measurement(name="attempts in the second half", value=round(rhythm.per_second, 2), unit="1/s"),
        Measurement(name="longest pause", value=round(max(rhythm.pauses), 2), unit="s"),
    ]
    if rhythm.factor is not None and rhythm.grows:
        measured.append(Measurement(name="growth of a pause", value=round(rhythm.factor, 2), unit="ratio"))
    if rhythm.per_second > limits.per_second:
        message = (
            f"{service} asks for {store} {rhythm.per_second:.1f} times a second without end; more than "
            f"{limits.per_second:g} is hammering"
        )
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),), measured=measured)
    wrong = list(_departures(attempts, target, limits))
    if wrong:
        return Verdict(
            findings=[Finding(message=text, evidence=(evidence,)) for text in wrong], measured=measured, credit=0.5
        )
    kind = "grow" if rhythm.grows else "are steady" if rhythm.is_steady else "vary"
    return Verdict(measured=measured, summary=f"{len(attempts)} attempts, whose pauses {kind}: {seen} s")


def _departures(attempts: Sequence[Attempt], target: Target, limits: BackoffLimits) -> Iterator[str]:
    """Where the pauses are not the declared ones."""
    schedule = retry_of_database(target)
    pauses = [later.seconds - earlier.seconds for earlier, later in itertools.pairwise(attempts)]
    expected = schedule.pauses(len(pauses))
    for number, (pause, wanted) in enumerate(zip(pauses, expected, strict=False), start=1):
        low = (1 - limits.pause_ratio) * wanted - limits.clock_seconds
        high = (1 + limits.pause_ratio) * wanted + limits.pause_seconds
        if not low <= pause <= high:
            yield f"pause {number} is {pause:.2f} s; {wanted:g} s is declared"
            return  # those after it are moved by it
    if schedule.base_seconds is not None and schedule.attempts and len(attempts) > schedule.attempts:
        yield f"{len(attempts)} attempts; {schedule.attempts} are declared"
