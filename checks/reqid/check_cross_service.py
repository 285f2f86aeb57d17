"""The id goes with a job to the service that works it off."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import RequestLogs
from readiness.logs.ids import id_of, naming
from readiness.logs.view import view_of
from readiness.target import Target

JOBS = "jobs:\n  enqueue: {method: POST, path: /jobs, json: {}, as: user, expect: [202]}"
FIRST_NOT_SUCCESS = 300


@check(
    id="reqid.cross_service",
    category=Category.REQID,
    severity=Severity.MEDIUM,
    title="The request id follows the request into other services",
    why="What a worker does for a request is otherwise found by guessing at times.",
    source="claims ledger, reqid.cross_service",
    remediation="Put the request id into the message of the queue (or the header of the call), and bind it where it is taken.",
    seeds=("brain",),
    defects=("id-not-passed-to-worker",),
)
def check_cross_service(request_logs: RequestLogs, target: Target) -> Verdict:
    """Look for the id of a request that enqueued a job in the log of the workers."""
    target.require("jobs", target.extra.get("jobs"), example=JOBS)
    view = view_of(request_logs, target)
    if not request_logs.workers:
        raise NotApplicable("no service of the stack works off jobs for another one")
    jobs = [asked for asked in request_logs.of("job") if (asked.status or 0) < FIRST_NOT_SUCCESS]
    if not jobs:
        raise Inconclusive(request_logs.not_done.get("job", "no job was taken"), supply=JOBS)
    if not any(asked.ids for asked in jobs):
        raise NotApplicable("the answer that took the job carries no request id; reqid.header judges that")
    names = ", ".join(request_logs.workers)
    if not any(request_logs.counts.get(worker) for worker in request_logs.workers):
        raise Inconclusive(f"{names} logged nothing since the job was taken", supply="logs:\n  services: [SERVICE]")
    findings = []
    for asked in jobs:
        known = id_of(asked.ids[0])
        if not any(naming([known]).search(e.text) for e in view.about_requests if e.service in request_logs.workers):
            proof = Evidence(source=asked.label, text=f"answered with id {known}; in no line of {names}")
            findings.append(
                Finding(
                    message=f"the id of a request that enqueued a job is not in the log of {names}", evidence=(proof,)
                )
            )
    return Verdict(findings=tuple(findings), summary=f"the id of the request is in the log of {names}")
