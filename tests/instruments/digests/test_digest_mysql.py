"""What a digest of a real MariaDB tells apart, where this machine has one."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from readiness.backup.differences import compare
from readiness.exceptions import GatherError
from readiness.facts.digest import Difference, StoreDigest
from readiness.instruments.digests import open_side
from readiness.instruments.digests.mysql import MysqlSide
from readiness.instruments.digests.mysql_schema import BEGINNINGS, CATALOGS
from readiness.instruments.digests.narrow import with_keys
from readiness.instruments.digests.side import Digested
from tests.instruments.digests.servers import Server, mariadb

needs_server = pytest.mark.skipif(shutil.which("mariadbd") is None, reason="no MariaDB on this machine")
pytestmark = pytest.mark.slow

SCHEMA = """
create table items (id bigint unsigned not null auto_increment primary key, name varchar(50) not null default 'none',
  price decimal(12,4), ratio double, single float, made timestamp null, day date, doc json, body blob, flags bit(9),
  kind enum('a', 'b'), t text character set latin1, place point, upper_name varchar(50) as (upper(name)) stored,
  key by_name (name(10)), check (price > -1));
insert into items (name, price, ratio, single, made, day, doc, body, flags, kind, t, place)
  select elt(1 + seq % 4, '', 'line\\n\\t\\\\ "x" ''y''', 'ünï→😀', concat('item ', seq)), if(seq % 3, seq / 7, null),
  1e0 / seq, 1 / 3, from_unixtime(seq), '2024-02-29', json_object('i', seq), unhex(md5(seq)), seq % 512, 'b', 'é',
  point(seq, 0.1) from seq_1_to_200;
