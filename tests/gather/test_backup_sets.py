"""Which files one run of a backup has written."""

from __future__ import annotations

from readiness.facts.backup import SetFile
from readiness.gather.backup_sets import new_set


def files(*told: str) -> list[SetFile]:
    """``path:size`` or ``path:size:modified``."""
    found = []
    for each in told:
        path, size, modified = (*each.split(":"), "1")[:3]
        found.append(SetFile(path=path, size_bytes=int(size), modified=float(modified)))
    return found


def test_a_new_folder_is_the_set() -> None:
    after = files("20260101/db.dump:9", "20260102/db.dump:9", "20260102/cache.rdb:5", "20260102.log:99", ".lock:0")
    new = new_set(after[:1], after)
    assert (new.name, new.names) == ("20260102", ("20260102", "20260102.log"))
    assert [file.path for file in new.files] == ["20260102/db.dump", "20260102/cache.rdb"]


def test_files_beside_each_other_are_one_set_named_after_the_largest() -> None:
    new = new_set([], files("db_1.sql.gz:50", "redis_1.rdb:5", "report_1.txt:900"), report="report*")
    assert (new.name, len(new.files)) == ("db_1.sql.gz", 3)


def test_a_file_that_is_written_again_is_new() -> None:
    assert new_set(files("latest.dump:9:1"), files("latest.dump:9:2")).name == "latest.dump"


def test_a_new_folder_is_preferred_to_one_that_is_written_into() -> None:
    new = new_set(files("logs/a:1"), files("logs/a:5000", "20260102/db:9"))
    assert new.name == "20260102"


def test_nothing_new_is_no_set() -> None:
    assert new_set(files("a/b:1"), files("a/b:1")).name == ""
    assert new_set([], files(".20260102.partial/db:1")).name == ""
