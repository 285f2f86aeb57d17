from __future__ import annotations

import pytest

from readiness.backup.definitions import DIGEST_MARK, is_same, is_undecided


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHECK (id > 0)", "CHECK (id > 0)"),
        # What PostgreSQL 18 printed for one constraint, before a dump and after its restore.
        (
            "CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'old'::character varying])::text[])))",
            "CHECK (((status)::text = ANY (ARRAY[('new'::character varying)::text, ('old'::character varying)::text])))",
        ),
        ("SELECT a\n   FROM t", "SELECT  a FROM t"),
        ("(price)::numeric(10,2)", "price"),
        ('(mood)::"Odd type"', "(mood)::public.mood"),
    ],
)
def test_other_words_for_the_same(before: str, after: str) -> None:
    assert is_same(before, after)
    assert is_same(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CHECK (id > 0)", "CHECK (id >= 0)"),
        ("CHECK (status = 'a b')", "CHECK (status = 'ab')"),
        ("CHECK (status = 'A')", "CHECK (status = 'a')"),
        ("CHECK (status = '::text')", "CHECK (status = '')"),
        ("text default 'x'::text", "text default 'y'::text"),
        ("text not null", "text"),
        ("version 1.0 in public", "version 1.1 in public"),
        ("", "superuser"),
    ],
)
def test_other_things(before: str, after: str) -> None:
    assert not is_same(before, after)


def test_a_definition_that_is_longer_than_what_is_kept_is_undecided_where_its_beginning_is_the_same() -> None:
    long = "x" * 100 + DIGEST_MARK
    assert is_undecided(f"{long}1", f"{long}2")
    assert not is_undecided(f"{long}1", f"{long}1")
    assert not is_undecided(f"{long}1", f"y{long}1")
