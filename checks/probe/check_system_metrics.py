"""System metrics in a health answer are measured, and plausible."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import HealthBody, read_body
from readiness.facts.probes import Answer, ProbeAnswers, ProbeBaseline
from readiness.probes.rest import answers_of, proof_of
from readiness.probes.standing import is_yes_status
from readiness.target import Probe, ProbeKind, Target

#: Where such a report may be; the first that has one is judged.
KINDS = (ProbeKind.DETAILED, ProbeKind.HEALTH, ProbeKind.BASIC, ProbeKind.READY)
CLAIMED = ("cpu_percent", "memory_percent", "disk_percent")
PERCENT = 100.0


@check(
    id="probe.system_metrics",
    category=Category.PROBE,
    severity=Severity.LOW,
    title="The health answer's system metrics are percentages that move with the machine",
    why="Constants where measurements are claimed hide the full disk and the leak that the report exists for.",
    source="Claims ledger, probe.system_metrics (myragdb)",
    remediation="Measure per answer, for example with psutil; leave out what cannot be measured.",
    seeds=("myragdb",),
    defects=("metrics-constant",),
)
def check_system_metrics(probe_baseline: ProbeBaseline, target: Target) -> Verdict:
    """Judge the probe that declares or announces them."""
    target.require("probes", target.probes, example="probes:\n  detailed: /health/detailed")
    candidates = [target.probes[kind] for kind in KINDS if kind in target.probes]
    declaring = [probe for probe in candidates if "system_metrics" in probe.reports]
    for probe in declaring or candidates:
        answers = answers_of(probe_baseline, probe)
        samples = (*answers.answers, *answers.busy)
        read = [(answer, read_body(answer.body)) for answer in samples if is_yes_status(probe, answer.status)]
        if declaring and not read:
            raise Inconclusive(f"{probe.path} did not answer yes at rest")
        if any(body.metrics for _, body in read) or declaring:
            return _judge(probe, answers, read)
    paths = ", ".join(probe.path for probe in candidates) or "no probe"
    raise NotApplicable(f"the answer announces no system metrics and none are declared ({paths})")


def _judge(probe: Probe, answers: ProbeAnswers, read: list[tuple[Answer, HealthBody]]) -> Verdict:
    known = [(answer, body) for answer, body in read if body.metrics]
    if not known:
        message = f"{probe.path} reports no system_metrics, which are declared"
        return Verdict(findings=(Finding(message=message, evidence=(proof_of(answers),)),))
    names = [name for name in known[-1][1].metrics if "percent" in name.lower()] or list(known[-1][1].metrics)
    findings = list(_missing(probe, answers, known))
    measured = []
    for name in names:
        values = [body.metrics[name] for _, body in known if name in body.metrics]
        if "percent" in name.lower():
            worst = max(values, key=lambda v: abs(v - PERCENT / 2)) / PERCENT
            measured.append(Measurement(name=name, value=worst, unit="ratio", at_least=0.0, at_most=1.0))
    if not findings:
        findings += _constant(probe, answers, known, names)
    return Verdict(
        findings=tuple(findings),
        measured=tuple(measured),
        summary=f"{probe.path}: {', '.join(names)}, {len(known)} answers, at rest and busy",
    )


def _missing(probe: Probe, answers: ProbeAnswers, known: list[tuple[Answer, HealthBody]]) -> Iterator[Finding]:
    answer, body = known[-1]
    if "system_metrics" in probe.reports:
        for name in CLAIMED:
            if name not in body.metrics:
                yield Finding(
                    message=f"{probe.path}: system_metrics lacks {name}", evidence=(proof_of(answers, answer),)
                )
    if "timestamp" in probe.reports and body.timestamp is None:
        text = f"{probe.path} has no timestamp that can be read, which is declared"
        yield Finding(message=text, evidence=(proof_of(answers, answer),))


def _constant(
    probe: Probe, answers: ProbeAnswers, known: list[tuple[Answer, HealthBody]], names: list[str]
) -> Iterator[Finding]:
    """Not one of the figures moves, although the machine did something in between."""
    first, last = known[0], known[-1]
    if any(body.metrics.get(name) != first[1].metrics.get(name) for _, body in known for name in names):
        return
    is_same_answer = first[1].timestamp is not None and first[1].timestamp == last[1].timestamp
    if is_same_answer or probe.cache_seconds > last[0].at_seconds - first[0].at_seconds:
        raise Inconclusive(
            f"{probe.path} repeated one answer for {last[0].at_seconds - first[0].at_seconds:.0f} s, so its metrics could not move",
            supply="declare for how long it reuses answers: cache_seconds",
        )
    if len(known) <= len(answers.answers) or not any("cpu" in name.lower() for name in names):
        raise Inconclusive(f"{probe.path}: no figure that must move was seen while the stack was busy")
    figures = ", ".join(f"{name} {first[1].metrics[name]:g}" for name in names)
    message = f"{probe.path}: {figures} in each of {len(known)} answers, at rest and busy"
    yield Finding(message=message, evidence=(proof_of(answers, first[0]), proof_of(answers, last[0])))
