"""Requests are counted: each once, under its status."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.metrics import metrics_of
from readiness.facts.metrics import Burst, Metering, Scrape
from readiness.metrics.counting import STATUS_LABELS, Movement, Truth, counter_of, movement_of, went_back
from readiness.metrics.exposition import read
from readiness.target import Target


@check(
    id="metrics.http_counter",
    category=Category.METRICS,
    severity=Severity.MEDIUM,
    title="The counter of requests counts each request once, by its status",
    why="Rates of errors, alerts and objectives are quotients of this counter: wrong, they are all wrong.",
    source="Claims ledger, metrics.http_counter (myragdb: http_requests_total by status)",
    remediation="Count once, where the answer's status is final, around every layer that can answer by itself.",
    seeds=("myragdb",),
    defects=("counter-stuck", "counter-twice"),
)
def check_http_counter(metering: Metering, target: Target) -> Verdict:
    """Compare what was sent with what was counted."""
    declared = metrics_of(target)
    last = metering.last
    if metering.good_burst is None or metering.good is None or metering.quiet is None or last is None:
        raise Inconclusive(f"no requests were counted: {metering.not_sent or 'none were sent'}")
    found = counter_of(read(last.text), name=declared.requests, label=declared.status_label)
    if found is None:
        return _without_counter(declared.requests, declared.status_label, last)
    name, label = found
    if metering.first is None:
        raise Inconclusive("the metrics were not looked at before the requests")
    bursts = [(metering.quiet, metering.good, metering.good_burst)]
    if metering.bad is not None and metering.bad_burst is not None:
        bursts.append((metering.good, metering.bad, metering.bad_burst))
    findings, measured = [], []
    for before, after, burst in bursts:
        _require_usable(before, after, burst)
        movement = movement_of(
            before,
            after,
            burst,
            name=name,
            label=label,
            path=declared.path,
            quiet=(metering.first, metering.quiet),
        )
        measured.append(
            Measurement(name=f"{name} by {burst.sent} x {burst.status}", value=movement.counted, unit="count")
        )
        if (finding := _finding(name, burst, movement)) is not None:
            findings.append(finding)
    if findings and (reason := went_back(metering.scrapes)):
        raise Inconclusive(f"several processes answer, each with counters of its own: {reason}")
    return Verdict(
        findings=tuple(findings),
        measured=tuple(measured),
        summary="; ".join(f"{burst.sent} x {burst.label}: {burst.status}" for _, _, burst in bursts),
    )


def _without_counter(name: str, label: str, last: Scrape) -> Verdict:
    if not name:
        raise Inconclusive(
            "no counter of requests with a status was recognised",
            supply="metrics: {requests: http_requests_total, status_label: status}",
            undeclared="metrics.requests",
        )
    labels = label or " or ".join(STATUS_LABELS[:3])
    message = f"{last.url} shows no {name} with a label {labels} after requests were answered"
    return Verdict(findings=(Finding(message=message),))


def _require_usable(before: Scrape, after: Scrape, burst: Burst) -> None:
    if burst.status is None:
        said = ", ".join(f"{count} x {status}" for status, count in burst.statuses.items()) or "no answer"
        raise Inconclusive(f"the requests were not all answered alike ({burst.label}: {said})")
    if burst.is_cached:
        raise Inconclusive(f"a cache answered for the service ({burst.label}), so not every request need be counted")
    for scrape in (before, after):
        if scrape.status != 200 or not scrape.is_whole:  # noqa: PLR2004
            raise Inconclusive(f"a look at the metrics failed, or was not whole: {scrape.label}")


def _finding(name: str, burst: Burst, movement: Movement) -> Finding | None:
    what = f"{burst.sent} answers with {burst.status}"
    proof = (Evidence(source=f"{name} after {burst.sent} x {burst.label}", text="\n".join(movement.moved)),)
    match movement.truth:
        case Truth.RIGHT:
            return None
        case Truth.STILL:
            return Finding(message=f"{name} did not move with {what}")
        case Truth.TOO_FEW:
            return Finding(message=f"{name} moved by {movement.counted:g} with {what}", evidence=proof)
        case Truth.TWICE:
            message = f"{name} counts twice: it moved by {movement.counted:g} with {what}"
            return Finding(message=message, evidence=proof)
        case Truth.UNCLEAR:
            raise Inconclusive(f"{name} moved by {movement.counted:g} with {what}: others were at work, or it is wrong")
