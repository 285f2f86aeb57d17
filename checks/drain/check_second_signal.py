"""A second stop signal does what is declared."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.drain import drain_of
from readiness.facts.drain import DrainBound, SecondSignal
from readiness.target import Target

SUPPLY = "drain:\n  timeout_seconds: 30\n  env: SHUTDOWN_TIMEOUT\n  second_signal: ignored  # or forces"
WORDS = {"ignored": "the drain goes on", "forces": "it ends at once"}


@dataclass(frozen=True, kw_only=True)
class SecondLimits:
    """Which moments between the second signal and the drain's own end belong to which; the rest is told as unclear."""

    # Parts of that time: on a busy machine an end takes long, and servers count their timeout in whole seconds.
    forced_ratio: float = 0.5
    ignored_ratio: float = 0.75


@check(
    id="drain.second_signal",
    category=Category.DRAIN,
    severity=Severity.LOW,
    title="A second stop signal does what is declared",
    why="People press Ctrl-C twice, and a supervisor and a shell each pass on the same signal: what was meant to be a "
    "drain must not become a cut, nor a way out that is relied on be missing.",
    source="uvicorn, server.py, handle_exit; supervisord documentation, stopasgroup",
    remediation="Handle the signal every time it comes, not once: the first begins the drain, a later one changes "
    "nothing, or ends it where that is intended.",
    defects=("second-signal-forces",),
)
def check_second_signal(drain_bound: DrainBound, target: Target, limits: SecondLimits) -> Verdict:
    """Judge the time between the second signal and the cut of what was open."""
    declared, second = drain_of(target).second_signal, drain_bound.second
    if second is None:
        if not declared:
            raise NotApplicable("nothing is declared about a second signal (drain.second_signal)")
        reasons = [drain_bound.not_done[part] for part in ("second", "lowered") if part in drain_bound.not_done]
        raise Inconclusive("; ".join(reasons) or "it was not tried", supply=SUPPLY)
    if second.cut_seconds < second.sent_seconds:
        raise NotApplicable(
            f"premise failed: what was open was cut {second.cut_seconds:.1f} s after the first signal, before the second"
        )
    seen = _effect(second, limits)
    told = f"sent again after {second.sent_seconds:.1f} s, what was open was cut after {second.cut_seconds:.1f} s; {second.ending.words}"
    if not declared:
        raise NotApplicable(f"nothing is declared about a second signal (drain.second_signal); {told}")
    if seen is None:
        raise Inconclusive(f"it cannot be told whether the second signal or the timeout was at work: {told}")
    measured = (
        Measurement(name="from the second signal to the cut", value=second.cut_seconds - second.sent_seconds, unit="s"),
    )
    if seen != declared:
        message = f"declared is that after a second signal {WORDS[declared]}, and {WORDS[seen]}"
        evidence = Evidence(source=second.held.name, text=told)
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),), measured=measured)
    return Verdict(measured=measured, summary=f"{WORDS[seen]}: {told}")


def _effect(second: SecondSignal, limits: SecondLimits) -> str | None:
    """As it would be declared; None where both are possible."""
    moments = {second.sent_seconds, second.sent_seconds if second.sent_by_seconds is None else second.sent_by_seconds}
    effects = {_effect_of(second, moment, limits) for moment in moments}
    return effects.pop() if len(effects) == 1 else None


def _effect_of(second: SecondSignal, sent_seconds: float, limits: SecondLimits) -> str | None:
    """The same, where it was sent at this moment."""
    part = (second.cut_seconds - sent_seconds) / max(second.timeout_seconds - sent_seconds, 0.1)
    if part <= limits.forced_ratio:
        return "forces"
    return "ignored" if part >= limits.ignored_ratio else None
