"""Server processes share one limit."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import SharedLimit
from readiness.limiting.declared import VARIABLE_EXAMPLE
from readiness.limiting.judging import ASKED, chart_of, evidence_of, require_shared


@check(
    id="ratelimit.redis_shared",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Several server processes share one limit",
    why="Counted by each process, the limit grows with every process and replica, unseen.",
    source="Claims ledger, ratelimit.redis_shared (memorai)",
    remediation="Keep the counts in one store that all processes ask, and none of them in memory.",
    seeds=("memorai",),
    defects=("limiter-per-process",),
)
def check_redis_shared(shared_limit: SharedLimit) -> Verdict:
    """Judge bursts against two processes; of two bursts the better one, because a window may turn in one."""
    attempts, figures = shared_limit.attempts, shared_limit.figures
    if shared_limit.reason or not attempts or figures is None:
        raise Inconclusive(shared_limit.reason or "no burst was sent", supply=VARIABLE_EXAMPLE)
    if shared_limit.processes_wanted < 2:  # noqa: PLR2004  # several
        raise Inconclusive(
            "not configured: limit.env.processes, which makes the service run two processes",
            supply="limit:\n  env: {processes: WEB_CONCURRENCY}",
            undeclared="limit.env.processes",
        )
    require_shared(shared_limit)
    best = min(attempts, key=lambda p: p.let_through - figures.most(p.span_seconds))
    most = figures.most(best.span_seconds)
    charts = (chart_of(f"A burst at {shared_limit.processes_wanted} processes, {figures.words}", [best]),)
    if best.let_through > most and len(attempts) == 1 and best.let_through <= figures.most_at_a_turn(best.span_seconds):
        raise Inconclusive(
            f"{best.let_through} requests were let through, where one limit of {figures.words} allows {most:.0f}: perhaps its window"
            f" turned in the middle, which a second burst would tell; {figures.window_seconds:g} s are too long to wait",
            supply="limit:\n  env: {window_seconds: VARIABLE}",
        )
    if best.let_through > most:
        message = f"{best.let_through} requests were let through by {shared_limit.processes_wanted} processes; one limit of {figures.words} allows {most:.0f}"
        return Verdict(findings=(Finding(message=message, evidence=tuple(map(evidence_of, attempts))),), charts=charts)
    if shared_limit.processes_seen < shared_limit.processes_wanted:
        raise Inconclusive(
            f"one limit held, but the log names {shared_limit.processes_seen} server processes: perhaps there was only one"
        )
    if shared_limit.commands_per_request is None or shared_limit.commands_per_request < ASKED:
        why = shared_limit.not_counted or f"the limiter asks {shared_limit.store} for nothing"
        raise Inconclusive(
            f"the processes of one host share a limit; whether replicas do is not shown: {why}",
            supply="roles:\n  redis: SERVICE",
        )
    measured = Measurement(
        name="let through by two processes", value=best.let_through, unit="count", at_most=round(most, 2)
    )
    return Verdict(
        measured=(measured,), summary=f"{shared_limit.processes_seen} processes: {best.words}", charts=charts
    )
