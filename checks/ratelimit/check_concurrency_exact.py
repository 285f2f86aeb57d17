"""The limit holds when requests come at once."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.limiter import SmallLimit
from readiness.limiting.declared import caller_limit
from readiness.limiting.judging import chart_of, evidence_of, require_refusals, require_served
from readiness.target import Target


@check(
    id="ratelimit.concurrency_exact",
    category=Category.RATELIMIT,
    severity=Severity.MEDIUM,
    title="Concurrent requests do not slip through the limit",
    why="Whoever attacks sends at once; a count that is read and written in two steps misses most of that.",
    source="Claims ledger, ratelimit.concurrency_exact (implied by myragdb, memorai, brain)",
    remediation="Count in one atomic step: a script in the store, or an increment whose result decides.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("limiter-race",),
)
def check_concurrency_exact(small_limit: SmallLimit, target: Target) -> Verdict:
    """Judge three times the limit at 50 connections; of two bursts the better one, because a window may turn in one."""
    require_refusals(small_limit)
    bursts = [p for p in small_limit.phases if p.name.startswith("all at once")]
    usable = [p for p in bursts if p.failed * 3 < len(p.shots)]
    if not usable:
        raise Inconclusive(f"too many requests failed: {bursts[0].words if bursts else 'none was sent'}")
    figures = small_limit.figures
    best = min(usable, key=lambda p: p.let_through - figures.most(p.span_seconds))
    require_served(best, caller_limit(target).path)
    most = figures.most(best.span_seconds)
    charts = (chart_of(f"All at once at {best.figures.words}", [best]),)
    if best.let_through > most and len(usable) == 1 and best.let_through <= figures.most_at_a_turn(best.span_seconds):
        raise Inconclusive(
            f"{best.let_through} of {len(best.shots)} concurrent requests were let through, where {figures.words} allow {most:.0f}:"
            " perhaps a window turned in the middle, which a second burst would tell",
            supply="limit:\n  env: {window_seconds: VARIABLE}",
        )
    if best.let_through > most:
        message = f"{best.let_through} of {len(best.shots)} concurrent requests were let through; {best.figures.words} allow {most:.0f}"
        return Verdict(findings=(Finding(message=message, evidence=(evidence_of(best),)),), charts=charts)
    measured = Measurement(
        name="let through of a concurrent burst", value=best.let_through, unit="count", at_most=round(most, 2)
    )
    return Verdict(measured=(measured,), summary=f"{best.figures.words}: {best.words}", charts=charts)
