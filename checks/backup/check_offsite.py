"""A copy elsewhere is configured."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import require_tried
from readiness.facts.backup_upkeep import BackupUpkeep
from readiness.target import Target

OFFSITE_EXAMPLE = "backup:\n  offsite: {endpoint: S3_ENDPOINT, bucket: S3_BUCKET, access_key: S3_ACCESS_KEY, secret_key: S3_SECRET_KEY}"


@check(
    id="backup.offsite",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A copy of the backups elsewhere is configured",
    why="Sets on the same machine are lost with it.",
    source="Claims ledger, backup.offsite",
    remediation="Set endpoint, bucket and keys of the copy elsewhere in the environment of production.",
    seeds=(),
    defects=("offsite-unset",),
)
def check_offsite(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge whether the running service has a value for every declared setting; values are not looked at."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.offsite", backup.offsite, example=OFFSITE_EXAMPLE)
    if not fact.offsite_set:
        raise Inconclusive(fact.not_done.get("settings", "the service's variables could not be read"))
    unset = [name for name, is_set in fact.offsite_set.items() if not is_set]
    findings = (Finding(message=f"empty in {backup.run}: {', '.join(unset)}"),) if unset else ()
    return Verdict(findings=findings, summary=f"set in {backup.run}: {', '.join(fact.offsite_set)}")
