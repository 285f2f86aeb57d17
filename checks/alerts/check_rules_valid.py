"""Alert rules load, and watch series that exist."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.alerts import alerts_of
from readiness.declared.metrics import metrics_of
from readiness.facts.alerts import AlertRules, RuleFile
from readiness.facts.metrics import Metering
from readiness.metrics.exposition import Exposition, read
from readiness.metrics.known import Known, Lack
from readiness.metrics.promql import parse
from readiness.metrics.rules import Rule, read_rules
from readiness.metrics.scraping import read_scraping
from readiness.target import Target

OK = 200
#: Of what Prometheus says where series do not fit an expression, and which no other figures would change.
MISMATCHES = ("many-to-", "duplicate series", "multiple matches", "same labelset", "label_replace", "label_join")
ELSEWHERE = "alerts: {elsewhere: [node_]}   # metrics from outside, by how they begin"


@check(
    id="alerts.rules_valid",
    category=Category.ALERTS,
    severity=Severity.MEDIUM,
    title="Alert rules load, and every series they watch exists",
    why="An alert on a series that does not exist never fires, and looks exactly like one that has no reason to.",
    source="Claims ledger, alerts.rules_valid; promtool check rules and promtool test rules",
    remediation="Correct the name in the rule, or expose the metric; run promtool check rules before each deployment.",
    defects=("alert-series-missing",),
)
def check_rules_valid(alert_rules: AlertRules, metering: Metering, target: Target) -> Verdict:
    """Judge the form of every rule, then names and labels in it, and the whole, against what the service exposes."""
    findings: list[Finding] = []
    doubts: list[Lack] = []
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
    if not rules and findings:
        # A file that is missing or no rules at all is wrong whatever the service exposes.
        return Verdict(findings=tuple(findings))
    if not rules:
        raise Inconclusive("the files hold no rule")
    known = _known(alert_rules, metering, target, rules)
    findings += _unevaluable(metering, known, doubts)
    findings += _series(rules, known, doubts)
    if not findings and doubts:
        supply = next((doubt.supply for doubt in doubts if doubt.supply), ELSEWHERE)
        raise Inconclusive("; ".join(doubt.words for doubt in doubts[:5]), supply=supply)
    names = ", ".join(file.path for file in alert_rules.files)
    tool = alert_rules.tool.partition(" (")[0] or "read without promtool, which this machine does not have"
    return Verdict(
        findings=tuple(findings), summary=f"{len(rules)} rules in {names}; {tool}; {_evaluation_words(metering)}"
    )


def _unevaluable(metering: Metering, known: Known, doubts: list[Lack]) -> Iterator[Finding]:
    """Rules that the form does not speak against, and which the series that are there do."""
    for rule in metering.evaluation.rules if metering.evaluation is not None else ():
        if not rule.error or "parse error" in rule.error:
            continue  # the form is the linter's part, which has seen the whole file
        words = f"{rule.rule} cannot be evaluated with the series that are exposed: {rule.error}"[:500]
        is_kept = known.scraping is None or known.scraping.keeps_names
        if is_kept and any(part in rule.error for part in MISMATCHES):
            yield Finding(
                message=words, evidence=(Evidence(source=f"promtool test rules: {rule.expr}", text=rule.error),)
            )
        else:
            doubts.append(Lack(words=words))


def _evaluation_words(metering: Metering) -> str:
    evaluation = metering.evaluation
    if evaluation is None or evaluation.not_done:
        return f"not evaluated: {evaluation.not_done if evaluation is not None else 'not tried'}"
    empty = dict.fromkeys(selector for rule in evaluation.rules for selector in rule.empty)
    still = f", without one yet for {', '.join(list(empty)[:3])}" if empty else ""
    return f"promtool evaluated {len(evaluation.rules)} of them against {evaluation.series} exposed series{still}"


def _refused(file: RuleFile, tool: str) -> Finding:
    proof = Evidence(source=f"promtool check rules {file.path}", text=file.tool_words)
    last = [line.strip() for line in file.tool_words.splitlines() if line.strip()][-1:]
    words = "".join(last).removeprefix(f"{file.path}: ")[:200]
    return Finding(message=f"{file.path} is refused by {tool.partition(' (')[0]}: {words}", evidence=(proof,))


def _known(alert_rules: AlertRules, metering: Metering, target: Target, rules: list[Rule]) -> Known:
    scrape, config = metering.last, alert_rules.scrape_config
    is_read = scrape is not None and scrape.status == OK
    return Known(
        exposition=read(scrape.text) if scrape is not None and is_read else Exposition(),
        url=scrape.url if scrape is not None else "the metrics",
        is_whole=scrape is not None and scrape.is_whole,
        is_declared=metrics_of(target).is_path_declared,
        elsewhere=alerts_of(target).elsewhere,
        recorded=frozenset({rule.record for rule in rules if rule.record}) | set(alert_rules.recorded),
        scraping=read_scraping(config.text) if config is not None else None,
    )


def _series(rules: list[Rule], known: Known, doubts: list[Lack]) -> Iterator[Finding]:
    for rule in rules:
        expression = parse(rule.expr)
        if isinstance(expression, str):
            doubts.append(Lack(words=f"{rule.words}: the expression could not be read ({expression})"))
            continue
        proof = (Evidence(source=rule.words, text=rule.expr),)
        for selector in expression.lacking(lambda selector: known.lack(selector) is None):
            lack = known.lack(selector)
            if lack is not None and lack.is_sure:
                yield Finding(message=f"{rule.words} {lack.words}", evidence=proof)
            elif lack is not None:
                doubts.append(replace(lack, words=f"{rule.words}: {lack.words}"))
        for selector in expression.absences():
            if known.job_lack(selector) is not None:
                job = selector.equal["job"]
                message = (
                    f"{rule.words} asks whether the job {job} is absent, which Prometheus does not scrape: it always is"
                )
                yield Finding(message=message, evidence=proof)
