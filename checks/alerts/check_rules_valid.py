"""Alert rules load, and watch series that exist."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.alerts import Alerts, alerts_of
from readiness.declared.metrics import metrics_of
from readiness.facts.alerts import AlertRules, RuleFile
from readiness.facts.metrics import Metering
from readiness.metrics.exposition import Exposition, read
from readiness.metrics.promql import Selector, parse
from readiness.metrics.rules import Rule, jobs_of, read_rules
from readiness.target import Target

#: Series that Prometheus makes itself.
OWN = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
OWN_PREFIXES = ("scrape_", "prometheus_", "alertmanager_")
#: Beginnings of names that exporters beside a stack are known for: their absence from the service tells nothing.
EXPORTERS = (
    "node_", "container_", "kube_", "machine_", "probe_", "pg_", "postgres_", "redis_", "mysql_", "mongodb_", "nginx_",
    "haproxy_", "traefik_", "rabbitmq_", "kafka_", "elasticsearch_", "windows_", "caddy_", "qdrant_", "minio_",
)  # fmt: skip
#: Labels that Prometheus adds, or that name another place to look.
PLACES = frozenset({"job", "instance", "service", "namespace", "pod", "container"})


@check(
    id="alerts.rules_valid",
    category=Category.ALERTS,
    severity=Severity.MEDIUM,
    title="Alert rules load, and every series they watch exists",
    why="An alert on a series that does not exist never fires, and looks exactly like one that has no reason to.",
    source="Claims ledger, alerts.rules_valid; promtool check rules",
    remediation="Correct the name in the rule, or expose the metric; run promtool check rules before each deployment.",
    defects=("alert-series-missing",),
)
def check_rules_valid(alert_rules: AlertRules, metering: Metering, target: Target) -> Verdict:
    """Judge the form of every rule, then the names in it against what the service exposes."""
    findings: list[Finding] = []
    doubts: list[str] = []
    rules: list[Rule] = []
    for file in alert_rules.files:
        if file.problem:
            findings.append(Finding(message=f"{file.path}: {file.problem}"))
            continue
        found, faults = read_rules(file.path, file.text)
        rules += found
        if file.tool_code not in (None, 0):
            findings.append(_refused(file, alert_rules.tool))
        elif file.tool_code is None:
            # The tool knows better where it was asked.
            findings += [Finding(message=f"{fault.file}: {fault.words}") for fault in faults]
    if not rules and not findings:
        raise Inconclusive("the files hold no rule")
    findings += _series(rules, _Known(alert_rules, metering, target, rules), doubts)
    if not findings and doubts:
        raise Inconclusive(
            "; ".join(doubts[:5]), supply="alerts: {elsewhere: [node_]}   # metrics from outside, by how they begin"
        )
    names = ", ".join(file.path for file in alert_rules.files)
    tool = alert_rules.tool.partition(" (")[0] or "read without promtool, which this machine does not have"
    return Verdict(findings=tuple(findings), summary=f"{len(rules)} rules in {names}; {tool}")


def _refused(file: RuleFile, tool: str) -> Finding:
    proof = Evidence(source=f"promtool check rules {file.path}", text=file.tool_words)
    last = [line.strip() for line in file.tool_words.splitlines() if line.strip()][-1:]
    words = "".join(last).removeprefix(f"{file.path}: ")[:200]
    return Finding(message=f"{file.path} is refused by {tool.partition(' (')[0]}: {words}", evidence=(proof,))


class _Known:
    """What series there are."""

    def __init__(self, alert_rules: AlertRules, metering: Metering, target: Target, rules: list[Rule]) -> None:
        scrape = metering.last
        self.exposition = read(scrape.text) if scrape is not None and scrape.status == 200 else Exposition()  # noqa: PLR2004
        self.url = scrape.url if scrape is not None else "the metrics"
        self.is_whole = scrape is not None and scrape.is_whole
        self.is_declared = metrics_of(target).is_path_declared
        self.declared: Alerts = alerts_of(target)
        self.names = self.exposition.names | OWN | {rule.record for rule in rules if rule.record}
        config = alert_rules.scrape_config
        self.jobs = jobs_of(config.text) if config is not None and config.text else None

    def has(self, selector: Selector) -> bool:
        """Whether a query can find something under this name, now or under conditions."""
        return selector.name in self.names or selector.name.startswith((*OWN_PREFIXES, *self.declared.elsewhere))

    def doubt(self, selector: Selector) -> str:
        """Why a name that was not seen may exist all the same; empty where it does not."""
        name = selector.name
        families = {family.partition("_")[0] for family in self.exposition.names}
        if not self.exposition.series:
            return f"the metrics could not be read, so {name} was not looked for"
        if name.startswith(EXPORTERS) and name.partition("_")[0] not in families:
            return f"{name} is not among the service's metrics; an exporter beside it may have it"
        if selector.labels & PLACES and (self.jobs is None or len(self.jobs) > 1):
            return f"{name} is asked of a place that was not looked at"
        if not self.is_declared or name.partition("_")[0] not in families:
            return f"{name} is not at {self.url}; another service may expose it"
        if not self.is_whole or not self.exposition.announces_ahead:
            return f"{name} is not at {self.url}, and may appear there with its first sample"
        return ""


def _series(rules: list[Rule], known: _Known, doubts: list[str]) -> Iterator[Finding]:
    for rule in rules:
        expression = parse(rule.expr)
        if isinstance(expression, str):
            doubts.append(f"{rule.words}: the expression could not be read ({expression})")
            continue
        proof = (Evidence(source=rule.words, text=rule.expr),)
        for selector in expression.lacking(known.has):
            if doubt := known.doubt(selector):
                doubts.append(f"{rule.words}: {doubt}")
            else:
                message = f"{rule.words} watches {selector.name}, which {known.url} does not expose: it can never fire"
                yield Finding(message=message, evidence=proof)
        for selector in expression.selectors():
            job = selector.equal.get("job")
            if job and known.jobs is not None and job not in known.jobs:
                message = f"{rule.words} watches the job {job}, which Prometheus does not scrape: it can never fire"
                yield Finding(message=message, evidence=proof)
