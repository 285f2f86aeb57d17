"""Metrics of the machine are there, possible, and measured."""

from __future__ import annotations

import math
from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.metrics import metrics_of
from readiness.facts.metrics import Metering
from readiness.metrics.exposition import Exposition, Series, read
from readiness.metrics.machine import has_processor, is_saturated, machine_groups, stands_still
from readiness.target import Target

PERCENT = 100.0
#: Rounding.
SLACK = 0.5
#: Gauges that a thread refreshes are refreshed every minute at the latest; what is constant for less proves nothing.
STILL_SECONDS = 60.0


@check(
    id="metrics.system",
    category=Category.METRICS,
    severity=Severity.LOW,
    title="System metrics are exposed, plausible, and move",
    why="A gauge that is made up, or was set once at the start, shows a healthy machine until it stops.",
    source="Claims ledger, metrics.system (myragdb: system_memory_percent)",
    remediation="Measure when the metrics are asked for, as the client libraries' collectors do.",
    seeds=("myragdb",),
    defects=("system-metric-constant",),
)
def check_system(metering: Metering, target: Target) -> Verdict:
    """Judge the declared metrics, else those whose names say that they are of the machine."""
    declared = metrics_of(target).system
    looks = [read(scrape.text) for scrape in metering.scrapes]
    if not looks:
        raise Inconclusive(f"the metrics were not looked at: {metering.first.label if metering.first else 'no look'}")
    last = looks[-1]
    groups = machine_groups(last, declared)
    if not groups:
        target.require("metrics.system", value=True, example="")
        raise Inconclusive(
            "no metric of processor, memory or disk was recognised",
            supply="metrics: {system: [system_cpu_percent, system_memory_percent]}",
            undeclared="metrics.system",
        )
    names = [name for group in groups for name in group]
    findings = [
        Finding(message=f"{metering.scrapes[-1].url} shows no {name}, which is declared")
        for name in declared
        if not last.values(name)
    ]
    findings += [finding for series in last.series if series.name in names for finding in _impossible(series)]
    if not findings:
        findings += _constant(groups, looks, metering)
    shown = ", ".join(f"{name} {_value(last, name):g}" for name in names[:6] if last.values(name))
    return Verdict(findings=tuple(findings), summary=f"{shown}; {len(looks)} looks")


def _impossible(series: Series) -> Iterator[Finding]:
    value, name = series.value, series.name
    if math.isnan(value) or math.isinf(value) or value < 0:
        # A limit that is not set is often written as infinity or -1.
        if "max" not in name and "limit" not in name:
            yield Finding(message=f"{series.words} is {value:g}, which nothing can be")
    elif "percent" in name and "cpu" not in name and value > PERCENT + SLACK:
        yield Finding(message=f"{series.words} is {value:g} per cent")


def _constant(groups: tuple[tuple[str, ...], ...], looks: list[Exposition], metering: Metering) -> Iterator[Finding]:
    """A group in which not even the processor's figure moves, although it had work in between."""
    if metering.good_burst is None:
        raise Inconclusive(f"whether they move was not seen: {metering.not_sent or 'no requests were sent'}")
    still = [group for group in groups if stands_still(group, looks)]
    seconds = metering.scrapes[-1].at_seconds - metering.scrapes[0].at_seconds
    for group in still:
        some = ", ".join(group[:6])
        if not has_processor(group):
            if len(still) == len(groups):
                raise Inconclusive(f"{some} did not move, and need not have: none is of the processor")
        elif is_saturated(group, looks[-1]):
            raise Inconclusive(f"{some} did not move; the processor's figure is at the end of its scale")
        elif seconds < STILL_SECONDS:
            raise Inconclusive(f"{some} did not move within {seconds:.0f} s, and may be refreshed more rarely")
        else:
            figures = ", ".join(f"{name} {_value(looks[-1], name):g}" for name in group[:6])
            proof = Evidence(source=f"{len(looks)} looks over {seconds:.0f} s, with requests in between", text=figures)
            yield Finding(message=f"not one of {some} moved while the service worked", evidence=(proof,))


def _value(exposition: Exposition, name: str) -> float:
    return next(iter(exposition.values(name).values()), 0.0)
