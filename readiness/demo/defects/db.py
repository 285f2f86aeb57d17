"""A database that runs otherwise than stated, and pools that fail their callers."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    Defect(
        name="database-settings-ignored",
        title="The database's connections are set by a variable that its image does not read",
        detected_by=("db.server_settings",),
        environment={"db": {"POSTGRES_MAX_CONNECTIONS": "200", "POSTGRES_SHARED_BUFFERS": "256MB"}},
        part="db/variables",
    ),
    Defect(
        name="database-settings-other",
        title="The database is declared to have more connections than it has",
        detected_by=("db.server_settings",),
        declares={"settings": {"db": {"max_connections": 200}}},
        part="db/declared",
    ),
    Defect(
        name="database-older-than-declared",
        title="The database is older than the application is declared to need",
        detected_by=("db.dependency_versions",),
        declares={"versions": {"db": ">=99"}},
        part="db/version",
    ),
    api("pool-without-pre-ping", "A connection is lent without a try", "db.pre_ping", part="pool/ping"),
    api(
        "pool-wait-unbounded", "A request waits a minute for a connection", "db.pool_exhaustion_clean", part="pool/wait"
    ),
    api(
        "pool-wait-blocks",
        "Who waits for a connection holds up everybody else",
        "db.pool_exhaustion_clean",
        part="pool/wait",
    ),
    Defect(
        name="pool-more-than-declared",
        title="The pool has more connections than it is declared to have",
        detected_by=("db.pool_ceiling", "db.pool_configured"),
        environment={"api": {"DATABASE_POOL_SIZE": "25"}},
        part="pool/wait",
    ),
    Defect(
        name="pool-less-than-declared",
        title="The pool has fewer connections than it is declared to have",
        detected_by=("db.pool_configured",),
        environment={"api": {"DATABASE_POOL_SIZE": "2", "DATABASE_POOL_OVERFLOW": "0"}},
        part="pool/wait",
    ),
    api(
        "pool-recycle-ignored",
        "The pool keeps connections for half an hour, whatever it is told",
        "db.pool_recycle",
        part="pool/recycle",
    ),
    api(
        "pool-none",
        "Every request opens a connection of its own",
        "db.pool_reuse",
        "db.pool_ceiling",
        "db.pool_configured",
        part="pool",
    ),
    Defect(
        name="pool-larger-than-server",
        title="The pools of all replicas have more connections than the database",
        detected_by=("db.pool_fits_server",),
        declares={
            "pool": {
                "api": {
                    "size": 5,
                    "overflow": 5,
                    "wait_seconds": 3,
                    "replicas": 5,
                    "recycle_seconds": 1800,
                    "env": {"recycle_seconds": "DATABASE_POOL_RECYCLE_SECONDS"},
                }
            }
        },
        part="pool/replicas",
    ),
)
