"""Health bodies say the word that their owner says they say."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.probe_body import read_body
from readiness.facts.probes import ProbeBaseline
from readiness.probes.outages import pass_or_fail
from readiness.probes.rest import answers_of, proof_of
from readiness.probes.standing import is_yes_status
from readiness.target import Target


@check(
    id="probe.status_ok_body",
    category=Category.PROBE,
    severity=Severity.MEDIUM,
    title="Health bodies say exactly the declared status when all is well",
    why="Container health checks and dashboards grep for the word; 'error' with status 200 passes whoever looks for the field alone.",
    source="Claims ledger, probe.status_ok_body (aistack)",
    remediation="Answer the declared word exactly when the service is well, and another status code when it is not.",
    seeds=("aistack",),
    defects=("model-status-error",),
)
def check_status_ok_body(probe_baseline: ProbeBaseline, target: Target) -> Verdict:
    """Judge every probe with a declared ``status`` that answers yes by its status code."""
    declared = [probe for probe in target.probes.values() if probe.status is not None]
    target.require("probes", target.probes, example="probes:\n  live: {path: /health, status: ok}")
    target.require("probes.status", declared, example="probes:\n  live: {path: /health, status: ok}")
    findings: list[Finding] = []
    judged: list[str] = []
    for probe in declared:
        answers = answers_of(probe_baseline, probe)
        good = [answer for answer in answers.answers if is_yes_status(probe, answer.status)]
        if not good:
            continue  # whether it should answer yes is judged by probe.health_ok
        judged.append(f"{probe.path}: {probe.status!r}")
        for answer in good:
            status = read_body(answer.body).status
            if status != probe.status:
                said = f"says {status!r}" if status is not None else "has no status"
                message = f"{probe.path} {said} with {answer.status}; declared is {probe.status!r}"
                findings.append(Finding(message=message, evidence=(proof_of(answers, answer),)))
                break
    if not judged:
        raise Inconclusive("no probe with a declared status answered yes at rest")
    return pass_or_fail(findings, "; ".join(judged))
