"""Judging a load through the proxy while replicas come and go."""

from __future__ import annotations

from readiness.declared.scaling import require_scaling
from readiness.facts.scaled import LoadPhase, ScaledStack
from readiness.target import Role, Target
from readiness.verdict import Evidence, Finding, Inconclusive, Measurement

__all__ = ["finding_of", "measured_of", "require_load"]

#: Fewer served requests at rest show nothing of a load: a second of it.
LEAST_AT_REST = 20
#: Where more is refused by a limiter, what is judged is the limiter.
MOST_LIMITED_RATIO = 0.5
SHOWN = 5
#: Where requests of our own are sent so late, a proxy's patience for a connection (2 s in the stacks at hand) may pass too.
MOST_LATE_SECONDS = 1.0
#: A replica that is lost costs the requests that meet it, which are refused at once, and the others are as quick as ever.
#: Where most take seconds, and work waits for a processor longer than it has one, what fails is a queue of this machine.
MOST_BESIDE_SECONDS, MOST_LOAD_PER_CPU = 1.0, 2.0


def require_load(scaled: ScaledStack, phase: LoadPhase | None, target: Target) -> LoadPhase:
    """The phase, where it can be judged.

    Raises:
        NotApplicable: there is no proxy, or one replica, by design.
        Inconclusive: no proxy is known, the load fails at rest too, or the phase is missing.
    """
    require_scaling(target)
    target.require("roles.proxy", target.services_of(Role.PROXY), example="roles:\n  proxy: SERVICE")
    busy = ", and this machine was too busy to tell" if scaled.late_seconds > MOST_LATE_SECONDS else ""
    if scaled.problem:
        raise Inconclusive(f"{scaled.problem}{busy}")
    if phase is None or scaled.rest is None or not phase.sent:
        raise Inconclusive("no load was sent while the replicas changed")
    rest = scaled.rest
    if busy and (phase.failed or rest.failed):
        raise Inconclusive(f"{phase.failed} of {phase.sent} requests failed {phase.name}{busy}")
    if phase.failed and scaled.load_per_cpu > MOST_LOAD_PER_CPU and phase.beside_seconds > MOST_BESIDE_SECONDS:
        raise Inconclusive(
            f"{phase.failed} of {phase.sent} requests failed {phase.name}, while most took "
            f"{phase.beside_seconds:g} s and {scaled.load_per_cpu:.1f} programs wanted each processor: "
            "this machine was too busy to tell"
        )
    if rest.failed:
        raise Inconclusive(
            f"{rest.failed} of {rest.sent} requests fail with {scaled.replicas} replicas at rest: {rest.failures[0].what}"
        )
    if rest.limited + phase.limited > MOST_LIMITED_RATIO * (rest.sent + phase.sent):
        raise Inconclusive(
            "most requests of the load were refused by a limiter", supply="limit: {env: {enabled: VARIABLE}}"
        )
    if rest.served < LEAST_AT_REST:
        raise Inconclusive(f"{rest.served} of {rest.sent} requests were served at rest: too few to compare with{busy}")
    return phase


def finding_of(scaled: ScaledStack, phase: LoadPhase) -> Finding:
    """How many requests of the phase failed, and the first of them."""
    steps = ["Docker Swarm updated the service"] if scaled.engine == "swarm" else []
    steps += [
        f"replica {s.replica} was told to stop at {s.at_seconds:g} s, ready again at {_at(s.ready_seconds)}"
        for s in scaled.steps
    ]
    if scaled.killed is not None:
        steps.append(f"a replica was killed at {scaled.killed.at_seconds:g} s")
    failures = [
        Evidence(source=f"{scaled.request}, sent at {f.sent_seconds:g} s", text=f"{f.what} after {f.seconds:g} s")
        for f in phase.failures[:SHOWN]
    ]
    return Finding(
        message=f"{phase.failed} of {phase.sent} requests failed {phase.name}, none at rest",
        evidence=(Evidence(source="course of events", text="; ".join(steps)), *failures),
    )


def measured_of(phase: LoadPhase) -> list[Measurement]:
    """Figures of the phase."""
    return [
        Measurement(name="requests", value=phase.sent, unit="count"),
        Measurement(name="failed", value=phase.failed, unit="count"),
        Measurement(name="slowest answer", value=phase.slowest_seconds, unit="s"),
    ]


def _at(seconds: float | None) -> str:
    return "no time" if seconds is None else f"{seconds:g} s"
