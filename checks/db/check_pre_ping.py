"""A database connection that broke behind the pool's back fails no request."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.database.answers import require_database, require_idle_machine
from readiness.facts.database import BrokenConnections
from readiness.facts.http import Exchange

#: Fewer answers than that, the rest refused by a limiter, show nothing.
ANSWERS_AT_LEAST = 20
#: Sessions per request from which on none is kept: each request has one of its own.
KEPT_BELOW = 0.9
_FIRST_ERROR = 500


@check(
    id="db.pre_ping",
    category=Category.DB,
    severity=Severity.HIGH,
    title="A database connection that broke behind the pool's back fails no request",
    why="Every failover, restart or idle timeout otherwise costs as many errors as the pool has connections.",
    source="Claims ledger, db.pre_ping; SQLAlchemy documentation, Disconnect Handling - Pessimistic",
    remediation="Try a connection before it is lent (pool_pre_ping, testOnBorrow), or repeat what failed on a dead one.",
    seeds=("brain",),
    defects=("pool-without-pre-ping",),
)
def check_pre_ping(broken_connections: BrokenConnections) -> Verdict:
    """Judge the requests after every connection was ended by the server, and the first ones after its restart."""
    fact = broken_connections
    require_database(fact.service, fact.not_done)
    is_kept = fact.reused is None or fact.reused.sessions < KEPT_BELOW * fact.reused.requests
    if not fact.at_rest or not fact.ended or not is_kept:
        raise NotApplicable(
            "premise failed: the application keeps no connection open between requests, so none can break"
        )
    if fact.reused is not None and fact.reused.requests < ANSWERS_AT_LEAST:
        raise Inconclusive(
            f"only {fact.reused.requests} requests were answered well before any connection broke",
            supply="errors:\n  needs: {db: a request that no limit counts}",
        )
    failed = fact.requests - fact.good - fact.refused
    findings = _findings(fact.bad, f"{failed} of {fact.requests} times after {fact.ended} connections were ended", fact)
    if not findings:
        if fact.good < ANSWERS_AT_LEAST:
            raise Inconclusive(
                f"only {fact.good} of the requests were answered, {fact.refused} refused by a limiter",
                supply="errors:\n  needs: {db: a request that no limit counts}",
            )
        if not fact.again:
            raise Inconclusive(
                f"{fact.request} was answered without a new connection, so it does not need the database",
                supply="errors:\n  needs: {db: /a/request/that/cannot/be/answered/without/it}",
            )
    first = tuple(a for a in fact.after_restart or () if a.status is None or a.status >= _FIRST_ERROR)
    asked = len(fact.after_restart or ())
    what = f"{len(first)} of {asked} times after the database was restarted and the service called itself ready"
    findings += _findings(first, what, fact)
    after = f"and {len(fact.after_restart)} after its restart" if fact.after_restart else "its restart was not watched"
    require_idle_machine(findings, fact.slowest_look_seconds)
    summary = f"{fact.good} requests after {fact.ended} connections were ended, {after}: none failed"
    return Verdict(findings=tuple(findings), summary=summary)


def _findings(bad: tuple[Exchange, ...], what: str, fact: BrokenConnections) -> list[Finding]:
    if not bad:
        return []
    evidence = tuple(Evidence(source=answer.label[:200], text=answer.body[:300]) for answer in bad[:3])
    return [Finding(message=f"{fact.request} failed {what}", evidence=evidence)]
