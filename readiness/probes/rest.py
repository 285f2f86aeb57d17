"""What a probe answered at rest."""

from __future__ import annotations

from readiness.facts.probe_body import HealthBody, read_body
from readiness.facts.probes import Answer, ProbeAnswers, ProbeBaseline
from readiness.probes.standing import is_yes_status
from readiness.target import Probe
from readiness.verdict import Evidence, Inconclusive

__all__ = ["answers_of", "bodies_of", "proof_of"]


def answers_of(baseline: ProbeBaseline, probe: Probe) -> ProbeAnswers:
    """The probe's answers.

    Raises:
        Inconclusive: it could not be asked.
    """
    found = baseline.of(probe.kind)
    if found is None or not found.answers:
        raise Inconclusive(
            f"the {probe.kind} probe {probe.path} could not be asked: nobody says on which port",
            supply=f"probes:\n  {probe.kind}: {{path: {probe.path}, service: NAME, port: 8000}}",
        )
    return found


def bodies_of(answers: ProbeAnswers, probe: Probe) -> tuple[tuple[Answer, HealthBody], ...]:
    """The quiet answers that say yes by status, read.

    Raises:
        Inconclusive: none does, so there is no health report to judge; whether it should, probe.health_ok judges.
    """
    good = [(answer, read_body(answer.body)) for answer in answers.answers if is_yes_status(probe, answer.status)]
    if not good:
        first = answers.answers[0]
        raise Inconclusive(
            f"the {probe.kind} probe {probe.path} did not answer yes at rest ({first.status or first.error})"
        )
    return tuple(good)


def proof_of(answers: ProbeAnswers, answer: Answer | None = None) -> Evidence:
    """One answer as proof; the first without an argument."""
    shown = answer or answers.answers[0]
    said = shown.status if shown.status is not None else shown.error
    source = f"{answers.exchange.method} {answers.exchange.url} ({answers.exchange.entry}), at rest: {said}"
    return Evidence(source=source, text=shown.body.strip()[:600] or (shown.error or "(empty body)"))