create table children (id int primary key, item bigint unsigned, foreign key (item) references items (id) on delete cascade);
insert into children select seq, seq from seq_1_to_50;
create table log (at int, line text);
insert into log select seq % 10, if(seq % 10, 'same', null) from seq_1_to_60;
create table broad (id int primary key {columns});
insert into broad (id) values (1), (2);
create table pairs (a varchar(5), b int, v text, primary key (b, a));
insert into pairs select 'a', seq, '' from seq_1_to_30;
create view names as select id, name from items;
create trigger touch before insert on children for each row set new.item = new.item;
create procedure clean() delete from log;
grant select on {name}.items to 'reader'@'%';
grant insert on {name}.* to 'reader'@'%';
"""


COLUMNS = "".join(f", a_rather_long_name_{i} varchar(3) default '{i}'" for i in range(250))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with mariadb() as server:
        run(server, "", "create user 'reader'@'%' identified by 'x'")
        yield server


def run(server: Server, name: str, text: str, program: str = "mariadb", *words: str) -> bytes:
    command = [
        program,
        "--no-defaults",
        "--protocol=tcp",
        "-h127.0.0.1",
        f"-P{server.port}",
        "-uroot",
        *words,
        *filter(None, [name]),
    ]
    text = f"set names utf8mb4;\n{text}" if text else text
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def made(server: Server, name: str, *more: str) -> str:
    run(server, "", f"create or replace database {name} character set utf8mb4")
    run(server, name, ";\n".join([SCHEMA.replace("{name}", name).replace("{columns}", COLUMNS), *more]))
    return name


def digest(server: Server, name: str) -> StoreDigest:
    found = open_side("mysql", server.where(name)).digest()
    assert found.problem == ""
    return found


def changed(server: Server, *statements: str) -> dict[str, Difference]:
    held = digest(server, made(server, "original"))
    name = made(server, "twin", *statements)
    sides = [open_side("mysql", server.where(one)) for one in ("original", name)]
    after = Digested(side=sides[1], digest=sides[1].digest())
    comparison = compare(held, after.digest)
    assert not comparison.untold
    before = Digested(side=sides[0], digest=held)
    return {one.place: one for one in with_keys(before, after, comparison.differences)}


@needs_server
def test_everything_is_told(server: Server) -> None:
    found = digest(server, made(server, "original"))
    assert found.not_digested == {}
    assert {name: table.rows for name, table in found.tables.items()} == {
        "items": 200,
        "broad": 2,
        "children": 50,
        "log": 60,
        "pairs": 30,
    }
    assert found.tables["pairs"].key == ("b", "a")
    assert (found.tables["items"].lowest, found.tables["items"].highest) == ("1", "200")
    beginnings = tuple(beginning for some in BEGINNINGS.values() for beginning in some)
    assert [name for name in found.objects if not name.startswith(beginnings)] == ["this database"]


@needs_server
def test_dump_and_restore_into_another_database_change_nothing(server: Server) -> None:
    held = digest(server, made(server, "original"))
    dump = run(server, "original", "", "mariadb-dump", "--routines", "--hex-blob")
    run(server, "", "create or replace database restored character set utf8mb4")
    run(server, "restored", dump.decode())
    run(server, "", "grant select on restored.items to 'reader'@'%'; grant insert on restored.* to 'reader'@'%'")
    comparison = compare(held, digest(server, "restored"))
    assert comparison.differences == ()
    assert comparison.is_equal


@needs_server
def test_nothing_changed_is_nothing_found(server: Server) -> None:
    assert changed(server, "alter table log force", "optimize table items", "set global time_zone = '+05:00'") == {}


@needs_server
def test_each_difference_is_named(server: Server) -> None:
    found = changed(
        server,
        "update items set price = price + 0.0001 where id = 4",
        "update items set single = single + 1e-5 where id = 5",
        "update children c join children d on c.id = 1 and d.id = 2 set c.item = 2, d.item = 1",
        "delete from pairs where b = 11",
        "insert into log values (3, 'same')",
        "update log set line = '' where line is null",
        "update broad set a_rather_long_name_249 = 'x' where id = 2",
        "drop view names",
        "drop trigger touch",
        "drop procedure clean",
        "drop index by_name on items",
        "alter table items alter name set default 'other'",
        "revoke select on twin.items from 'reader'@'%'",
    )
    assert {place: str(one.kind) for place, one in found.items()} == {
        "rows of items": "rows",
        "rows of children": "rows",
        "rows of pairs": "rows",
        "rows of broad": "rows",
        "rows of log": "rows",
        "view names": "lost",
        "column names.id": "lost",
        "column names.name": "lost",
        "trigger touch": "lost",
        "procedure clean": "lost",
        "index items.by_name": "lost",
        "column items.name": "changed",
        "grants on table items to 'reader'@'%'": "lost",
    }
    assert (found["rows of items"].columns, found["rows of items"].changed) == (("price", "single"), ("id=4", "id=5"))
    assert (found["rows of children"].columns, found["rows of children"].changed) == (("item",), ("id=1", "id=2"))
    assert (found["rows of broad"].columns, found["rows of broad"].changed) == (("a_rather_long_name_249",), ("id=2",))
    assert found["rows of pairs"].lost == ("b=11, a=a",)
    assert found["rows of log"].added == ("(0,) (6 times)", "(3,same)")
    assert found["rows of log"].lost == ("(0,NULL) (6 times)",)


@needs_server
def test_a_counter_that_is_behind_is_named(server: Server) -> None:
    found = changed(server, "delete from items where id > 190", "alter table items auto_increment = 1")
    assert str(found["sequence items"].kind) == "behind"


@needs_server
def test_a_database_that_is_not_there_is_a_problem(server: Server) -> None:
    assert "Unknown database" in open_side("mysql", server.where("missing")).digest().problem


def test_every_catalog_says_how_its_names_begin() -> None:
    assert set(BEGINNINGS) == set(CATALOGS)


@needs_server
def test_a_statement_that_takes_too_long_is_ended_by_the_server(server: Server) -> None:
    side = MysqlSide(server.where(made(server, "original")))
    began = time.monotonic()
    with pytest.raises(GatherError, match="max_statement_time"):
        side._ask("select json_array(sleep(20))", 1.0)
    assert time.monotonic() - began < 8
