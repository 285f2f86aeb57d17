"""Backups that cannot bring back what they promise, or that nobody misses when they are not made."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect

__all__ = ["DEFECTS"]


def _backup(name: str, title: str, *detected_by: str, part: str = "") -> Defect:
    """A switch of the service ``backup``, asked for in its scripts by ``is_on name``.

    Without a part of its own it leaves nothing of a restore that another defect could be seen by.
    """
    environment = {"backup": {"SHOP_DEFECTS": name}}
    return Defect(
        name=name,
        title=title,
        detected_by=detected_by,
        environment=environment,
        part=f"backup/{part}" if part else "backup",
    )


DEFECTS: tuple[Defect, ...] = (
    _backup(
        "backup-misses-schema",
        "The dump has one schema and leaves out the others",
        "backup.postgres_roundtrip",
        part="db",
    ),
    _backup(
        "backup-sequences-behind",
        "The dump has no position of any sequence: the next insert takes a number that is taken",
        "backup.postgres_roundtrip",
        "backup.fresh_stack",
        part="db",
    ),
    _backup(
        "backup-loses-roles",
        "Roles are not saved: owners and grants name nobody on a new server",
        "backup.postgres_roundtrip",
        part="roles",
    ),
    _backup("backup-loses-grants", "The dump leaves out who may do what", "backup.postgres_roundtrip", part="db"),
    _backup(
        "backup-empty-exit-0",
        "The dump is empty, and nobody looked",
        "backup.artifacts_valid",
        "backup.postgres_roundtrip",
        "backup.redis_roundtrip",
        "backup.files_roundtrip",
        "backup.fresh_stack",
        "backup.restore_verifies",
    ),
    _backup(
        "backup-torn",
        "Every table is dumped by itself, at a moment of its own",
        "backup.consistent_under_load",
        part="db",
    ),
    _backup(
        "backup-stale-redis",
        "What is kept of Redis is a dump from when the service was started",
        "backup.redis_roundtrip",
        "backup.restore_verifies",
        "backup.failure_detected",  # it asks no Redis that could be away
        part="cache",
    ),
    _backup("backup-loses-ttl", "What comes back in Redis never expires", "backup.redis_roundtrip", part="cache"),
    _backup(
        "backup-skips-uploads",
        "The archive of the uploads has their folders and not their files",
        "backup.files_roundtrip",
        "backup.restore_verifies",
        part="uploads",
    ),
    _backup(
        "backup-corrupt-archive",
        "The archive of the uploads is cut short after it was looked at",
        "backup.artifacts_valid",
        "backup.files_roundtrip",
        "backup.fresh_stack",
        "backup.restore_verifies",
    ),
    _backup(
        "restore-rolls-back-says-ok",
        "The restore of the database meets what is there, rolls back and says that all is well",
        "backup.postgres_roundtrip",
        "backup.fresh_stack",
        "backup.restore_verifies",
    ),
    _backup(
        "restore-skips-verify",
        "Nothing looks at the set before it is restored, or at the application afterwards",
        "backup.restore_verifies",
        part="restore/verify",
    ),
    _backup(
        "restore-without-asking",
        "The restore begins whatever it is answered",
        "backup.restore_confirmation",
        part="restore/asking",
    ),
    _backup(
        "restore-oldest", "Without a name, the oldest set is restored", "backup.restore_latest", part="restore/latest"
    ),
    _backup(
        "restore-always-all",
        "A restore of one store restores all of them",
        "backup.restore_partial",
        part="restore/partial",
    ),
    Defect(
        name="restore-slow",
        title="A restore takes longer than the time that is promised",
        detected_by=("backup.rto_30m",),
        environment={"backup": {"SHOP_DEFECTS": "restore-slow"}},
        declares={"backup": {"rto_seconds": 5}},
        # Where something does not come back, nobody says how long it took.
        part="backup",
    ),
    _backup(
        "backup-hides-failure", "A run in which a store failed ends with 0", "backup.failure_detected", part="exit"
    ),
    _backup(
        "backup-ignores-full-disk",
        "A full disk is no failure: what was cut short is kept as a set",
        "backup.disk_space_checked",
        part="space",
    ),
    _backup(
        "retention-deletes-last-good",
        "Old sets are deleted before there is a new one",
        "backup.failure_detected",
        part="retention",
    ),
    _backup("retention-keeps-all", "Sets are never deleted", "backup.retention_30d", part="retention"),
    _backup("backup-world-readable", "Everybody may read the sets", "backup.file_modes", part="modes"),
    _backup(
        "backup-password-in-argv",
        "The database's password is among the arguments of pg_dump",
        "backup.no_secret_in_argv",
        part="db",
    ),
    _backup("backup-without-report", "A run leaves no report", "backup.report", part="report"),
    _backup(
        "cron-never-fires",
        "The schedule starts a program that is not there",
        "backup.schedule_daily",
        part="schedule/command",
    ),
    Defect(
        name="cron-weekly",
        title="Backups run once a week",
        detected_by=("backup.schedule_daily", "backup.rpo_24h"),
        environment={"backup": {"BACKUP_CRON": "0 2 * * 0"}},
        part="backup/schedule/cron",
    ),
    _backup("backup-mails-nothing", "Nobody is mailed", "backup.notification", part="mail"),
    _backup("backup-no-alert", "A failed run raises no alert", "backup.monitoring", part="alert"),
    Defect(
        name="offsite-unset",
        title="No bucket is set for the copy elsewhere",
        detected_by=("backup.offsite",),
        environment={"backup": {"S3_ENDPOINT": "", "S3_BUCKET": ""}},
        part="backup/offsite/settings",
    ),
    _backup(
        "offsite-skips-upload", "Nothing is uploaded to the bucket that is set", "backup.s3_upload", part="offsite"
    ),
    Defect(
        name="backup-script-not-executable",
        title="The backup's script lacks the right to be executed",
        detected_by=("backup.scripts_present", "backup.runs", "backup.schedule_daily"),
        environment={"backup": {"SHOP_DEFECTS": "backup-script-not-executable"}},
        compose="defects/overlays/backup-script-not-executable.yaml",
        part="backup",
    ),
)
