"""A healthy stack says so to everybody who asks."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.probe_body import Says, read_body
from readiness.facts.probes import ProbeAnswers, ProbeBaseline
from readiness.probes.outages import pass_or_fail
from readiness.probes.rest import answers_of, proof_of
from readiness.probes.standing import Standing, is_yes_status, standing
from readiness.target import Probe, ProbeKind, Target

#: The detailed report may be for administrators alone.
FOR_EVERYBODY = tuple(kind for kind in ProbeKind if kind is not ProbeKind.DETAILED)
#: A service that still loads says no, and is not broken.
LOADING = frozenset({"loading", "starting", "initializing", "initialising", "warming up"})


@check(
    id="probe.health_ok",
    category=Category.PROBE,
    severity=Severity.HIGH,
    title="Every health endpoint answers yes on a healthy stack, without a login",
    why="Probers have no login; an endpoint that refuses them, or says no at rest, takes every instance out of service.",
    source="Kubernetes documentation, HTTP probes (any status from 200 to 399 is success)",
    remediation="Exempt the health endpoints from authentication, and answer 200 (or 204) while all is well.",
    seeds=("brainda", "myragdb", "memorai", "brain", "aistack"),
    defects=("health-requires-login",),
)
def check_health_ok(probe_baseline: ProbeBaseline, target: Target) -> Verdict:
    """Judge every declared or discovered probe except the detailed report."""
    target.require("probes", target.probes, example="probes:\n  live: /health/live\n  ready: /health/ready")
    probes = [target.probes[kind] for kind in FOR_EVERYBODY if kind in target.probes]
    if not probes:
        raise NotApplicable("only a detailed report is declared, which may be for administrators alone")
    findings: list[Finding] = []
    doubts: list[str] = []
    for probe in probes:
        findings += _findings(probe, answers_of(probe_baseline, probe), doubts)
    if doubts and not findings:
        raise Inconclusive("; ".join(doubts))
    return pass_or_fail(findings, f"{', '.join(probe.path for probe in probes)}: each says yes, without a login")


def _findings(probe: Probe, answers: ProbeAnswers, doubts: list[str]) -> list[Finding]:
    wrong = [answer for answer in answers.answers if not is_yes_status(probe, answer.status)]
    if wrong:
        worst = wrong[0]
        proof = (proof_of(answers, worst),)
        if standing(probe, worst) is Standing.LIMITED:
            doubts.append(f"{probe.path} is refused by a rate limiter, which the audit may have filled itself")
        elif read_body(worst.body).status in LOADING:
            doubts.append(f"{probe.path} is still {read_body(worst.body).status}, which is no fault")
        elif len(wrong) < len(answers.answers) and worst.status is None:
            doubts.append(f"{probe.path} answered {len(answers.answers) - len(wrong)} of {len(answers.answers)} times")
        elif standing(probe, worst) is Standing.LOCKED:
            return [Finding(message=f"{probe.path} asks for a login: {worst.status} without one", evidence=proof)]
        else:
            said = worst.status if worst.status is not None else worst.error
            expected = " or ".join(map(str, probe.expect))
            return [
                Finding(message=f"{probe.path} answers {said} on a healthy stack, expected {expected}", evidence=proof)
            ]
        return []
    body = read_body(answers.answers[-1].body)
    # A declared status text is compared by probe.status_ok_body, and only there.
    if probe.status is None and body.says is Says.UNHEALTHY:
        message = f"{probe.path} answers {answers.answers[-1].status} and says {body.status!r} on a healthy stack"
        return [Finding(message=message, evidence=(proof_of(answers, answers.answers[-1]),))]
    if probe.status is None and body.says is Says.DEGRADED:
        bad = ", ".join(c.name for c in body.components if c.says.is_bad) or "no component"
        doubts.append(f"{probe.path} answers yes and calls itself {body.status!r} ({bad} at fault)")
    return []
