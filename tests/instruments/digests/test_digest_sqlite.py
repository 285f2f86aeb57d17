"""What a digest of a SQLite file tells apart, and what it does not."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from readiness.backup.differences import compare
from readiness.facts.digest import Difference, StoreDigest
from readiness.instruments.digests import open_side
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.side import Digested, Side, Where
from tests.instruments.digests.servers import ServerStack

SCHEMA = """
create table items (id integer primary key autoincrement, name text, price, body blob, made real);
create table pairs (a text, b integer, v text, primary key (a, b)) without rowid;
create table log (line text, n);
create index items_name on items (name) where price > 1;
create view names as select name from items;
create trigger quiet after delete on log begin select 1; end;
create virtual table pages using fts5(title, body);
pragma user_version = 7;
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.executescript(SCHEMA)
        rows = [(f"item {i}", [i, f"{i}", i / 3, None][i % 4], bytes([i % 256]), i * 0.1) for i in range(300)]
        db.executemany("insert into items (name, price, body, made) values (?, ?, ?, ?)", rows)
        db.executemany("insert into pairs values (?, ?, ?)", [(f"a{i % 3}", i, "v") for i in range(30)])
        db.executemany("insert into log values (?, ?)", [("same", None)] * 4 + [("", 1)])
        db.execute("insert into pages values ('hello', 'world')")
        db.commit()
    return file


@contextlib.contextmanager
def digested(file: Path, runtime: str = "process") -> Iterator[tuple[Side, StoreDigest]]:
    stack = ServerStack({}, 0, runtime=runtime)
    side = open_side("sqlite", Where(stack=stack, service="api", name=str(file)))  # type: ignore[arg-type]  # a fake
    yield side, side.digest()
    side.close()


def changed(file: Path, *statements: str) -> list[Difference]:
    with digested(file) as (side, before):
        with contextlib.closing(sqlite3.connect(file)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()
        with digested(file) as (other, after):
            comparison = compare(before, after)
            assert not comparison.untold
            return with_keys(
                Digested(side=side, digest=before), Digested(side=other, digest=after), comparison.differences
            )


def test_everything_is_told(file: Path) -> None:
    with digested(file) as (_, found):
        assert found.problem == ""
        assert {name: table.rows for name, table in found.tables.items()} == {
            "items": 300,
            "pairs": 30,
            "log": 5,
            "pages": 1,
        }
        assert found.tables["pairs"].key == ("a", "b")
        assert found.sequences["items"].following == 301
        assert found.objects["setting user_version"] == "7"
        assert found.is_quiet is True


def test_a_copy_out_of_a_container_is_the_same(file: Path) -> None:
    with digested(file) as (_, here), digested(file, "compose") as (_, there):
        assert compare(here, there).is_equal


def test_dump_and_restore_and_vacuum_change_nothing(file: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("drop table pages")
    with digested(file) as (_, before):
        with contextlib.closing(sqlite3.connect(file)) as db:
            lines = list(db.iterdump())
            db.execute("vacuum")
        with contextlib.closing(sqlite3.connect(tmp_path / "restored.db")) as db:
            db.executescript("\n".join([*lines, "pragma user_version = 7;"]))
        for copy in (file, tmp_path / "restored.db"):
            with digested(copy) as (_, after):
                assert compare(before, after).differences == ()


def test_what_is_only_in_the_log_counts_and_the_original_stays_as_it_is(file: Path) -> None:
    with digested(file) as (_, before), contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma wal_autocheckpoint = 0")
        db.execute("insert into log values ('late', 1)")
        db.commit()
        held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in file.parent.iterdir()}
        assert "shop.db-wal" in held
        for runtime in ("process", "compose"):
            with digested(file, runtime) as (_, after):
                (found,) = compare(before, after).differences
                assert (found.place, found.after) == ("rows of log", "6 rows")
        assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in file.parent.iterdir()} == held


def test_each_difference_is_named(file: Path) -> None:
    found = {
        one.place: one
        for one in changed(
            file,
            "update items set made = made + 1e-9 where id = 7",
            "delete from pairs where b = 11",
            "insert into log values ('same', null)",
            "drop index items_name",
            "drop trigger quiet",
            "pragma user_version = 6",
            "update sqlite_sequence set seq = 10 where name = 'items'",
            "update pages set body = 'moon'",
        )
    }
    assert set(found) == {
        "rows of items",
        "rows of pairs",
        "rows of log",
        "rows of pages",
        "index items_name",
        "trigger quiet",
        "setting user_version",
        "sequence items",
    }
    assert found["rows of items"].changed == ("id=7",)
    assert found["rows of pairs"].lost == ("a=a2, b=11",)
    assert found["rows of log"].added == ("(same,NULL)",)
    assert found["sequence items"].kind == "behind"


def test_the_text_of_a_number_is_another_value(file: Path) -> None:
    (found,) = changed(file, "update items set price = cast(price as text) where id = 1")
    assert (found.columns, found.changed) == (("price",), ("id=1",))


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "has no file"), (b"no database at all" * 100, "not a database")]
)
def test_what_is_no_database_is_a_problem(tmp_path: Path, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "x.db").write_bytes(content)
    with digested(tmp_path / "x.db") as (_, found):
        assert problem in found.problem


def test_a_text_that_is_none_is_told(file: Path) -> None:
    (found,) = changed(file, "insert into log values (cast(x'636166e9' as text), 1)")
    assert found.added == ("(caf\\udce9,1)",)
