"""Whatever the order in which rows are written or kept, their digest is the same; and no other rows have it."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readiness.facts.digest import TableDigest
from readiness.instruments.digests.kept import Kept
from readiness.instruments.digests.postgres_rows import Source, read_table
from readiness.instruments.digests.postgres_session import Database, as_text
from tests.instruments.digests.servers import Server

COLUMNS = (("id", "int4"), ("v", "text"), ("n", "numeric"))
TEXT = st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4)
NUMBER = st.none() | st.sampled_from(["1", "1.0", "-1", "0", "NaN", "Infinity"])
ROWS = st.lists(st.tuples(st.integers(0, 9), TEXT, NUMBER), max_size=8)


def literal(rows: list[tuple[int, str | None, str | None]]) -> str:
    """The rows as what stands behind ``from``."""

    def value(text: str | None, kind: str) -> str:
        return f"null::{kind}" if text is None else f"{as_text(text)}::{kind}"

    if not rows:
        return "(select 1 as id, ''::text as v, 1::numeric as n where false)"
    listed = ", ".join(f"({i}, {value(v, 'text')}, {value(n, 'numeric')})" for i, v, n in rows)
    return f"(select * from (values {listed}) r (id, v, n))"


def digest(server: Server, rows: list[tuple[int, str | None, str | None]], key: tuple[str, ...]) -> TableDigest:
    database = Database(server.where("shop"))
    return read_table(database, Source(select=literal(rows), columns=COLUMNS, key=key))


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, others=ROWS, chance=st.randoms(use_true_random=False))
def test_rows_of_postgres_in_any_order(
    database_server: Server, rows: list[tuple[int, str | None, str | None]], others: list, chance: random.Random
) -> None:
    shuffled = chance.sample(rows, len(rows))
    assert digest(database_server, shuffled, ()) == digest(database_server, rows, ())
    is_same = sorted(map(repr, rows)) == sorted(map(repr, others))
    assert (digest(database_server, others, ()) == digest(database_server, rows, ())) == is_same


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), TEXT, NUMBER), max_size=8, unique_by=lambda row: row[0]),
    chance=st.randoms(use_true_random=False),
)
def test_rows_with_a_key_in_any_order_and_with_values_swapped(
    database_server: Server, rows: list[tuple[int, str | None, str | None]], chance: random.Random
) -> None:
    held = digest(database_server, rows, ("id",))
    assert digest(database_server, chance.sample(rows, len(rows)), ("id",)) == held
    values = [row[1] for row in rows]
    swapped = [(i, v, n) for (i, _, n), v in zip(rows, [*values[1:], *values[:1]], strict=True)]
    assert (digest(database_server, swapped, ("id",)) == held) == (swapped == rows)


@given(
    rows=st.dictionaries(st.text(max_size=3), st.tuples(st.binary(max_size=3), st.binary(max_size=3)), max_size=8),
    others=st.dictionaries(st.text(max_size=3), st.tuples(st.binary(max_size=3), st.binary(max_size=3)), max_size=8),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_what_is_kept_in_any_order(
    rows: dict[str, tuple[bytes, bytes]], others: dict[str, tuple[bytes, bytes]], chance: random.Random
) -> None:
    def digests(keys: list[str], source: dict[str, tuple[bytes, bytes]]) -> dict[str, TableDigest]:
        kept = Kept(("a", "b"))
        kept.table("t")
        for key in keys:
            kept.add("t", key, source[key])
        found = kept.digests("key")
        kept.close()
        return found

    held = digests(list(rows), rows)
    assert digests(chance.sample(list(rows), len(rows)), rows) == held
    assert (digests(list(others), others) == held) == (rows == others)
