"""Every attempt to reach the database at the start stands in the log."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.startup import Attempt, LateDependency
from readiness.starting.attempts import before_the_end, rhythm_of
from readiness.starting.lateness import observed
from readiness.starting.logged import about, silent, tells_number, tells_pause

#: Two complete attempts, and the one that ends the second.
ENOUGH = 3
#: At more attempts in a second than this nobody can tell which line is of which.
READABLE_PER_SECOND = 4.0


@check(
    id="retry.logged",
    category=Category.RETRY,
    severity=Severity.LOW,
    title="Every attempt to reach the database at the start is logged, with its number or the pause after it",
    why="A service that waits and does not say for what looks like one that hangs, and is restarted for nothing.",
    source="Claims ledger, retry.logged (aistack): as many lines as the listener saw attempts, with number and delay",
    remediation="Log a warning for each failed attempt: what was tried, which attempt it is, when the next one follows.",
    seeds=("aistack",),
    defects=("retries-silently",),
)
def check_logged(late_dependency: LateDependency) -> Verdict:
    """Compare what arrived at the database's place with what was logged meanwhile, attempt by attempt."""
    away, _ = observed(late_dependency)
    service, store = late_dependency.service, late_dependency.dependency
    if away.attempts is None:
        raise Inconclusive(f"attempts could not be seen: {away.unseen}")
    seen = before_the_end(away)
    if len(seen) < ENOUGH:
        if away.first_end_seconds is None and not seen:
            raise Inconclusive(f"nobody came to the place of {store} in {away.seconds:.0f} s, and {service} runs")
        raise NotApplicable(f"premise failed: {service} makes {len(seen)} attempts, so there is no retry to be logged")
    # What was logged of the last one may not have been written yet.
    told = [attempt for attempt in seen[:-1] if attempt.lines is not None]
    unsaid = silent(told, late_dependency.names)
    rhythm = rhythm_of(seen, until=away.first_end_seconds or away.seconds)
    measured = [
        Measurement(name="attempts seen", value=len(told), unit="count"),
        Measurement(name="attempts in the log", value=len(told) - len(unsaid), unit="count"),
    ]
    if rhythm.per_second > READABLE_PER_SECOND:
        return _of_many(told, late_dependency, measured)
    if unsaid:
        said = [line for attempt in unsaid for line in attempt.lines or ()]
        if late_dependency.logs_elsewhere and not away.log:
            raise Inconclusive(f"{service} logs to files, and prints nothing; what is in them is not read here")
        speaking = [attempt for attempt in unsaid if attempt.lines]
        # A line or two of something else, as at every start, are none of an attempt each.
        if len(unsaid) == len(told) and 2 * len(speaking) >= len(told):
            raise Inconclusive(
                f"{service} prints lines between its attempts, and none of them names {store}: {said[0]}"
            )
        text = "\n".join(line for attempt in told for line in attempt.lines or ())[:2000]
        message = f"of {len(told)} attempts to reach {store}, {len(unsaid)} left no line in the log of {service}"
        evidence = Evidence(source=f"log of {service} between the attempts", text=text or "(nothing)")
        credit = round((len(told) - len(unsaid)) / len(told), 2)
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),), measured=measured, credit=credit)
    has_number, has_pause = tells_number(told), tells_pause(told, rhythm.pauses)
    told_also = [word for word, holds in (("number", has_number), ("pause", has_pause)) if holds]
    example = [line for attempt in told for line in about(attempt.lines or (), late_dependency.names)][-1]
    if not told_also:
        message = "the lines of an attempt tell neither which one it was nor when the next one follows"
        evidence = Evidence(source=f"log of {service}", text=example)
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),), measured=measured, credit=0.5)
    also = f" with its {' and its '.join(told_also)}" if told_also else ""
    return Verdict(measured=measured, summary=f"all {len(told)} attempts are logged{also}: {example[:160]}")


def _of_many(told: list[Attempt], late: LateDependency, measured: list[Measurement]) -> Verdict:
    """Judge attempts that come too fast to be told apart by their number alone."""
    lines = sum(len(about(attempt.lines or (), late.names)) for attempt in told)
    if 2 * lines >= len(told):
        return Verdict(
            measured=measured, summary=f"{lines} lines tell of {len(told)} attempts, which come without a pause"
        )
    if lines:
        raise Inconclusive(f"{len(told)} attempts come without a pause, and {lines} lines tell of some of them")
    message = f"of {len(told)} attempts to reach {late.dependency} none left a line in the log of {late.service}"
    return Verdict(findings=(Finding(message=message),), measured=measured)
