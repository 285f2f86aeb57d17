"""What is copied elsewhere arrives as it is."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.sets import ABOUT
from readiness.backup.tried import ended, evidence_of, require_tried
from readiness.facts.backup_upkeep import BackupUpkeep, Copied
from readiness.target import Target

OFFSITE_EXAMPLE = "backup:\n  offsite: {endpoint: S3_ENDPOINT, bucket: S3_BUCKET, access_key: S3_ACCESS_KEY, secret_key: S3_SECRET_KEY}"


@check(
    id="backup.s3_upload",
    category=Category.BACKUP,
    severity=Severity.MEDIUM,
    title="A set is uploaded to S3 as it is",
    why="A copy that never arrived, or arrived in part, is missed on the day when the building is gone.",
    source="Claims ledger, backup.s3_upload",
    remediation="Upload every file of the set with its checksum, and end with another code than 0 when one is refused.",
    seeds=("brain",),
    defects=("offsite-skips-upload",),
)
def check_s3_upload(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Compare what arrived at an endpoint of ours with the files of the set."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.offsite", backup.offsite, example=OFFSITE_EXAMPLE)
    copied = fact.copied
    if copied is None:
        why = fact.not_done.get("offsite") or fact.not_done.get("told") or fact.not_done.get("first")
        raise Inconclusive(why or "it was not tried")
    if not copied.objects and fact.is_reachable is not True:
        raise Inconclusive(
            "nothing arrived, and whether the S3 endpoint of ours can be reached from the service is not known"
        )
    if copied.run.exit_code is None:
        raise Inconclusive(copied.run.problem)
    findings = _judged(copied)
    equal = sum(md5 in copied.objects.values() for md5 in copied.files.values())
    measured = (
        Measurement(name="objects that arrived", value=len(copied.objects), unit="count"),
        Measurement(name="files that arrived as they are", value=equal, unit="count"),
    )
    summary = f"{equal} of {len(copied.files)} files arrived with equal checksums"
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)


def _judged(copied: Copied) -> list[Finding]:
    evidence = (
        *evidence_of(copied.run),
        Evidence(source="objects in the bucket", text="\n".join(list(copied.objects)[:20]) or "none"),
    )
    if not copied.objects:
        return [Finding(message=f"nothing was uploaded, and {ended(copied.run)}", evidence=evidence)]
    if copied.run.exit_code != 0:
        return [Finding(message=f"the upload did not go well: {ended(copied.run)}", evidence=evidence)]
    # A report may be finished after it was uploaded.
    data = {path: md5 for path, md5 in copied.files.items() if not path.endswith(ABOUT)} or copied.files
    arrived = set(copied.objects.values())
    missing = [path for path, md5 in data.items() if md5 not in arrived]
    names = {key.rpartition("/")[2] for key in copied.objects}
    altered = [path for path in missing if path.rpartition("/")[2] in names]
    if missing and not altered and len(missing) == len(data):
        raise Inconclusive(
            f"{len(copied.objects)} objects arrived, none of which is a file of the set: they may be packed or encrypted"
        )
    messages = [f"{path} arrived with another content" for path in altered]
    messages += [f"{path} did not arrive" for path in missing if path not in altered]
    return [Finding(message=message, evidence=evidence) for message in messages]
