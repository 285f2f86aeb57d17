"""Requests that come while the service loads are refused properly, however many come at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.probes import Answer, ColdStart
from readiness.starting.crowd import LOADING, is_refusal
from readiness.target import ProbeKind, Target

#: A refusal of these says nothing about loading.
NOT_ABOUT_LOADING = frozenset({401, 403, 429})


@dataclass(frozen=True, kw_only=True)
class CrowdLimits:
    """When a request counts as hanging, and how many have to be refused before all are believed to be."""

    seconds: float = 30.0  # the ledger's figure
    at_least: int = 5


@check(
    id="startup.requests_while_loading",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="Requests that come while the service loads get a 503 in JSON, also many at once",
    why="A start under traffic is the usual one: whoever answers 500 or hangs then is taken for broken and restarted.",
    source="Claims ledger, startup.requests_while_loading (aistack): all 503 within 30 s, later 200",
    remediation="Look at the loader's flag first, and answer 503 with a JSON body and Retry-After until it is set.",
    seeds=("aistack",),
    defects=("loading-answers-500",),
)
def check_requests_while_loading(cold_start: ColdStart, target: Target, limits: CrowdLimits) -> Verdict:
    """Judge the answers to a crowd of requests that was sent as soon as the new instance answered anything."""
    probe = target.probe(ProbeKind.LOADING)
    example = f"probes:\n  loading: {{path: {probe.path}, proof: {{method: POST, path: /embed, json: {{text: a}}}}}}"
    target.require("probes.loading.proof", probe.proof, example=example)
    if cold_start.proof is None:
        raise Inconclusive(cold_start.not_done.get("loading", "no cold start was recorded"))
    expected = (probe.proof.expect if probe.proof else ()) or tuple(range(200, 300))
    if not any(span.status in expected for span in cold_start.proof.spans):
        raise Inconclusive("the request that proves loading to be over never succeeded")
    told = [answer for answer in cold_start.crowd if answer.status not in NOT_ABOUT_LOADING]
    improper = [answer for answer in told if answer.status not in expected and not _is_proper(answer, limits)]
    refused = [answer for answer in told if answer.status == LOADING]
    seconds = max((answer.seconds for answer in told), default=0.0)
    measured = [
        Measurement(name="requests at once", value=len(cold_start.crowd), unit="count"),
        Measurement(name="refused with 503", value=len(refused), unit="count"),
        Measurement(name="slowest answer", value=round(seconds, 3), unit="s"),
    ]
    url = cold_start.proof.url
    if improper:
        kinds = Counter(_kind(answer, limits) for answer in improper)
        text = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())
        evidence = Evidence(source=f"{url} while loading", text=(improper[0].body or improper[0].error or "")[:400])
        message = f"of {len(told)} requests to {url} while {cold_start.service} loads: {text}"
        credit = round(1 - len(improper) / len(told), 2)
        return Verdict(findings=(Finding(message=message, evidence=(evidence,)),), measured=measured, credit=credit)
    if len(refused) < limits.at_least:
        raise Inconclusive(f"{len(refused)} of {len(cold_start.crowd)} requests came while it loaded: too few to tell")
    return Verdict(measured=measured, summary=f"{len(refused)} requests at once got a 503 in JSON, the next ones a 200")


def _is_proper(answer: Answer, limits: CrowdLimits) -> bool:
    return is_refusal(answer) and answer.seconds <= limits.seconds


def _kind(answer: Answer, limits: CrowdLimits) -> str:
    if answer.status is None:
        return (answer.error or "no answer").split(":")[0]
    if answer.status == LOADING:
        return "503 too late" if answer.seconds > limits.seconds else "503 without JSON"
    return f"status {answer.status}"
