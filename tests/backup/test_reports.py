"""What a report says of stores and sizes."""

from __future__ import annotations

import pytest

from readiness.backup.reports import is_named, says_how_it_went, wrong_sizes
from readiness.facts.backup import SetFile

DUMP = SetFile(path="20250601_020000/db.dump", size_bytes=50000)


@pytest.mark.parametrize(
    "line",
    [
        "db.dump 50000",
        "db.dump: 50000 bytes",
        "-rw------- 1 root root 50000 Jun  1 02:00 db.dump",
        "db.dump (49K)",
        "db.dump 48.8 KiB",
        "db.dump\t52K",
        "db.dump 0.05MB",
        "PostgreSQL -> /backups/20250601_020000/db.dump, 50.0 kB",
    ],
)
def test_a_size_that_is_right_in_its_unit(line: str) -> None:
    assert wrong_sizes(f"backup of 2025-06-01\n{line}\nresult: ok", [DUMP]) == ((), 1)


@pytest.mark.parametrize(
    ("line", "said"), [("db.dump 20 bytes", "20 bytes"), ("db.dump 4.0K", "4.0K"), ("db.dump 51234", "51234")]
)
def test_a_size_that_is_wrong(line: str, said: str) -> None:
    assert wrong_sizes(line, [DUMP]) == ((f"db.dump is said to have {said} and has 50000 bytes",), 0)


@pytest.mark.parametrize("line", ["db.dump ok", "12 tables in db.dump", "olddb.dump 20 bytes", "db.dump.gz 20 bytes x"])
def test_what_is_no_size_of_the_file_is_not_compared(line: str) -> None:
    assert wrong_sizes(line, [DUMP])[1] == 0


def test_a_store_is_named_by_service_kind_or_folder() -> None:
    assert is_named("saved: db", service="db")
    assert is_named("PostgreSQL: ok", service="main", kind="postgres")
    assert is_named("RDB saved", service="store", kind="redis")
    assert is_named("media.tar", service="api", kind="files", path="/srv/media")
    assert not is_named("redis: ok", service="db", kind="postgres")


def test_a_report_says_how_it_went() -> None:
    assert says_how_it_went("Backup completed successfully")
    assert says_how_it_went("STATUS: FAILED")
    assert not says_how_it_went("db.dump 50000")
