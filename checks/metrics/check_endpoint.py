"""Metrics are exposed, and in a form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.metrics import metrics_of
from readiness.facts.metrics import Metering, Scrape
from readiness.metrics.exposition import Exposition, faults_of, read
from readiness.target import Target

OK = 200
REFUSALS = (401, 403)
REDIRECTS = (301, 302, 303, 307, 308)
#: What Prometheus says of itself; no application has them.
PROMETHEUS_OWN = ("prometheus_build_info", "prometheus_tsdb_head_series")


@check(
    id="metrics.endpoint",
    category=Category.METRICS,
    severity=Severity.MEDIUM,
    title="Metrics are exposed in valid Prometheus text format",
    why="One line that does not parse makes Prometheus drop the whole scrape: every graph and alert goes silent at once.",
    source="Prometheus documentation, Exposition formats; claims ledger, metrics.endpoint",
    remediation="Let a client library write the exposition, and declare where it is: metrics: {path: …}.",
    seeds=("myragdb", "memorai", "aistack"),
    defects=("exposition-invalid",),
)
def check_endpoint(metering: Metering, target: Target) -> Verdict:
    """Judge the last look, which shows what only traffic makes appear."""
    scrape = metering.last
    if scrape is None:
        raise Inconclusive("the metrics were not looked at")
    if scrape.status in REFUSALS:
        raise Inconclusive(f"the metrics are not open to this audit: {scrape.label}")
    if scrape.status in REDIRECTS:
        # Prometheus follows anywhere; this audit asks nobody but the stack, and takes a login's page for a refusal.
        raise Inconclusive(f"the metrics lead on to a place that this audit does not ask: {scrape.label}")
    if scrape.status is None:
        raise Inconclusive(f"the metrics were not answered: {scrape.label}")
    if scrape.status != OK:
        return Verdict(findings=(Finding(message=f"no metrics at {metrics_of(target).path}: {scrape.label}"),))
    exposition = read(scrape.text)
    findings = tuple(_findings(scrape, exposition))
    if not findings and not scrape.is_whole:
        raise Inconclusive(f"{scrape.url} is longer than what is read of it, so its end was not judged")
    families = len({*exposition.announced, *exposition.types}) or len(exposition.names)
    return Verdict(findings=findings, summary=f"{scrape.url}: {families} families, {len(exposition.series)} series")


def _findings(scrape: Scrape, exposition: Exposition) -> Iterator[Finding]:
    # What was cut off in the middle of a line is not the target's fault.
    text = scrape.text if scrape.is_whole else scrape.text[: scrape.text.rfind("\n") + 1]
    for fault in faults_of(text, scrape.content_type):
        where = f"line {fault.line}: " if fault.line else ""
        proof = (Evidence(source=f"{scrape.label}, line {fault.line}", text=fault.text),) if fault.text else ()
        yield Finding(message=f"{scrape.url}: {where}{fault.words}", evidence=proof)
    kind = scrape.content_type.split(";")[0].strip().lower()
    if kind not in {"text/plain", "application/openmetrics-text"}:
        # Prometheus 3 refuses a scrape whose type it does not know; version 2 guessed.
        yield Finding(message=f"{scrape.url} calls itself {kind or 'nothing'}, not text/plain")
    if any(exposition.values(name) for name in PROMETHEUS_OWN):
        yield Finding(message=f"{scrape.url} shows the metrics of Prometheus itself, not the service's")
