"""The backup brings an empty stack back to what its users knew."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.drilled import evidence_of, require_backup, require_restore, why_failed
from readiness.declared.record import RECORD_EXAMPLE, record_of
from readiness.facts.backup_drill import ApiTrip, BackupDrill
from readiness.facts.http import Exchange
from readiness.persistence.answers import tells_nothing
from readiness.target import Target

FIRST_REFUSAL, TOO_MANY = 400, 429


@check(
    id="backup.fresh_stack",
    category=Category.BACKUP,
    severity=Severity.CRITICAL,
    title="A backup restores into an empty new stack, which then serves its users as before",
    why="On the day it is needed there is no old stack to restore into, and nobody to try it out first.",
    source="Claims ledger, backup.fresh_stack",
    remediation="Try the restore on a new machine until it ends with 0, the service is ready and old users find their data.",
    seeds=("brain",),
    defects=("restore-rolls-back-says-ok", "backup-empty-exit-0", "backup-sequences-behind", "backup-corrupt-archive"),
)
def check_fresh_stack(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the restore command, readiness, old records, an old user's login and a new record."""
    require_backup(target)
    fact = backup_drill
    restore = require_restore(target, fact)
    findings = []
    if not restore.is_good:
        message = f"into an empty stack: {why_failed(restore, fact.restore_at_most_seconds)}"
        findings.append(Finding(message=message, evidence=evidence_of(restore)))
    if fact.ready_seconds is None:
        findings.append(Finding(message="the service did not become ready after the restore"))
    api = fact.api
    if api is not None:
        findings += _users(api)
    if findings:
        return Verdict(findings=tuple(findings))
    record = record_of(target)
    target.require("record", record is not None and record.read is not None, example=RECORD_EXAMPLE)
    if api is None or api.problem or not api.created:
        raise Inconclusive(f"what users see could not be told: {api.problem if api else 'nobody was asked'}")
    if len([answer for answer in api.missing if tells_nothing(answer.status)]) == api.created:
        raise Inconclusive(f"the restored records were not told: {api.missing[0].label[:200]}")
    words = [f"{api.created - len(api.missing)} of {api.created} records are read"]
    if api.is_logged_in:
        words.append("a user of before logs in")
    if api.new is not None and api.new_read is not None:
        words.append("a new record is taken")
    return Verdict(summary=f"restored in {restore.seconds:.1f} s; {', '.join(words)}")


def _users(api: ApiTrip) -> list[Finding]:
    findings = []
    missing = [answer for answer in api.missing if not tells_nothing(answer.status)]
    if missing:
        message = (
            f"{len(missing)} of {api.created} records from before the backup cannot be read from the restored stack"
        )
        findings.append(Finding(message=message, evidence=_shown(*missing[:3])))
    if api.is_logged_in is False:
        message = f"a user who had registered before the backup cannot log in: {api.login}"
        findings.append(Finding(message=message))
    if api.new is not None and api.new_read is None and _is_refused(api.new.status):
        message = "a new record cannot be created in the restored stack"
        findings.append(Finding(message=message, evidence=_shown(api.new)))
    return findings


def _is_refused(status: int | None) -> bool:
    return status is not None and status >= FIRST_REFUSAL and status != TOO_MANY


def _shown(*answers: Exchange) -> tuple[Evidence, ...]:
    return tuple(Evidence(source=answer.label[:200], text=answer.body[:200]) for answer in answers)
