"""A backup that fails raises an alert."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.complaints import says_failed
from readiness.backup.tried import evidence_of, require_tried
from readiness.facts.backup_upkeep import Arrived, BackupUpkeep
from readiness.target import Target

WEBHOOK_EXAMPLE = "backup:\n  variables: {webhook: ALERT_WEBHOOK}"


@check(
    id="backup.monitoring",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A backup that fails raises an alert",
    why="Backups fail at night and in silence; without an alert the gap is found when a set is needed.",
    source="Claims ledger, backup.monitoring",
    remediation="Post every failure to the alerting (webhook, healthchecks.io /fail), from a trap that no error can skip.",
    seeds=(),
    defects=("backup-no-alert",),
)
def check_monitoring(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge what came to a webhook of ours, or by mail where no webhook is declared, of a run that failed."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.variables.webhook", backup.webhook_variable or backup.mail, example=WEBHOOK_EXAMPLE)
    by = "webhook" if backup.webhook_variable else "mail"
    failing = next((told for told in fact.told if told.what == "failing run"), None)
    if failing is None or by in fact.not_done:
        why = fact.not_done.get(by) or fact.not_done.get("failing") or fact.not_done.get("first")
        raise Inconclusive(why or "no run that fails could be had")
    if failing.run.exit_code is None:
        raise Inconclusive(failing.run.problem)
    good = next((told for told in fact.told if told.what == "good run"), None)
    alerts = failing.posts if by == "webhook" else failing.mails
    others = () if good is None else good.posts if by == "webhook" else good.mails
    if not alerts and not others and fact.is_reachable is not True:
        raise Inconclusive("no alert came, and whether the server of ours can be reached from the service is not known")
    message, shown = "", evidence_of(failing.run)
    if not alerts:
        message = f"a run that failed raised no alert by {by}"
    elif others and not any(says_failed(alert.text) for alert in alerts):
        message = (
            f"what is sent by {by} of a run that failed does not differ from that of a good one by any word of failure"
        )
        shown = tuple(_evidence(by, each) for each in (alerts[0], others[0]))
    findings = (Finding(message=message, evidence=shown),) if message else ()
    measured = (Measurement(name="alerts of a run that failed", value=len(alerts), unit="count"),)
    return Verdict(
        findings=findings, measured=measured, summary=f"a run that failed raised {len(alerts)} alerts by {by}"
    )


def _evidence(by: str, arrived: Arrived) -> Evidence:
    return Evidence(source=by, text=arrived.text[:500])
