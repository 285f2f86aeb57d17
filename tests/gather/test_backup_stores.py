"""Canaries and markers in a real PostgreSQL and a real Redis, and what is told of copies of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness.facts.backup_drill import Mark, Marks
from readiness.facts.digest import Difference, DifferenceKind
from readiness.gather.backup_comparing import Compared, Moved, compared, look, moved, recorded
from readiness.gather.backup_markers import MarkWriter, places_for, read_marks
from readiness.gather.backup_places import Place
from readiness.gather.backup_planting import CANARY, MARKER, ROLE, found, plant, uproot
from readiness.instruments.digests.side import Digested
from readiness.instruments.stores import ask_redis
from tests.instruments.digests.servers import Server, ServerStack, Sql, postgres, redis_server

pytestmark = pytest.mark.slow

UNTIL = time.time() + 600


@pytest.fixture(scope="module")
def database_server() -> Iterator[Server]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def sql(database_server: Server) -> Sql:
    return Sql(database_server)


@pytest.fixture(scope="module")
def cache_server() -> Iterator[Server]:
    with redis_server() as server:
        yield server


def place(server: Server, kind: str, **more: Any) -> Place:
    return Place(stack=ServerStack(server.variables, server.port), service="store", kind=kind, **more)  # type: ignore[arg-type]  # a fake


def seen(where: Place, **more: Any) -> Digested:
    found = look(where, until=UNTIL, progress=lambda _: None, **more)
    # Another database of the same server is neither's content.
    kept = {key: text for key, text in found.digest.objects.items() if not key.startswith("database ")}
    object.__setattr__(found.digest, "objects", kept)
    return found


def judged(before: Digested, where: Place, left_out: Moved | None = None) -> Compared:
    return compared(before, seen(where, keys=before.digest.keys), left_out or Moved())


@pytest.fixture(scope="module")
def planted(database_server: Server, sql: Sql) -> Place:
    sql.fresh("drill")
    sql.run(
        "drill",
        "create table items (id serial primary key, name text)",
        "insert into items (name) select 'item ' || i from generate_series(1, 30) i",
        "create table heartbeat (id int primary key, at timestamptz)",
        "insert into heartbeat values (1, now())",
    )
    where = place(database_server, "postgres", database="drill")
    assert found(where) == ()
    put = plant(where)
    assert put.refused == {}
    assert len(put.what) == 4
    return where


@pytest.fixture(scope="module")
def before(planted: Place) -> Digested:
    return recorded(seen(planted))


def copy(sql: Sql, database_server: Server, name: str, *statements: str, options: tuple[str, ...] = ()) -> Place:
    """A database restored from a dump, and changed."""
    sql.fresh(name)
    dump = sql.program("pg_dump", "-d", "drill", *options)
    sql.program("psql", "-X", "-q", "-d", name, text=dump)
    sql.run(name, *statements)
    return place(database_server, "postgres", database=name)


def test_what_is_planted_is_found_and_can_be_taken_out(database_server: Server, sql: Sql) -> None:
    sql.fresh("uprooted")
    where = place(database_server, "postgres", database="uprooted")
    assert plant(where).what[0] == f"schema {CANARY}"
    assert f"schema {CANARY}" in found(where)
    assert f"table {MARKER}" in found(where)
    uproot(where)
    assert not {f"schema {CANARY}", f"table {MARKER}"} & {*found(where)}


def test_a_faithful_copy_differs_in_nothing(database_server: Server, sql: Sql, before: Digested) -> None:
    told = judged(before, copy(sql, database_server, "faithful"))
    assert told == Compared()


@pytest.mark.parametrize(
    ("options", "statements", "place_of_it", "kind"),
    [
        (("--schema=public",), (), f"schema {CANARY}", DifferenceKind.LOST),
        (("--exclude-table-data=*.*_seq",), (), f"sequence {CANARY}.nasty_id_seq", DifferenceKind.BEHIND),
        (("--no-acl",), (), f"grants on table {CANARY}.nasty to {ROLE}", DifferenceKind.LOST),
        (("--no-comments",), (), f"comment on table {CANARY}.nasty", DifferenceKind.LOST),
        ((), ("delete from items where id = 7",), "rows of public.items", DifferenceKind.ROWS),
        (
            (),
            ("insert into readiness_canary.keyless select * from readiness_canary.keyless",),
            f"rows of {CANARY}.keyless",
            DifferenceKind.ROWS,
        ),
    ],
)
def test_what_a_backup_loses_is_named(
    database_server: Server,
    sql: Sql,
    before: Digested,
    *,
    options: tuple[str, ...],
    statements: tuple[str, ...],
    place_of_it: str,
    kind: DifferenceKind,
) -> None:
    told = judged(before, copy(sql, database_server, "lossy", *statements, options=options))
    assert (place_of_it, kind) in [(one.place, one.kind) for one in told.differences]


def test_rows_are_named_by_their_keys(database_server: Server, sql: Sql, before: Digested) -> None:
    statements = ("delete from items where id = 7", "update items set name = '' where id = 9")
    told = judged(before, copy(sql, database_server, "altered", *statements))
    assert told.differences == (
        Difference(
            place="rows of public.items",
            kind=DifferenceKind.ROWS,
            before="30 rows",
            after="29 rows",
            columns=("name",),
            lost=("id=7",),
            changed=("id=9",),
        ),
    )


def test_rows_that_came_since_are_no_loss(database_server: Server, sql: Sql, before: Digested) -> None:
    told = judged(before, copy(sql, database_server, "later", "insert into items (name) values ('since')"))
    assert told == Compared(newer=1)


def test_what_moves_by_itself_is_left_out_row_by_row(database_server: Server, sql: Sql, before: Digested) -> None:
    sql.run("drill", "update heartbeat set at = at + interval '1 s'", "insert into items (id, name) values (900, 'x')")
    again = seen(place(database_server, "postgres", database="drill"), keys=before.digest.keys)
    left_out = moved(before, again)
    sql.run("drill", "delete from items where id = 900")
    assert left_out.keys == {"public.heartbeat": frozenset({"id=1"}), "public.items": frozenset({"id=900"})}
    assert left_out.places == {}
    statements = ("update heartbeat set at = at + interval '1 h'", "delete from items where id = 3")
    told = judged(before, copy(sql, database_server, "moved", *statements), left_out)
    assert [(one.place, one.lost) for one in told.differences] == [("rows of public.items", ("id=3",))]


def test_numbers_are_written_in_pairs_and_read_back(database_server: Server, sql: Sql) -> None:
    sql.fresh("marked")
    where = place(database_server, "postgres", database="marked")
    names = places_for(where, plant(where).what)
    assert len(names) == 3
    began = time.monotonic()
    with MarkWriter([(where, names)]) as writer:
        writer.wait(4, at_most_seconds=20)
    (marks,) = writer.marks(began)
    numbers = tuple(mark.number for mark in marks.acknowledged)
    assert numbers == tuple(range(1, len(numbers) + 1))
    assert len(numbers) >= 4
    back = read_marks(marks, where, names)
    assert back.present == dict.fromkeys(names, numbers)
    sql.run("marked", f"drop schema {CANARY} cascade", "delete from public.readiness_marker where n = 2")
    assert read_marks(marks, where, names).present == {
        f"{CANARY}.marker_first": (),
        f"{CANARY}.marker_second": (),
        f"public.{MARKER}": tuple(n for n in numbers if n != 2),
    }


def test_a_store_that_takes_no_numbers_is_not_asked_for_ever(database_server: Server) -> None:
    where = place(database_server, "postgres", database="nowhere")
    with MarkWriter([(where, ("public.a", "public.b"))]) as writer:
        writer.wait(1, at_most_seconds=20)
    (marks,) = writer.marks(0.0)
    assert marks.acknowledged == ()
    assert "cannot be asked" in marks.problem


def test_every_type_of_key_is_planted_compared_and_taken_out(cache_server: Server) -> None:
    where = place(cache_server, "redis", number=3)
    put = plant(where)
    assert put.refused == {}
    assert found(where) == (f"33 keys {CANARY}…",)
    before = seen(where)

    def run(*words: str) -> None:
        ask_redis(
            where.stack, "store", ("EVAL", "redis.call('SELECT', 3) redis.call(unpack(ARGV)) return 1", "0", *words)
        )

    run("PERSIST", f"{CANARY}:hash:2")
    run("EXPIRE", f"{CANARY}:list:3", "86400")
    run("SREM", f"{CANARY}:set:1", "three")
    run("DEL", f"{CANARY}:stream:1")
    run("SET", "session", "since")
    told = judged(before, where)
    assert {(one.columns, one.lost, one.changed) for one in told.differences} == {
        (("value", "expires"), (f"{CANARY}:stream:1",), (f"{CANARY}:hash:2", f"{CANARY}:set:1")),
        (("expires",), (), (f"{CANARY}:list:3",)),
    }
    assert told.newer == 1
    again = Moved(
        keys={"db3": frozenset({f"{CANARY}:stream:1", f"{CANARY}:hash:2", f"{CANARY}:set:1", f"{CANARY}:list:3"})}
    )
    assert judged(before, where, again) == Compared(newer=1)
    uproot(where)
    assert found(where) == ()


def test_numbers_go_to_two_keys_of_redis(cache_server: Server) -> None:
    where = place(cache_server, "redis", number=2)
    names = places_for(where, ("keys",))
    with MarkWriter([(where, names)]) as writer:
        writer.wait(3, at_most_seconds=20)
    (marks,) = writer.marks(time.monotonic())
    back = read_marks(marks, where, names)
    assert back.present == dict.fromkeys(names, tuple(mark.number for mark in marks.acknowledged))
    assert all(mark.seconds < 0 for mark in marks.acknowledged)
    uproot(where)


def test_marks_that_cannot_be_read_are_told(cache_server: Server) -> None:
    where = place(cache_server, "redis")
    object.__setattr__(where.stack, "port", 1)
    marks = Marks(service="store", kind="redis", acknowledged=(Mark(number=1, seconds=0.5),))
    assert read_marks(marks, where, (f"{MARKER}:first",)).problem.startswith("after: ")


def test_nothing_is_put_into_a_store_of_another_kind(tmp_path: Path) -> None:
    del tmp_path
    where = Place(stack=None, service="vectors", kind="qdrant")  # type: ignore[arg-type]  # is not asked
    assert plant(where).what == ()
    assert "qdrant" in plant(where).refused["anything"]
    assert found(where) == ()


@pytest.mark.parametrize("runtime", ["compose", "process"])
def test_files_are_planted_in_either_way_the_same(tmp_path: Path, runtime: str) -> None:
    class Folder(ServerStack):
        def copy_in(self, service: str, source: Path, path: str) -> None:
            shutil.copytree(source, path)

    where = Place(stack=Folder({}, 0, runtime=runtime), service="api", kind="files", path=str(tmp_path))  # type: ignore[arg-type]  # a fake
    assert plant(where).refused == {}
    assert found(where) == (f"folder {CANARY}",)
    files = {path.relative_to(tmp_path / CANARY).as_posix(): path for path in (tmp_path / CANARY).rglob("*")}
    assert len(files) == 13
    assert files["bytes.bin"].read_bytes() == bytes(range(256))
    assert [files[name].stat().st_mode & 0o777 for name in ("plain.txt", "script", ".hidden")] == [0o600, 0o750, 0o640]
    assert files["nested/nothing"].is_dir()
    uproot(where)
    assert found(where) == ()
