"""Readiness says of every required dependency how it is, and measured it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import Component, HealthBody, Says
from readiness.facts.probes import Answer, ProbeAnswers, ProbeBaseline
from readiness.probes.outages import pass_or_fail
from readiness.probes.rest import answers_of, bodies_of, proof_of
from readiness.target import Probe, ProbeKind, Target


@dataclass(frozen=True, kw_only=True)
class ReadyLimits:
    """When figures count as made up."""

    answers: int = 4  # so many answers in a row with the very same figure; the ledger compares five


@check(
    id="probe.ready",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="Readiness lists every required dependency, healthy, with measured times",
    why="An operator reads here which dependency is at fault; a missing or invented entry sends them the wrong way.",
    source="Claims ledger, probe.ready (brain)",
    remediation="List each dependency with the result and the duration of the check that was made for this answer.",
    seeds=("brain",),
    defects=("ready-omits-redis", "ready-constant-times"),
)
def check_ready(probe_baseline: ProbeBaseline, target: Target, limits: ReadyLimits) -> Verdict:
    """Judge the declared ``components``, else those that the answer lists."""
    probe = target.probe(ProbeKind.READY)
    answers = answers_of(probe_baseline, probe)
    read = bodies_of(answers, probe)
    if not probe.components and not any(body.components for _, body in read):
        raise NotApplicable(f"{probe.path} lists no dependencies, and none are declared")
    findings = list(_missing(probe, answers, read))
    # A cached answer repeats its figures by declaration.
    if not probe.cache_seconds:
        constant = list(_constant(probe, answers, read, limits))
        if constant and not findings and _may_be_reused(read):
            raise Inconclusive(
                f"{probe.path} gave the very same answer {len(read)} times; whether it reuses answers is not declared",
                supply=f"probes:\n  ready: {{path: {probe.path}, cache_seconds: HOW_LONG_AN_ANSWER_IS_REUSED}}",
            )
        findings += constant
    if not findings and (zero := _zero(read)):
        raise Inconclusive(
            f"{probe.path} always gives {zero.latency_text} as the time that {zero.name} took: rounded down, or not measured",
            supply="report the time with enough digits, for example milliseconds with three decimals",
        )
    names = ", ".join(component.name for component in read[-1][1].components)
    return pass_or_fail(findings, f"{probe.path} lists {names}")


def _missing(probe: Probe, answers: ProbeAnswers, read: tuple[tuple[Answer, HealthBody], ...]) -> Iterator[Finding]:
    answer, body = read[-1]
    for name in probe.components:
        if body.component(name) is None:
            yield Finding(message=f"{probe.path} does not list {name}", evidence=(proof_of(answers, answer),))
    for component in body.components:
        is_required = not probe.components or component.name in probe.components
        if is_required and component.says is Says.UNHEALTHY:
            message = f"{probe.path} answers yes and calls {component.name} {component.status!r}"
            yield Finding(message=message, evidence=(proof_of(answers, answer),))


def _constant(
    probe: Probe, answers: ProbeAnswers, read: tuple[tuple[Answer, HealthBody], ...], limits: ReadyLimits
) -> Iterator[Finding]:
    """Times that are the very same again and again, with more digits than chance allows, were not measured."""
    names = [component.name for component in read[-1][1].components]
    texts = {
        name: [part.latency_text for _, body in read if (part := body.component(name)) is not None and part.latency]
        for name in names
    }
    known = {name: figures for name, figures in texts.items() if len(figures) >= limits.answers}
    # Rounded to one decimal a fast store's time repeats by chance; that of all stores together does not.
    are_all_one = len(known) > 1 and len({text for figures in known.values() for text in figures}) == 1
    for name, figures in known.items():
        decimals = len(figures[0].partition(".")[2].rstrip("sm "))
        if len(set(figures)) == 1 and (decimals > 1 or (decimals == 1 and are_all_one)):
            message = f"{probe.path} gives the same time for {name} {len(figures)} times: {figures[0]}"
            yield Finding(message=message, evidence=(proof_of(answers, read[0][0]), proof_of(answers, read[-1][0])))


def _may_be_reused(read: tuple[tuple[Answer, HealthBody], ...]) -> bool:
    """Whether all answers are one, as a cache gives them; one figure for several components is made up even so."""
    figures = [component.latency_text for component in read[0][1].components if component.latency]
    return len({answer.body for answer, _ in read}) == 1 and (len(figures) == 1 or len(set(figures)) > 1)


def _zero(read: tuple[tuple[Answer, HealthBody], ...]) -> Component | None:
    """A component whose time is zero in every answer."""
    for component in read[-1][1].components:
        parts = [part for _, body in read if (part := body.component(component.name)) is not None]
        if component.latency is not None and all(part.latency == 0 for part in parts):
            return component
    return None
