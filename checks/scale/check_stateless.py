"""Any replica can serve any request: sessions and records are everybody's."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.scaling import require_scaling
from readiness.facts.scaled import ScaledStack, SharedAnswer
from readiness.target import Target

_SUCCESSES = range(200, 300)
FIRST_SERVER_ERROR = 500
EXAMPLE = "paths:\n  private: {path: /me, as: user}\nrecord:\n  create: {method: POST, path: /notes, json: {text: x}, as: user, id: id}\n  read: '/notes/{id}'"


@check(
    id="scale.stateless",
    category=Category.SCALE,
    severity=Severity.HIGH,
    title="A caller who logged in and wrote at one replica is known at the other one, and reads it there",
    why="Otherwise users are thrown out, or miss what they have just written, whenever the balancer sends them elsewhere.",
    source="Claims ledger, scale.stateless (brain); The Twelve-Factor App, VI. Processes",
    remediation="Keep sessions, keys and data in stores that all replicas share, never in a process or on its disk.",
    seeds=("brain",),
    defects=("token-of-one-replica",),
)
def check_stateless(scaled_stack: ScaledStack, target: Target) -> Verdict:
    """Judge what was served by the replica where it began, and asked of the other one."""
    require_scaling(target)
    if not scaled_stack.shared:
        if "record" in target.declined and "paths.private" in target.declined:
            raise NotApplicable("there is neither a login nor a record that replicas could share")
        raise Inconclusive(scaled_stack.not_shared or scaled_stack.problem, supply=EXAMPLE)
    served = [answer for answer in scaled_stack.shared if answer.here in _SUCCESSES]
    if not served:
        first = scaled_stack.shared[0]
        raise Inconclusive(f"{first.request} is not served where the caller logged in: {first.here}", supply=EXAMPLE)
    findings = [_finding(answer) for answer in served if _is_unknown(answer)]
    doubts = [a for a in served if a.there not in _SUCCESSES and not _is_unknown(a)]
    if doubts and not findings:
        raise Inconclusive(f"the other replica did not serve {doubts[0].request}: {doubts[0].answer[:200]}")
    return Verdict(
        findings=findings,
        measured=[Measurement(name="requests compared", value=len(served), unit="count")],
        summary="; ".join(f"{answer.request}: {answer.here} and {answer.there}" for answer in served),
    )


def _is_unknown(answer: SharedAnswer) -> bool:
    """Whether the other replica refuses or misses what the first one knows; a failure of its own is another matter."""
    return answer.there is not None and answer.there not in _SUCCESSES and answer.there < FIRST_SERVER_ERROR


def _finding(answer: SharedAnswer) -> Finding:
    return Finding(
        message=f"{answer.name} is served by one replica ({answer.here}) and not by the other ({answer.there})",
        evidence=(Evidence(source=f"{answer.request} at the other replica", text=answer.answer),),
    )
