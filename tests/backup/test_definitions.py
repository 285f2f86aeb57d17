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
    assert is_same("constraint c on t", before, after)
    assert is_same("constraint c on t", after, before)


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
        ("integer[]", "integer"),
        ("character varying(10)", "character varying(20)"),
        ("owner Web", "owner web"),
    ],
)
def test_other_things(before: str, after: str) -> None:
    assert not is_same("column public.t.c", before, after)


@pytest.mark.parametrize(
    "place", ["owner of table t", "comment on table t", "setting x", "function f()", "enum e", "role r"]
)
def test_what_is_no_expression_is_compared_to_the_letter(place: str) -> None:
    assert not is_same(place, "a (b)", "a b")
    assert is_same(place, "a (b)", "a (b)")


def test_a_function_that_is_kept_as_parsed_may_come_back_in_other_words() -> None:
    assert is_same("function f()", "BEGIN ATOMIC SELECT ('a'::text); END", "BEGIN ATOMIC SELECT 'a'; END")
    assert not is_same("function f()", "BEGIN ATOMIC SELECT 'b'; END", "BEGIN ATOMIC SELECT 'a'; END")


def test_a_definition_that_is_longer_than_what_is_kept_is_undecided_where_its_beginning_is_the_same() -> None:
    long = "x" * 100 + DIGEST_MARK
    assert is_undecided("view v", f"{long}1", f"{long}2")
    assert not is_undecided("view v", f"{long}1", f"{long}1")
    assert not is_undecided("view v", f"{long}1", f"y{long}1")
