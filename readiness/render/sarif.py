"""Failed and waived checks as SARIF 2.1.0, for code scanning dashboards.

Dashboards show every result as an alert, whatever its ``kind``; so only findings are results. What could not be told
is a notification of the run. A stack has no source line: the location is the scorecard, beside which this file lies,
and the stack itself as a logical location.
"""

from __future__ import annotations

import json
from typing import Any

from readiness.render._view import clip, visible
from readiness.scorecard import CheckResult, Scorecard
from readiness.verdict import Outcome, Severity

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "sarif"
SUFFIX = ".sarif"

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}

#: GitHub's bands of ``security-severity``: above 9 critical, from 7 high, from 4 medium, below low.
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.0", Severity.LOW: "2.0"}


def render(card: Scorecard) -> str:
    """One run with a rule for every check and a result for every failed or waived one."""
    found = [check for check in card.checks if check.outcome in {Outcome.FAIL, Outcome.WAIVED}]
    index = {check.id: number for number, check in enumerate(card.checks)}
    notes = [_notification(check) for check in card.checks if check.outcome is Outcome.INCONCLUSIVE]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": card.tool.name,
                "version": card.tool.version,
                "semanticVersion": card.tool.version,
                "rules": [_rule(check) for check in card.checks],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "startTimeUtc": visible(card.run.started_at),
                "toolExecutionNotifications": notes,
            }
        ],
        "automationDetails": {"id": f"readiness/{visible(card.target.name)}/{visible(card.profile.name)}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(check, index[check.id], visible(card.target.name)) for check in found],
        "properties": {"grade": card.grade, "score": card.score, "gatePassed": card.gate.passed},
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, allow_nan=False).replace("</", "<\\/") + "\n"


def _rule(check: CheckResult) -> dict[str, Any]:
    return {
        "id": check.id,
        "name": "".join(word.capitalize() for word in check.id.replace("_", ".").split(".")),
        "shortDescription": _message(check.title),
        "fullDescription": _message(check.why or check.title),
        "help": _message(check.remediation or check.title),
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": {
            "tags": ["readiness", str(check.category)],
            "security-severity": _SCORES[check.severity],
        },
    }


def _result(check: CheckResult, rule: int, target: str) -> dict[str, Any]:
    lines = [finding.message for finding in check.findings] or [check.title]
    evidence = [f"{seen.source}: {seen.text}" for finding in check.findings for seen in finding.evidence]
    result: dict[str, Any] = {
        "ruleId": check.id,
        "ruleIndex": rule,
        "kind": "fail",
        "level": _LEVELS[check.severity],
        "message": _message("\n".join([*lines, *evidence, f"What to do: {check.remediation}"])),
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "scorecard.json"}},
                "logicalLocations": [{"fullyQualifiedName": target, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"checkId/v1": check.id},
    }
    if check.outcome is Outcome.WAIVED:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": visible(check.reason) or "waived"}
        ]
    return result


def _notification(check: CheckResult) -> dict[str, Any]:
    return {
        "level": "warning",
        "descriptor": {"id": check.id},
        "message": _message(f"{check.id} could not be decided: {check.reason}\n{check.supply}".rstrip()),
    }


def _message(text: str) -> dict[str, str]:
    # SARIF makes links of "[text](target)" and placeholders of "{0}" (2.1.0, 3.11.5 and 3.11.6). A space takes the one
    # away; doubled braces are literal ones.
    shown = visible(clip(text)).replace("](", "] (").replace("{", "{{").replace("}", "}}")
    return {"text": shown or "-"}
