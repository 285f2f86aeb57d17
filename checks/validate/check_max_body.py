"""Bodies beyond the limit are refused before they have been taken in, whatever way they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.validation import EXAMPLE
from readiness.facts.errors import ErrorRun
from readiness.facts.validation import BodyTrial, InputLimits
from readiness.inputs.said import LIMITED, TOO_LARGE
from readiness.target import Target

LENGTH_REQUIRED = 411
#: How an application refuses a body of which it was given nothing.
UNREAD = frozenset({400, 415, 422})


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """What may be read of a body before it is refused."""

    # Send and receive buffers of two hops, and a proxy's own: what is on its way when the service says no.
    read_bytes: int = 8 * 1024 * 1024
    # A service that reads and throws away keeps its memory; one that collects needs at least what was sent.
    kept_ratio: float = 0.5


@check(
    id="validate.max_body",
    category=Category.VALIDATE,
    severity=Severity.HIGH,
    title="Bodies beyond the limit are refused with 413, announced or streamed, before they fill the memory",
    why="One client that streams without an end fills the memory of a service that only looks at Content-Length.",
    source="Claims ledger, validate.max_body (myragdb); RFC 9110, 15.5.14",
    remediation="Count the bytes while the body is read and stop at the limit; Content-Length alone is not enough.",
    seeds=("myragdb",),
    defects=("body-limit-by-length-only", "body-limit-fixed"),
)
def check_max_body(input_limits: InputLimits, error_run: ErrorRun, target: Target, limits: BodyLimits) -> Verdict:
    """Judge every large body at every entry, and those under the configured limit."""
    key = "validation.max_body_bytes"
    target.require(key, value=True, example=EXAMPLE)
    if not input_limits.bodies:
        reason = input_limits.problem or "no body was tried"
        raise Inconclusive(f"no request to try bodies with: {reason}", supply=EXAMPLE, undeclared="validation.request")
    doubts: list[str] = []
    findings = list(_judged(input_limits.bodies, "", limits, doubts))
    changed = error_run.bad_inputs
    with_setting = f" with {changed.setting} set" if changed.setting else ""
    # A proxy in front has its own limit; the variable is the application's.
    findings += _judged(changed.settings_tried, with_setting, limits, doubts)
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    tried = [trial for trial in input_limits.bodies if trial.kind != "fits"]
    read = [
        Measurement(name=f"bytes read of a {trial.kind} body via {trial.entry}", value=trial.sent_bytes, unit="B")
        for trial in tried
    ]
    known = next((trial.limit_bytes for trial in tried if trial.limit_bytes is not None), None)
    says = f"limit {known} bytes" if known is not None else "no limit declared"
    return Verdict(
        findings=tuple(findings), measured=tuple(read), summary=f"{says}{with_setting and ', also' + with_setting}"
    )


def _judged(trials: Iterable[BodyTrial], when: str, limits: BodyLimits, doubts: list[str]) -> Iterator[Finding]:
    for trial in trials:
        proof = (Evidence(source=trial.label, text=trial.body[:500] or f"{trial.sent_bytes} bytes were sent"),)
        if trial.kind == "fits":
            if trial.status == TOO_LARGE:
                yield Finding(message=f"a body below the limit is refused{when}", evidence=proof)
            continue
        if trial.status == LIMITED:
            doubts.append(f"a limiter answered in place of the body limit: {trial.label}")
        elif not _is_refusal(trial, limits):
            yield Finding(message=_not_refused(trial) + when, evidence=proof)
        elif trial.offered_bytes <= _read_at_most(trial, limits):
            continue  # so little may be on its way in any case
        elif trial.sent_bytes >= trial.offered_bytes:
            yield from _read_whole(trial, when, limits, doubts, proof)
        elif trial.limit_bytes is not None and trial.sent_bytes > _read_at_most(trial, limits):
            message = f"{trial.sent_bytes} bytes of a {trial.kind} body were read before it was refused{when}"
            yield Finding(message=message, evidence=proof)


def _read_at_most(trial: BodyTrial, limits: BodyLimits) -> int:
    """What has to be read before it shows that the body is too large, and what may be on its way by then."""
    return (trial.limit_bytes or 0) + limits.read_bytes


def _is_refusal(trial: BodyTrial, limits: BodyLimits) -> bool:
    """Whether the body was not taken in.

    The request is a good one but for its size. A server that wants a length says 411 (RFC 9110, 15.5.12); one that
    reads nothing of a body without a length hands the application an empty one, which is refused as such, at once.
    """
    if trial.status == TOO_LARGE:
        return True
    if trial.kind != "streamed":
        return False
    is_unread = trial.sent_bytes <= _read_at_most(trial, limits)
    return trial.status == LENGTH_REQUIRED or (trial.status in UNREAD and is_unread)


def _not_refused(trial: BodyTrial) -> str:
    how = f"a {trial.kind} body of {trial.offered_bytes} bytes"
    if trial.status is None:
        return f"{how} got no answer: {trial.error}"
    if trial.sent_bytes >= trial.offered_bytes:
        return f"{how} is read to its end and answered with {trial.status}"
    return f"{how} is answered with {trial.status} in place of 413"


def _read_whole(
    trial: BodyTrial, when: str, limits: BodyLimits, doubts: list[str], proof: tuple[Evidence, ...]
) -> Iterator[Finding]:
    """Refused, but only at its end: harmless where it was thrown away or went to disk, and memory tells."""
    before, peak = trial.memory_before_bytes, trial.memory_peak_bytes
    if before is None or peak is None:
        doubts.append(f"{trial.label}: read to its end before it was refused, and memory cannot be looked at")
    elif peak - before > limits.kept_ratio * trial.sent_bytes:
        grown = f"{(peak - before) // 2**20} MiB"
        message = f"the {trial.kind} body is collected in memory before it is refused: {grown} more in use{when}"
        yield Finding(message=message, evidence=proof)
