"""Nothing new is accepted while the service drains."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, NotApplicable, Severity, Verdict, check
from readiness.declared.drain import drain_of
from readiness.draining.judging import SWITCH_SECONDS, evidence_of, is_refusal, lived_until, stop_of
from readiness.facts.drain import DrainRuns, Fate, Kind
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class RefusalLimits:
    """How quick a refusal is."""

    at_most_seconds: float = 2.0  # the ledger's figure


@check(
    id="drain.refuses_new",
    category=Category.DRAIN,
    severity=Severity.MEDIUM,
    title="New requests are refused at once while the service drains",
    why="A request that is taken on now may be cut off; one that hangs keeps the caller from going elsewhere.",
    source="Claims ledger, drain.refuses_new (brain)",
    remediation="Close the listening socket with the stop signal, in every process that holds it, or answer 503.",
    seeds=("brain",),
    defects=("drain-accepts", "signal-ignored", "signal-kept-by-shell"),
)
def check_refuses_new(drain_runs: DrainRuns, target: Target, limits: RefusalLimits) -> Verdict:
    """Judge new connections between the signal and the service's end."""
    stop, declared = stop_of(drain_runs), drain_of(target)
    begin = SWITCH_SECONDS + declared.accepting_seconds
    end = lived_until(stop)
    new = tuple(r for r in stop.of(Kind.NEW) if begin < r.sent_seconds < end)
    if not new:
        raise NotApplicable(
            f"premise failed: the service ended {end:.1f} s after the signal, before it could have taken anything on"
        )
    wrong = tuple(r for r in new if not is_refusal(r, at_most_seconds=limits.at_most_seconds))
    if wrong:
        accepted = sum(r.fate is Fate.FINISHED for r in wrong)
        message = (
            f"{len(wrong)} of {len(new)} new requests later than {begin:g} s after {stop.ending.signal} were not "
            f"refused within {limits.at_most_seconds:g} s: {accepted} served, {len(wrong) - accepted} left waiting or cut"
        )
        finding = Finding(message=message, evidence=evidence_of(wrong))
        return Verdict(findings=(finding,), credit=0.5 * (1 - len(wrong) / len(new)))
    return Verdict(summary=f"{len(new)} new requests during the drain were refused at once")
