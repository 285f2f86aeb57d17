"""Every row of the claims ledger that a seed guide claims or implies, in the families built so far, has its check."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from readiness.catalogue import load_checks
from readiness.claims_file import load_claims, shipped_claims

LEDGER = Path(os.environ.get("READINESS_LEDGER", Path(__file__).parent.parent.parent.parent / "shared" / "CLAIMS.md"))
#: Heading of a family in the ledger -> the first parts of the ids of its rows that are meant.
BUILT = {
    "Security headers": ("headers",),
    "Health probes": ("probe",),
    "CORS": ("cors",),
    "Rate limiting": ("ratelimit",),
    "Authentication and authorisation": ("auth",),
    "Request validation": ("validate",),
    "Error handling": ("errors",),
    "Request ids and logging": ("reqid", "log"),
    "Metrics, alerts, error tracking, tracing": ("metrics", "alerts", "sentry", "tracing"),
    "API documentation": ("docs",),
    "TLS": ("tls",),
    "Containers: resources, restart, health checks": ("compose",),
    "Persistence": ("persist",),
    "Graceful shutdown": ("drain",),
    "Database: pooling, indexes, migrations": ("db",),
    "Scaling and availability": ("scale",),
    "Backup and restore": ("backup",),
    "Retries, timeouts, startup": ("startup",),
}
#: Rows that no check can tell -> why. They are the owner's to state.
ATTESTED = {
    "drain.redis_connections_closed": (
        "a connection that the service closes and one that the kernel closes at its exit look the same to Redis: both are "
        "gone from CLIENT LIST at once, whatever the service does, and unlike PostgreSQL it counts no abandoned sessions; "
        "that the step is taken at all is seen by drain.ordered, where its line in the log is declared"
    ),
}


def _rows(marks: set[str], *, families: Mapping[str, tuple[str, ...]] | None = BUILT) -> dict[str, set[str]]:
    """Row id -> seeds that name it with one of these marks; an empty mark is a plain claim. Without families: of all."""
    rows: dict[str, set[str]] = {}
    for section in re.split(r"^## ", LEDGER.read_text(encoding="utf-8"), flags=re.MULTILINE):
        heading = section.splitlines()[0]
        if families is not None and heading not in families:
            continue
        for row, seeds in re.findall(r"^\| `([a-z_]+\.[a-z0-9_]+)` \|[^|]*\| ([^|]*) \|", section, flags=re.MULTILINE):
            names = re.findall(r"(\w+)(?: \(\*(\w+)\*\))?", seeds)
            claiming = {name for name, mark in names if mark in marks}
            if claiming and (families is None or row.startswith(tuple(f"{part}." for part in families[heading]))):
                rows[row] = claiming
    return rows


CLAIMED, IMPLIED = {""}, {"", "implied"}

pytestmark = pytest.mark.skipif(not LEDGER.is_file(), reason="the claims ledger is not part of this repository")


def test_every_claimed_or_implied_row_is_covered_by_a_check() -> None:
    covered = {row for meta in load_checks() for row in meta.covers}
    assert len(_rows(IMPLIED)) == 200
    assert set(_rows(IMPLIED)) - covered == set(ATTESTED)


def test_an_attested_row_is_of_the_ledger_and_covered_by_no_check() -> None:
    covered = {row for meta in load_checks() for row in meta.covers}
    assert set(ATTESTED) <= set(_rows(IMPLIED, families=None))
    assert set(ATTESTED) & covered == set()


def test_a_check_names_the_seeds_that_claim_its_rows_and_no_stranger() -> None:
    # Of every family: some checks of one that is not whole yet are there already.
    claimed, implied = _rows(CLAIMED, families=None), _rows(IMPLIED, families=None)
    for meta in load_checks():
        plain = set().union(*(claimed.get(row, set()) for row in meta.covers))
        at_most = set().union(*(implied.get(row, set()) for row in meta.covers))
        assert plain <= set(meta.seeds) <= at_most, meta.id


def test_a_check_covers_only_rows_of_the_ledger_or_itself() -> None:
    rows = set(_rows(IMPLIED))
    assert {row for meta in load_checks() for row in meta.covers if row not in rows and row != meta.id} == set()


@pytest.mark.parametrize("system", sorted(shipped_claims()))
def test_the_shipped_claims_are_what_the_ledger_says_that_the_guide_claims(system: str) -> None:
    every = {row for row, seeds in _rows(CLAIMED, families=None).items() if system in seeds}
    named = [check for claim in load_claims(shipped_claims()[system]).claims for check in claim.checks]
    assert len(named) == len(set(named))
    assert set(named) == every
