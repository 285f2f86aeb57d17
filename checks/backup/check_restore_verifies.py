"""A restore tells whether it went well, and a set that is damaged costs nothing."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.complaints import complaints
from readiness.backup.tried import RESTORE_EXAMPLE, ended, evidence_of, is_restored, not_as_in_set, require_tried
from readiness.declared.backup import Backup
from readiness.facts.backup_days import BackupDays, Trial
from readiness.target import Target

VERIFIES_EXAMPLE = "backup:\n  verifies: healthy  # what the restore prints once it has seen the stack work"


@check(
    id="backup.restore_verifies",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="A restore verifies what it did, and refuses a damaged set without touching anything",
    why="A restore that says OK over a damaged set takes away the data that was still there, and nobody looks for another set.",
    source="Claims ledger, backup.restore_verifies",
    remediation="Check the whole set (checksums, pg_restore --list, gzip -t) before anything is touched, stop at the first error "
    "(set -euo pipefail, --exit-on-error), and ask the application's readiness at the end.",
    seeds=("brain",),
    defects=(
        "restore-skips-verify",
        "restore-rolls-back-says-ok",
        "backup-corrupt-archive",
        "backup-empty-exit-0",
        "backup-skips-uploads",
        "backup-stale-redis",
    ),
)
def check_restore_verifies(backup_days: BackupDays, target: Target) -> Verdict:
    """Judge restores of good sets, of damaged ones, and one after another that was ended half way."""
    fact = backup_days
    backup = require_tried(target, fact)
    target.require("backup.restore", backup.restore, example=RESTORE_EXAMPLE)
    missed = [why for part, why in fact.not_done.items() if part in {"good", "damaged"}]
    findings = []
    for trial in fact.good:
        findings += _good(trial, fact, backup, missed)
    for trial in fact.damaged:
        findings += _damaged(trial, fact, missed)
    if fact.after_interruption is not None:
        findings += _good(fact.after_interruption, fact, backup, missed)
    if not findings and (missed or not fact.good):
        raise Inconclusive("; ".join(missed) or "no restore was tried")
    if not findings and not backup.verifies:
        raise Inconclusive(
            "a restore that verifies health says so by a text that is not declared",
            supply=VERIFIES_EXAMPLE,
            undeclared="backup.verifies",
        )
    refused = sum(trial.run.exit_code not in {0, None} for trial in fact.damaged)
    measured = (
        Measurement(name="damaged sets tried", value=len(fact.damaged), unit="count"),
        Measurement(name="damaged sets refused", value=refused, unit="count"),
        *(Measurement(name=f"restore {trial.what}", value=trial.run.seconds, unit="s") for trial in fact.good),
    )
    summary = (
        f"a good set was restored {len(fact.good)} times, {refused} of {len(fact.damaged)} damaged ones were refused"
    )
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)


def _good(trial: Trial, fact: BackupDays, backup: Backup, missed: list[str]) -> list[Finding]:
    evidence = evidence_of(trial.run)
    if trial.run.exit_code is None:
        missed.append(f"the restore {trial.what}: {trial.run.problem}")
        return []
    if trial.run.exit_code != 0:
        return [Finding(message=f"a good set is not restored {trial.what}: {ended(trial.run)}", evidence=evidence)]
    messages = []
    if not is_restored(trial, fact):
        messages.append(f"says that all went well, and {'; '.join(not_as_in_set(trial, fact)[:3])}")
    if found := complaints(trial.run.lines):
        messages.append(f"ended with 0 over an error: {found[0]}")
    if backup.verifies and backup.verifies not in "\n".join(trial.run.lines):
        messages.append(f"ended with 0 and does not say {backup.verifies!r}")
    return [Finding(message=f"the restore {trial.what} {message}", evidence=evidence) for message in messages]


def _damaged(trial: Trial, fact: BackupDays, missed: list[str]) -> list[Finding]:
    if trial.run.exit_code is None:
        missed.append(f"the restore with {trial.what}: {trial.run.problem}")
        return []
    if trial.run.exit_code == 0:
        if is_restored(trial, fact):
            return []  # nothing of it was needed
        why = "; ".join(not_as_in_set(trial, fact)[:3])
        message = f"with {trial.what}, the restore ended with 0, and {why}"
        return [Finding(message=message, evidence=evidence_of(trial.run))]
    unread = [label for label in trial.held if label not in trial.holds]
    if trial.is_unchanged:
        return []
    harm = [f"{label} cannot be read any more" for label in unread]
    harm += [
        f"{label} held {', '.join(words)} and holds {', '.join(trial.holds[label]) or 'nothing'}"
        for label, words in trial.held.items()
        if label in trial.holds and trial.holds[label] != words
    ]
    harm += [places[0] for label, places in trial.changed.items() if trial.holds.get(label) == trial.held.get(label)]
    message = f"with {trial.what}, the restore failed ({trial.run.exit_code}) after it had changed something: {'; '.join(harm[:3])}"
    return [Finding(message=message, evidence=evidence_of(trial.run))]
