"""The pool that is declared is the one that the service works with."""

from __future__ import annotations

import itertools

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.database.answers import TOO_MANY, require_database
from readiness.declared.database import POOL_EXAMPLE, Pool, pools_of
from readiness.facts.database import PoolExhausted
from readiness.target import Role, Target

_FIRST_ERROR = 500
#: A proxy says these for a service that does not answer, which is no word about a pool (RFC 9110, 15.6.3 and 15.6.5).
_PROXY = frozenset({502, 504})
#: From the end of the declared wait to the answer, on a busy machine; the ledger's margin would reach other timeouts.
ANSWER_SECONDS = 1.5
#: Of the server's sessions that may be somebody else's in the moment of the peak: a health check's, an exporter's.
OTHERS = 1
#: Between two groups of answers.
PAUSE_SECONDS = 0.25


@check(
    id="db.pool_configured",
    category=Category.DB,
    severity=Severity.LOW,
    title="The connection pool that is declared is the one that the service works with",
    why="A size that nobody reads leaves most of the capacity unused, and the incident is looked for elsewhere.",
    source="Claims ledger, db.pool_configured: size, overflow and wait as the rows on pools show them at work",
    remediation="Give size and overflow to the pool that the requests use, and log them at the start.",
    seeds=("brain", "memorai", "myragdb"),
    defects=("pool-less-than-declared", "pool-more-than-declared", "pool-none"),
)
def check_pool_configured(pool_exhausted: PoolExhausted, target: Target) -> Verdict:
    """Compare the figures with the connections that were used while more requests waited than the pool has.

    Two things tell the size of a pool from outside: how many connections the server saw, others' among them, and how
    many requests were refused when the declared wait was over: all but those that had a connection.
    """
    fact = pool_exhausted
    require_database(fact.service, fact.not_done)
    pools = pools_of(target)
    target.require("pool", pools, example=POOL_EXAMPLE)
    if "lock" in fact.not_done:
        raise Inconclusive(f"the tables could not be locked, so no rush was had: {fact.not_done['lock']}")
    gained, ceiling = max(fact.peak - fact.at_rest, 0), sum(pool.per_replica for pool in pools.values())
    services = {name for role in (Role.APP, Role.WORKER, Role.SCHEDULER) for name in target.services_of(role)}
    is_whole = not services - pools.keys()
    if is_whole and gained > ceiling + OTHERS:
        return _differs(fact, f"{gained} connections came on top of those at rest, and {ceiling} are declared")
    pool = pools.get(target.service or "")
    target.require("pool", pool or "", example=POOL_EXAMPLE)
    assert pool is not None  # noqa: S101  # require() raised otherwise; tells the type checker
    one = pool.size + pool.overflow  # of one process: which of several gets how many requests is chance
    told = [answer for answer in fact.answers if answer.status != TOO_MANY]
    waited = _waited(fact, pool)
    held = len(told) - waited
    if is_whole and not waited and fact.peak > ceiling + OTHERS and gained > pool.per_replica + OTHERS:
        # Connections that were there before hide how many came, but more than all pools together have were used.
        return _differs(
            fact,
            f"at most {fact.peak} connections were used, {gained} of them new, and of {len(told)} requests at once none "
            f"was refused after {pool.wait_seconds:g} s; {ceiling} are declared",
        )
    is_told_apart = waited >= max(len(told) - pool.per_replica, 1) and held > 0
    if is_told_apart and held < one - 1 and fact.peak < one:
        return _differs(
            fact,
            f"of {len(told)} requests at once {waited} were refused after {pool.wait_seconds:g} s, when at most "
            f"{fact.peak} connections were used; {one} are declared",
        )
    # A statement that is cut before the wait is over frees its connection for one that waited: fewer seem to have held one.
    if fact.peak < one or (is_told_apart and max(held, gained) < one - 1):
        raise Inconclusive(
            f"of {len(told)} requests at once {waited} were refused after the declared wait; at most {fact.peak} "
            f"connections were seen, {fact.at_rest} of them at rest already: that tells no size of a pool of {one}"
        )
    measured = (Measurement(name="connections at most", value=fact.peak, unit="count"),)
    summary = (
        f"at most {fact.peak} connections for a pool of {one}, {fact.at_rest} of them at rest already; "
        f"{waited} of {len(told)} requests were refused after its wait"
    )
    return Verdict(measured=measured, summary=summary)


def _waited(fact: PoolExhausted, pool: Pool) -> int:
    """How many requests the service refused together, when the declared wait was just over.

    Other timeouts may come soon after it, and on a busy machine there is no pause between the two: then all count.
    """
    late = sorted(
        answer.seconds
        for answer in fact.answers
        if answer.status is not None
        and answer.status >= _FIRST_ERROR
        and answer.status not in _PROXY
        and answer.seconds >= pool.wait_seconds
    )
    if not late or late[0] > pool.wait_seconds + ANSWER_SECONDS:
        return 0
    together = itertools.takewhile(lambda pair: pair[1] - pair[0] < PAUSE_SECONDS, itertools.pairwise(late))
    return 1 + sum(1 for _ in together)


def _differs(fact: PoolExhausted, message: str) -> Verdict:
    times = ", ".join(f"{answer.status} after {answer.seconds:.1f} s" for answer in fact.answers)
    evidence = (Evidence(source=f"{fact.request}, many at once", text=times[:600]),)
    return Verdict(findings=(Finding(message=message, evidence=evidence),))
