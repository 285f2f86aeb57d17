"""What Redis held before the backup is what it holds after the restore."""

from __future__ import annotations

from readiness import Category, Severity, Verdict, check
from readiness.backup.drilled import judged, require_backup, require_restore, trips_of
from readiness.facts.backup_drill import BackupDrill
from readiness.target import Role, Target


@check(
    id="backup.redis_roundtrip",
    category=Category.BACKUP,
    severity=Severity.HIGH,
    title="Redis comes back from a backup as it was: keys of every type with their times to live",
    why="A snapshot that is older than the backup, or that has lost when keys expire, brings back another state.",
    source="Claims ledger, backup.redis_roundtrip; Redis documentation, persistence",
    remediation="Take a snapshot of the moment (redis-cli --rdb, or BGSAVE and wait for LASTSAVE), and restore that file.",
    seeds=("brain",),
    defects=("backup-stale-redis", "backup-loses-ttl", "backup-empty-exit-0"),
)
def check_redis_roundtrip(backup_drill: BackupDrill, target: Target) -> Verdict:
    """Judge the differences between the digests."""
    require_backup(target)
    trips = trips_of(target, backup_drill, ("redis",), Role.REDIS, what="Redis")
    require_restore(target, backup_drill)
    return judged(trips)
