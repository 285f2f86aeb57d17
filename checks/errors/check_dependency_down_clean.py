"""A dependency that is away makes requests that need it fail properly, in time, and for no longer than it is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.errors import NEEDS_EXAMPLE
from readiness.facts.errors import NeedingAnswer
from readiness.facts.probes import BackendOutages, Outage
from readiness.failures.shape import is_good, shape_of
from readiness.target import Target

SERVER_ERROR, LIMITED = 500, 429


@dataclass(frozen=True, kw_only=True)
class DownLimits:
    """How long a request may wait for something that is not there."""

    # The longest of the seeds' own timeouts for a store (brain's probe, memorai's pool): a client gives up soon after.
    answer_seconds: float = 10.0
    # A crowded machine adds to every wait.
    doubtful_seconds: float = 1.5


@check(
    id="errors.dependency_down_clean",
    category=Category.ERRORS,
    severity=Severity.HIGH,
    title="While a dependency is away, requests that need it get a structured 5xx in time, and work again afterwards",
    why="Requests that hang hold threads until nothing is answered; an apology with 200 is cached, stored and believed.",
    source="Claims ledger, errors.dependency_down_clean (brain, aistack); RFC 9110, 15.6.4",
    remediation="Bound every connect, read and pool wait, map the failure to 503 with Retry-After, try connections anew.",
    seeds=("brain", "aistack"),
    defects=("outage-hangs", "outage-apology"),
)
def check_dependency_down_clean(
    database_outage: Outage, cache_outage: Outage, backend_outages: BackendOutages, target: Target, limits: DownLimits
) -> Verdict:
    """Judge one request per outage: before, while its dependency is stopped, while it is frozen, and afterwards."""
    target.require("errors.needs", value=True, example=NEEDS_EXAMPLE)
    outages = [
        outage for outage in (database_outage, cache_outage, *backend_outages.outages) if outage.before is not None
    ]
    if not outages:
        raise NotApplicable("nothing was there to be stopped")
    findings: list[Finding] = []
    measured: list[Measurement] = []
    doubts: list[str] = []
    judged = []
    for outage in outages:
        name = " and ".join(outage.services)
        if not outage.needing:
            doubts.append(f"nobody says which request needs {name}")
            continue
        control = next((each for each in outage.needing if each.phase == "before"), None)
        if control is None or not is_good(control.exchange):
            said = control.exchange.label if control is not None else "it was not asked"
            doubts.append(f"the request that needs {name} is not answered well even before: {said}")
            continue
        judged.append(name)
        for each in outage.needing:
            findings += _judged(each, name, limits, doubts)
            if each.phase in {"stopped", "paused"}:
                said = f"answer while {name} is {each.phase}"
                measured.append(Measurement(name=said, value=round(each.exchange.seconds, 3), unit="s"))
    if not findings and (doubts or not judged):
        raise Inconclusive("; ".join(doubts), supply=NEEDS_EXAMPLE, undeclared="" if judged else "errors.needs")
    return Verdict(
        findings=tuple(findings), measured=tuple(measured), summary=f"without {', then without '.join(judged)}"
    )


def _judged(each: NeedingAnswer, name: str, limits: DownLimits, doubts: list[str]) -> Iterator[Finding]:
    answer, phase = each.exchange, each.phase
    proof = (Evidence(source=f"{answer.label}, {name} {phase}", text=answer.body[:500] or answer.error or ""),)
    if answer.status == LIMITED:
        doubts.append(f"a limiter answered: {answer.label}")
    elif phase in {"recovered", "resumed"}:
        if not is_good(answer):
            yield Finding(message=f"after {name} came back, the request that needs it still fails", evidence=proof)
    elif phase in {"stopped", "paused"}:
        yield from _away(each, f"while {name} is {phase}", limits, doubts, proof)


def _away(
    each: NeedingAnswer, when: str, limits: DownLimits, doubts: list[str], proof: tuple[Evidence, ...]
) -> Iterator[Finding]:
    answer = each.exchange
    if answer.status is None or answer.seconds > limits.answer_seconds * limits.doubtful_seconds:
        took = f"no answer ({answer.error})" if answer.status is None else f"{answer.seconds:.1f} s until the answer"
        yield Finding(message=f"{when}, a request that needs it hangs: {took}", evidence=proof)
    elif answer.seconds > limits.answer_seconds:
        doubts.append(f"{when}, the answer took {answer.seconds:.1f} s, near the limit")
    elif answer.status < SERVER_ERROR:
        if not each.is_declared:
            doubts.append(f"{when}, {answer.label}: it may not need what is away; errors.needs names one that does")
        else:
            yield Finding(message=f"{when}, a request that needs it is answered with {answer.status}", evidence=proof)
    elif problem := shape_of(answer).problem:
        yield Finding(message=f"{when}, the error is not structured: {problem}", evidence=proof)
