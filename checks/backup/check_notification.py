"""Results of backups are mailed."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.complaints import says_failed
from readiness.backup.tried import evidence_of, require_tried
from readiness.facts.backup_upkeep import BackupUpkeep, Told
from readiness.target import Target

MAIL_EXAMPLE = "backup:\n  mail: {host: SMTP_HOST, port: SMTP_PORT, to: MAIL_TO}"


@check(
    id="backup.notification",
    category=Category.BACKUP,
    severity=Severity.LOW,
    title="The result of every backup is mailed",
    why="A failure that waits in a log is found weeks later.",
    source="Claims ledger, backup.notification",
    remediation="Send a mail at the end of every run, whatever its end (trap … EXIT), and begin the subject with the result.",
    seeds=("brain",),
    defects=("backup-mails-nothing",),
)
def check_notification(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge the mails that a server of ours got of a good run and of one that failed."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.mail", backup.mail, example=MAIL_EXAMPLE)
    assert backup.mail is not None  # noqa: S101  # required above
    if not fact.told or "mail" in fact.not_done:
        why = fact.not_done.get("mail") or fact.not_done.get("told") or fact.not_done.get("first")
        raise Inconclusive(why or "it was not tried")
    has_mail = any(told.mails for told in fact.told)
    if not has_mail and fact.is_reachable is not True:
        raise Inconclusive(
            "no mail came, and whether the mail server of ours can be reached from the service is not known"
        )
    if not has_mail and not backup.mail.port:
        raise Inconclusive(
            "no mail came: which variable sets the mail server's port is not declared", supply=MAIL_EXAMPLE
        )
    findings = [finding for told in fact.told if (finding := _judged(told)) is not None]
    if not findings and len(fact.told) < 2:  # noqa: PLR2004  # a good run and one that fails
        raise Inconclusive(fact.not_done.get("failing", "no run that fails could be had"))
    measured = [Measurement(name=f"mails of a {told.what}", value=len(told.mails), unit="count") for told in fact.told]
    return Verdict(findings=tuple(findings), measured=measured, summary="a good run and one that failed were mailed")


def _judged(told: Told) -> Finding | None:
    if told.run.exit_code is None:
        raise Inconclusive(told.run.problem)
    if not told.mails:
        return Finding(message=f"no mail came of a {told.what}", evidence=evidence_of(told.run))
    if told.what == "failing run" and not any(says_failed(mail.text) for mail in told.mails):
        shown = tuple(Evidence(source="mail", text=mail.text[:500]) for mail in told.mails[:2])
        return Finding(message="the mail of a run that failed does not say so", evidence=shown)
    return None
