"""Which files are one set, and which set is less than another."""

from __future__ import annotations

import pytest

from readiness.backup.sets import name_pattern, newer, sets_of, shortened
from readiness.facts.backup import SetFile


def files(*paths: str, size: int = 100) -> tuple[SetFile, ...]:
    return tuple(SetFile(path=path, size_bytes=size) for path in paths)


def names(*paths: str, set_name: str = "") -> list[tuple[str, int]]:
    return [(each.name, len(each.files)) for each in sets_of(files(*paths), set_name)]


def test_folders_are_sets_and_files_beside_them_are_not() -> None:
    assert names("20250601_020000/db.dump", "20250601_020000/sub/x", "20250602_020000/db.dump", "backup.log") == [
        ("20250601_020000", 2), ("20250602_020000", 1),
    ]  # fmt: skip


def test_files_of_one_date_are_one_set() -> None:
    assert names("db_20250601_020000.sql.gz", "redis_20250601_020000.rdb", "db_20250602_020000.sql.gz") == [
        ("20250601_020000", 2), ("db_20250602_020000.sql.gz", 1),
    ]  # fmt: skip
    assert names("shop-2025-06-01T02-00-00.tar", "shop-2025-06-02T02-00-00.tar", "backup.log") == [
        ("shop-2025-06-01T02-00-00.tar", 1), ("shop-2025-06-02T02-00-00.tar", 1),
    ]  # fmt: skip
    assert names("latest.dump") == [("latest.dump", 1)]


def test_with_a_pattern_only_such_names_are_sets() -> None:
    assert names("20250601_020000/db.dump", "20250601/db.dump", "notes/2025.txt", set_name="%Y%m%d_%H%M%S") == [
        ("20250601_020000", 1),
    ]  # fmt: skip
    assert names("db_20250601.gz", "redis_20250601.rdb", "db_20250602.gz", set_name="%Y%m%d") == [
        ("20250601", 2), ("20250602", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("%Y%m%d", "20250601_020000", "20250601"),
        ("%Y%m%d", "202506010200", None),
        ("backup-%F.tar.gz", "backup-2025-06-01.tar.gz", "backup-2025-06-01.tar.gz"),
        ("%s", "1748743200", "1748743200"),
        ("100%%-%d%b", "100%-01Jun", "100%-01Jun"),
    ],
)
def test_a_name_is_found_as_strftime_writes_it(pattern: str, text: str, found: str | None) -> None:
    match = name_pattern(pattern).search(text)
    assert (match[0] if match else None) == found


def test_data_that_is_missing_empty_or_cut_makes_a_set_less() -> None:
    good = sets_of(files("1_2025/a", "1_2025/b", "1_2025/c", "1_2025/d", "1_2025/report.txt"))[0]
    sizes = {"a": 100, "b": 0, "c": 49}
    bad = sets_of([SetFile(path=f"2_2025/{name}", size_bytes=size) for name, size in sizes.items()])[0]
    assert shortened(good, good) == ()
    assert shortened(bad, good) == ("b is empty", "c has 49 bytes of 100", "d is missing")


def test_files_of_flat_sets_are_compared_by_what_is_the_same_in_any_set() -> None:
    first, second = sets_of(files("db_20250601.gz", "rd_20250601.rdb", "db_20250602.gz", "rd_20250602.rdb"), "%Y%m%d")
    assert shortened(second, first) == ()
    assert (second.size_bytes, second.part(second.files[0])) == (200, "db_.gz")


def test_what_is_written_again_is_newer() -> None:
    old = (SetFile(path="a", size_bytes=1, modified=1.0), SetFile(path="b", size_bytes=1, modified=1.0))
    new = (old[0], SetFile(path="b", size_bytes=1, modified=2.0), SetFile(path="c", size_bytes=1))
    assert [file.path for file in newer(old, new)] == ["b", "c"]
