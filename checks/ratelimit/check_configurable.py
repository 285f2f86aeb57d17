"""The documented variables govern the limits."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit, SmallLimit, SwitchedOff
from readiness.limiting.declared import caller_limit, require_variables
from readiness.limiting.fields import stated_by
from readiness.limiting.judging import evidence_of, require_deployed
from readiness.target import Target


@check(
    id="ratelimit.configurable",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="The settings of the limiter govern it",
    why="In an attack the limit is tightened by a variable, and in a mishap switched off; neither must turn out to do nothing.",
    source="Claims ledger, ratelimit.configurable (myragdb, memorai)",
    remediation="Read the figures and the switch from the documented variables, in one place, and remove constants.",
    seeds=("myragdb", "memorai"),
    defects=("limiter-switch-ignored",),
)
def check_configurable(
    deployed_limit: DeployedLimit, small_limit: SmallLimit, switched_off_limit: SwitchedOff, target: Target
) -> Verdict:
    """Judge the stack with small figures, and the one that is switched off."""
    limit = caller_limit(target)
    require_variables(limit, "requests")
    require_deployed(deployed_limit)
    findings, seen = [], []
    variable, figures = limit.env["requests"], small_limit.figures
    phase = small_limit.phase("one after another")
    if small_limit.is_lowered and phase is not None:
        stated = stated_by(small_limit.answers[-1]).limit if small_limit.answers else None
        if phase.let_through > figures.most_at_a_turn(phase.span_seconds):
            message = f"with {variable}={figures.requests}, {phase.let_through} requests are let through"
            findings.append(Finding(message=message, evidence=(evidence_of(phase),)))
        elif stated is not None and stated not in {figures.requests, figures.capacity}:
            findings.append(
                Finding(message=f"with {variable}={figures.requests}, refusals still name a limit of {stated}")
            )
        elif phase.refused:
            seen.append(f"{variable}={figures.requests}: {phase.let_through} let through")
    off = switched_off_limit.phase
    if off is not None and off.refused:
        message = f"with {limit.env['enabled']}=false, {off.refused} of {len(off.shots)} requests are refused"
        findings.append(Finding(message=message, evidence=(evidence_of(off),)))
    elif off is not None:
        seen.append(f"{limit.env['enabled']}=false: none of {len(off.shots)} refused")
    if not findings and not seen:
        raise Inconclusive(switched_off_limit.reason or "no setting could be tried")
    return Verdict(findings=tuple(findings), summary="; ".join(seen))
