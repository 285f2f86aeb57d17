"""Alerts fire where the published table says that they do."""

from __future__ import annotations

import math

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.alerts import Threshold, alerts_of
from readiness.facts.alerts import AlertRules
from readiness.metrics.promql import Comparison, parse
from readiness.metrics.rules import Rule, read_rules
from readiness.target import Target

SUPPLY = "alerts:\n  thresholds: {HighErrorRate: 0.01}   # name of the alert: figure, in the unit of its expression"
ABOVE, BELOW = frozenset({">", ">="}), frozenset({"<", "<="})
#: Two ways of writing one figure, such as 1 / 3 and 0.3333, are one figure.
SAME = 1e-3


@check(
    id="alerts.thresholds_agree",
    category=Category.ALERTS,
    severity=Severity.LOW,
    title="Alert rules fire at the published thresholds",
    why="Who relies on the table waits for an alert that comes five times as late, or not at all.",
    source="Claims ledger, alerts.thresholds_agree (myragdb: its table says 1 % and 85 %, its rules 5 % and 90 %)",
    remediation="Make rule and table one figure: change the rule, or what is published.",
    seeds=("myragdb",),
    defects=("alert-threshold-differs",),
)
def check_thresholds_agree(alert_rules: AlertRules, target: Target) -> Verdict:
    """Compare each published figure with those in the expression of the alert of that name."""
    thresholds = alerts_of(target).thresholds
    target.require("alerts.thresholds", thresholds, example=SUPPLY)
    if unread := [file for file in alert_rules.files if file.problem]:
        raise Inconclusive(f"{unread[0].path}: {unread[0].problem}")
    rules = [rule for file in alert_rules.files for rule in read_rules(file.path, file.text)[0] if rule.alert]
    findings: list[Finding] = []
    doubts: list[str] = []
    for name, threshold in thresholds.items():
        mine = [rule for rule in rules if rule.alert == name]
        if not mine:
            files = ", ".join(file.path for file in alert_rules.files)
            findings.append(Finding(message=f"{name}, published as {threshold.words}, is no alert in {files}"))
            continue
        compared = {rule: _comparisons(rule, doubts) for rule in mine}
        if any(_agrees(c, threshold) for found in compared.values() for c in found):
            continue
        if not any(compared.values()):
            doubts.append(f"{name} compares with no figure")
            continue
        said = ", ".join(f"{c.operator} {c.figure:g}" for found in compared.values() for c in found)
        findings.append(
            Finding(
                message=f"{name} is published as {threshold.words}, and its rule says {said}",
                evidence=tuple(Evidence(source=rule.words, text=rule.expr) for rule in mine),
            )
        )
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    agreed = ", ".join(f"{name} {threshold.words}" for name, threshold in thresholds.items())
    return Verdict(findings=tuple(findings), summary=agreed, credit=1 - len(findings) / len(thresholds))


def _comparisons(rule: Rule, doubts: list[str]) -> tuple[Comparison, ...]:
    expression = parse(rule.expr)
    if isinstance(expression, str):
        doubts.append(f"{rule.words}: the expression could not be read ({expression})")
        return ()
    return expression.comparisons()


def _agrees(comparison: Comparison, threshold: Threshold) -> bool:
    figure, operators = (threshold.above, ABOVE) if threshold.above is not None else (threshold.below, BELOW)
    return (
        figure is not None
        and comparison.operator in operators
        and math.isclose(comparison.figure, figure, rel_tol=SAME, abs_tol=1e-12)
    )
