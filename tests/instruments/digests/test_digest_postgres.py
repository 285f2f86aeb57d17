"""What a digest of a real PostgreSQL tells apart, and what it does not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from readiness.backup.differences import compare
from readiness.exceptions import GatherError
from readiness.facts.digest import Difference, DifferenceKind, StoreDigest
from readiness.instruments.digests import open_side
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.postgres import own_databases
from readiness.instruments.digests.postgres_schema import BEGINNINGS
from readiness.instruments.digests.postgres_session import Database
from readiness.instruments.digests.recorded import Recorded
from readiness.instruments.digests.side import Digested, Side
from tests.instruments.digests.servers import Server, Sql

pytestmark = pytest.mark.slow

NASTY = (Path(__file__).parent / "nasty.sql").read_bytes()


@pytest.fixture(scope="module")
def original(sql: Sql) -> str:
    sql.fresh("original")
    sql.program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "original", text=NASTY)
    return "original"


@pytest.fixture(scope="module")
def before(database_server: Server, original: str) -> StoreDigest:
    return digest_of(database_server, original)


def digest_of(server: Server, name: str) -> StoreDigest:
    found = open_side("postgres", server.where(name)).digest()
    # Another database of the same server is neither's content.
    kept = {key: text for key, text in found.objects.items() if not key.startswith("database ")}
    object.__setattr__(found, "objects", kept)
    return found


def twin(sql: Sql, name: str, *statements: str) -> str:
    """A copy of the original, file by file, with changes."""
    sql.run("shop", f'drop database if exists "{name}" with (force)', f'create database "{name}" template original')
    sql.run(name, *statements)
    return name


def differences(server: Server, before: StoreDigest, name: str) -> list[Difference]:
    after = digest_of(server, name)
    comparison = compare(before, after)
    assert not comparison.untold
    sides = [open_side("postgres", server.where(one)) for one in ("original", name)]
    return with_keys(
        Digested(side=sides[0], digest=before), Digested(side=sides[1], digest=after), comparison.differences
    )


def since(recorded: Recorded, side: Side, after: StoreDigest) -> list[Difference]:
    before = Digested(side=recorded, digest=recorded.digest())
    found = compare(before.digest, after).differences
    return with_keys(before, Digested(side=side, digest=after), found)


def told(found: Sequence[Difference]) -> dict[str, str]:
    return {one.place: str(one.kind) for one in found}


def test_everything_is_digested_but_what_is_computed_anew(before: StoreDigest) -> None:
    assert before.problem == ""
    assert before.not_digested == {
        "rows of public.counts": "a restore computes it anew",
        "rows of public.far": "its rows are in another server",
    }
    assert before.is_quiet is True
    assert before.tables["public.items"].rows == 200
    assert (before.tables["public.items"].lowest, before.tables["public.items"].highest) == ("1", "200")
    assert before.tables["audit.events_2024"].key == ("at", "seq")
    assert before.objects["migrations of public.alembic_version"] == "abc123"
    beginnings = tuple(f"{beginning} " for some in BEGINNINGS.values() for beginning in some)
    assert [name for name in before.objects if not f"{name} ".startswith(beginnings)] == [
        "migrations of public.alembic_version"
    ]


def test_dump_and_restore_change_nothing(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    restored = sql.copied("original", "restored")
    comparison = compare(before, digest_of(database_server, restored))
    assert comparison.differences == ()
    assert comparison.is_equal
    # And once more: what is restored is printed in other words, and is the same for all that.
    again = sql.copied("restored", "again")
    assert compare(before, digest_of(database_server, again)).is_equal
    assert digest_of(database_server, again).objects != before.objects


def test_order_on_disk_vacuum_and_settings_of_the_database_change_nothing(
    database_server: Server, sql: Sql, before: StoreDigest
) -> None:
    name = twin(
        sql,
        "moved",
        "create table old as select * from public.items; truncate public.items cascade",
        "alter table public.items alter id drop default, drop column lower_name",
        "alter table public.items alter id set default nextval('public.items_id_seq'), "
        "add column lower_name text generated always as (lower(name)) stored",
        "do $$ declare c text; begin select string_agg(quote_ident(attname), ',') into c from pg_attribute where "
        "attrelid = 'public.items'::regclass and attnum > 0 and not attisdropped and attgenerated = ''; "
        "execute format('insert into public.items (%s) select %s from old order by id desc', c, c); end $$",
        "drop table old",
        "insert into public.children select i, i from generate_series(50, 1, -1) i",
        "update public.log set at = at",
        "vacuum full public.log",
        "cluster public.children using children_pkey",
        "reindex table public.items",
        "analyze",
    )
    for setting in ("DateStyle = 'German'", "TimeZone = 'Asia/Tokyo'", "bytea_output = 'escape'", "search_path = audit",
                    "IntervalStyle = 'iso_8601'", "extra_float_digits = -10"):  # fmt: skip
        sql.run(name, f"alter database {name} set {setting}")
    found = differences(database_server, before, name)
    # The settings of the database themselves are content, and nothing else is.
    assert {place.split(" ")[0] for place in told(found)} == {"setting"}
    assert len(found) == 6


def test_each_difference_is_named(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    name = twin(
        sql,
        "damaged",
        "update public.items set price = price + 0.0001 where id = 54",
        "update public.items set tags = array[null, '', 'NULL'] where id = 50",
        "delete from public.children where id = 33",
        "insert into public.log values (3, 'same')",
        "alter sequence public.tickets restart with 1000",
        "drop index public.items_words",
        "update pg_index set indisvalid = false where indexrelid = 'public.items_name'::regclass",
        "revoke select on public.items from app_reader",
        "revoke update (name) on public.items from app_writer",
        "alter table public.wide owner to app_reader",
        "comment on column public.items.name is null",
        "alter table public.items alter name set default 'other'",
        "alter table public.items alter made drop default",
        "alter table public.log alter at set not null",
        "alter table public.children drop constraint late",
        "drop trigger touch on public.items",
        "drop policy own on public.items; alter table public.items disable row level security",
        "drop view public.new_items",
        "drop statistics public.items_stats",
        "create or replace function public.touch() returns trigger language plpgsql as 'begin return null; end'",
        "alter type public.mood add value 'angry'",
        "drop rule no_delete on public.log",
        "drop aggregate public.total(integer)",
        "drop publication changes",
        "drop cast (text as public.mood)",
        "revoke usage on foreign server faraway from app_reader",
        "drop table public.nothing",
        "create table public.more (id integer)",
        "alter default privileges in schema public revoke select on tables from app_reader",
        "update public.alembic_version set version_num = 'abc122'",
        "select lo_put(424242, 5000, 'x')",
        "select lo_unlink(434343)",
        'update public."Odd ""name.s" set "k" = null',
        "alter table public.scratch set logged",
        "update public.broad set a_rather_long_name_of_a_column_399 = 'x' where id = 7",
    )
    found = {one.place: one for one in differences(database_server, before, name)}
    lost, changed, rows = "lost", "changed", "rows"
    assert told(list(found.values())) == {
        "rows of public.items": rows,
        "rows of public.children": rows,
        "rows of public.log": rows,
        "rows of public.alembic_version": rows,
        'rows of public."Odd ""name.s"': rows,
        "rows of large object pages": rows,
        "rows of public.broad": rows,
        "rows of large objects": rows,
        "table public.nothing": lost,
        "rows of public.nothing": lost,
        "table public.more": "added",
        "rows of public.more": "added",
        "grants on table public.more to app_reader": "added",
        "table public.scratch": changed,
        "table public.items": changed,
        "sequence public.tickets": "behind",
        "index public.items_words": lost,
        "index public.items_name": changed,
        "grants on table public.items to app_reader": lost,
        "grants on column public.items.name to app_writer": lost,
        "owner of table public.wide": changed,
        "comment on table column public.items.name": lost,
        "column public.items.name": changed,
        "column public.items.made": changed,
        "column public.log.at": changed,
        "constraint late on public.children": lost,
        "trigger touch on public.items": lost,
        "policy own on public.items": lost,
        "view public.new_items": lost,
        "statistics public.items_stats": lost,
        "function public.touch()": changed,
        "enum public.mood": changed,
        "rule no_delete on public.log": lost,
        "aggregate public.total(integer)": lost,
        "grants on function public.total(integer) to everybody": lost,
        "publication changes": lost,
        "cast (pg_catalog.text AS public.mood)": lost,
        "grants on server faraway to app_reader": lost,
        "owner of table public.nothing": lost,
        "owner of table public.more": "added",
        "column public.more.id": "added",
        "owner of function public.total(integer)": lost,
        "owner of view public.new_items": lost,
        "default grants of shop on tables in public to app_reader": lost,
        "migrations of public.alembic_version": changed,
    }
    assert (found["rows of public.items"].columns, found["rows of public.items"].changed) == (
        ("price", "tags"),
        ("id=50", "id=54"),
    )
    assert found["rows of public.children"].lost == ("id=33",)
    assert found["rows of public.children"].columns == ()
    assert found["rows of public.log"].added == ("(3,same)",)
    assert (found["rows of public.log"].before, found["rows of public.log"].after) == ("60 rows", "61 rows")
    assert found['rows of public."Odd ""name.s"'].columns == ("k",)
    assert found["rows of public.broad"].columns == ("a_rather_long_name_of_a_column_399",)
    assert found["rows of public.broad"].lost[0].startswith("(7,2024-01-01,1,2,3")
    assert found["rows of large object pages"].changed == ("loid=424242, pageno=2",)
    assert found["rows of large objects"].lost == ("loid=434343",)
    assert found["index public.items_name"].after.endswith(" INVALID")
    assert (found["sequence public.tickets"].before, found["sequence public.tickets"].after) == (
        "next is 1010",
        "next is 1000",
    )
    assert "unlogged" in before.objects["table public.scratch"]


def test_values_that_two_rows_swap_are_a_difference(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    swap = "update public.children c set item = case id when 1 then 2 else 1 end where id in (1, 2)"
    (found,) = differences(database_server, before, twin(sql, "swapped", swap))
    assert (found.place, found.columns, found.changed) == ("rows of public.children", ("item",), ("id=1", "id=2"))


def test_a_null_is_no_empty_text(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    (found,) = differences(
        database_server, before, twin(sql, "nulls", "update public.log set line = '' where line is null")
    )
    assert (found.place, found.columns) == ("rows of public.log", ("line",))
    assert found.lost == ("(0,) (6 times)",)
    assert found.added == ('(0,"") (6 times)',)


def test_what_a_restore_may_do_is_no_difference(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    name = twin(
        sql,
        "ahead",
        "select setval('public.tickets', 100000)",
        "alter table public.children validate constraint late",
        "refresh materialized view public.counts",
        "alter role app_writer password 'x'",
    )
    assert differences(database_server, before, name) == []


def test_a_lost_extension_and_a_lost_schema_are_named(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    name = twin(sql, "without", "drop extension vector cascade", "drop schema audit cascade")
    found = told(differences(database_server, before, name))
    assert {place for place in found if place.startswith(("extension", "schema"))} == {
        "extension vector",
        "schema audit",
    }
    assert found["table audit.events_2023"] == "lost"
    assert found["column public.items.nearby"] == "lost"
    assert "rows of public.items" not in found  # the rows are whole but for the column that is named


def test_a_lost_role_its_membership_and_its_settings_are_named(
    database_server: Server, sql: Sql, before: StoreDigest
) -> None:
    sql.run("shop", "create role passing login; grant app_reader to passing; alter role passing set work_mem = '8MB'")
    held = digest_of(database_server, "original")
    sql.run("shop", "drop role passing; alter role app_writer nologin; alter role app_writer password null")
    try:
        found = told(compare(held, digest_of(database_server, "original")).differences)
    finally:
        sql.run("shop", "alter role app_writer login password 'x'")
    assert found == {
        "role passing": "lost",
        "password of role passing": "lost",
        "membership of passing in app_reader": "lost",
        "setting work_mem of role passing": "lost",
        "role app_writer": "changed",
        "password of role app_writer": "changed",
    }


def test_rows_that_a_policy_hides_are_an_error_and_not_a_smaller_table(
    database_server: Server, sql: Sql, before: StoreDigest
) -> None:
    name = twin(sql, "hidden", "grant select on all tables in schema public to app_writer")
    where = database_server.where(name)
    object.__setattr__(where.stack, "variables", {"POSTGRES_USER": "app_writer", "POSTGRES_PASSWORD": "x"})
    found = open_side("postgres", where).digest()
    assert "could not be read" in found.not_digested["rows of public.items"]
    assert "public.items" not in found.tables
    assert "rows of public.items" in compare(before, found).untold


def test_who_may_not_read_large_objects_may_know_that_there_are_none(
    database_server: Server, sql: Sql, original: str
) -> None:
    held = digest_of(database_server, sql.fresh("plain"))
    where = database_server.where("plain")
    object.__setattr__(where.stack, "variables", {"POSTGRES_USER": "app_writer", "POSTGRES_PASSWORD": "x"})
    found = open_side("postgres", where).digest()
    assert list(found.not_digested) == ["password of …"]
    assert [one.place for one in compare(held, found).differences if not one.place.startswith("database ")] == []
    sql.run("plain", "select lo_create(1)")
    assert "rows of large object pages" in open_side("postgres", where).digest().not_digested


def test_a_restart_changes_nothing(database_server: Server, before: StoreDigest) -> None:
    database_server.restart()
    assert compare(before, digest_of(database_server, "original")).is_equal


def test_a_store_that_cannot_be_asked_is_a_problem_and_not_empty(database_server: Server, before: StoreDigest) -> None:
    found = digest_of(database_server, "no such database")
    assert found.problem
    comparison = compare(before, found)
    assert comparison.differences == ()
    assert comparison.untold
    assert not comparison.is_equal


def test_databases_of_the_server(database_server: Server, original: str) -> None:
    assert {"shop", "original"} <= set(own_databases(database_server.where("shop")))


def test_many_differing_rows_are_named_in_part(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    name = twin(sql, "many", "insert into public.children select i, null from generate_series(1000, 20000) i")
    (found,) = differences(database_server, before, name)
    assert found.kind is DifferenceKind.ROWS
    assert 1 <= len(found.added) <= 20
    assert (found.lost, found.is_partial) == ((), True)


def test_keys_are_named_when_the_original_is_gone(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    name = twin(sql, "doomed", "insert into public.children select i, null from generate_series(1000, 5000) i")
    side = open_side("postgres", database_server.where(name))
    held = digest_of(database_server, name)
    recorded = Recorded(side, held)
    assert recorded.left_out == {}
    sql.run(
        name,
        "delete from public.children where id in (4000, 4001)",
        "update public.children set item = 1 where id = 2000",
        "insert into public.log values (3, 'same')",
    )
    found = {one.place: one for one in since(recorded, side, digest_of(database_server, name))}
    assert found["rows of public.children"].lost == ("id=4000", "id=4001")
    assert found["rows of public.children"].changed == ("id=2000",)
    assert found["rows of public.children"].columns == ("item",)
    assert found["rows of public.log"].added == ("(3,same)",)
    recorded.close()


def test_of_a_table_too_large_to_be_recorded_the_column_is_told(
    database_server: Server, sql: Sql, before: StoreDigest
) -> None:
    name = twin(sql, "small")
    side = open_side("postgres", database_server.where(name))
    held = digest_of(database_server, name)
    recorded = Recorded(side, held, at_most_rows=100)
    assert list(recorded.left_out) == ["public.items"]
    sql.run(name, "update public.items set price = 5 where id = 4")
    (found,) = since(recorded, side, digest_of(database_server, name))
    assert (found.columns, found.changed, found.is_partial) == (("price",), (), True)
    recorded.close()


def test_rows_are_compared_also_where_their_key_is_lost(database_server: Server, sql: Sql, before: StoreDigest) -> None:
    name = twin(
        sql,
        "keyless",
        "alter table public.children drop constraint children_pkey",
        "update public.children set item = 1 where id = 2",
    )
    after = digest_of(database_server, name)
    comparison = compare(before, after)
    assert "rows of public.children" in comparison.untold
    assert {one.place for one in comparison.differences} == {
        "constraint children_pkey on public.children",
        "index public.children_pkey",
    }
    side = open_side("postgres", database_server.where(name, keys=before.keys))
    then = Digested(side=open_side("postgres", database_server.where("original")), digest=before)
    now = Digested(side=side, digest=side.digest())
    found = {one.place: one for one in with_keys(then, now, compare(before, now.digest).differences)}
    assert (found["rows of public.children"].columns, found["rows of public.children"].changed) == (
        ("item",),
        ("id=2",),
    )


def test_what_is_written_while_the_database_is_read_is_noticed(
    database_server: Server, sql: Sql, before: StoreDigest
) -> None:
    name = twin(sql, "busy")

    def write(_: str) -> None:
        sql.run(name, "insert into public.ident (v) values ('meanwhile')")

    assert open_side("postgres", database_server.where(name, progress=write)).digest().is_quiet is False


def test_a_statement_that_takes_too_long_is_ended_by_the_server(database_server: Server, original: str) -> None:
    database = Database(database_server.where(original))
    began = time.monotonic()
    with pytest.raises(GatherError, match="statement timeout"):
        database.ask("select jsonb_build_array(pg_sleep(20))::text", timeout_seconds=0.3)
    assert time.monotonic() - began < 8
