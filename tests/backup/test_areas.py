from __future__ import annotations

import pytest

from readiness.backup.areas import Area, area_of, without_consequences
from readiness.backup.words import told
from readiness.facts.digest import Difference, DifferenceKind

LOST, ADDED, ROWS = DifferenceKind.LOST, DifferenceKind.ADDED, DifferenceKind.ROWS


def lost(place: str, before: str = "") -> Difference:
    return Difference(place=place, kind=LOST, before=before)


@pytest.mark.parametrize(
    ("difference", "area"),
    [
        (Difference(place="rows of public.items", kind=ROWS), Area.CONTENT),
        (Difference(place="sequence public.s", kind=DifferenceKind.BEHIND), Area.SEQUENCES),
        (lost("sequence public.s", "next is 4"), Area.SEQUENCES),
        (lost("sequence public.s", "bigint from 1"), Area.SCHEMA),
        (lost("index public.i"), Area.SCHEMA),
        (lost("role web"), Area.RIGHTS),
        (lost("rule r on public.items"), Area.SCHEMA),
        (lost("owner of table public.items"), Area.RIGHTS),
        (lost("comment on table public.items"), Area.COMMENTS),
        (lost("setting work_mem of role web"), Area.SETTINGS),
        (lost("this database"), Area.SETTINGS),
        (lost("grants on this database to web"), Area.RIGHTS),
    ],
)
def test_what_a_difference_is_about(difference: Difference, area: Area) -> None:
    assert area_of(difference) is area


def test_of_a_lost_table_nothing_else_is_told() -> None:
    table = lost("table public.items")
    others = (
        lost("column public.items2.id"),
        lost("index public.other", "CREATE INDEX other ON public.items2 USING btree (id)"),
    )
    found = [
        table,
        lost("rows of public.items"),
        lost("column public.items.id"),
        lost("constraint pkey on public.items"),
        lost("index public.pkey", "CREATE UNIQUE INDEX pkey ON public.items USING btree (id)"),
        lost("index items.by_name"),
        lost("owner of table public.items"),
        lost("grants on table public.items to web"),
        lost("grants on column public.items.id to web"),
        lost("comment on table public.items"),
        lost("comment on table column public.items.id"),
        *others,
    ]
    assert without_consequences(found) == (table, lost("index items.by_name"), *others)


def test_of_a_lost_schema_nothing_else_is_told() -> None:
    schema, other = lost("schema audit"), lost("table public.audit")
    found = [
        schema,
        lost("table audit.events"),
        lost("rows of audit.events"),
        lost("grants on table audit.events to web"),
        lost("grants on schema audit to web"),
        lost("owner of schema audit"),
        other,
        lost("owner of schema auditors"),
    ]
    assert without_consequences(found) == (schema, other, found[-1])


def test_of_a_lost_role_nothing_else_is_told_but_what_changed_owners() -> None:
    role = lost("role web")
    owner = Difference(place="owner of table public.items", kind=DifferenceKind.CHANGED, before="web", after="shop")
    found = [
        role,
        lost("password of role web"),
        lost("membership of web in readers"),
        lost("membership of other in web"),
        lost("setting work_mem of role web"),
        lost("grants on table public.items to web"),
        owner,
        lost("grants on table public.items to webmaster"),
    ]
    assert without_consequences(found) == (role, owner, lost("grants on table public.items to webmaster"))


def test_a_table_whose_name_holds_a_space() -> None:
    table = lost('table public."my items"')
    assert without_consequences([table, lost('column public."my items".id')]) == (table,)


def test_what_is_added_to_a_lost_table_stays() -> None:
    found = (lost("table public.items"), Difference(place="rows of public.items", kind=ADDED))
    assert without_consequences(found) == found


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (lost("index public.i", "CREATE INDEX"), "index public.i is lost (CREATE INDEX)"),
        (lost("table public.t"), "table public.t is lost"),
        (Difference(place="view v", kind=ADDED, after="SELECT 1"), "view v was not there before (SELECT 1)"),
        (
            Difference(place="owner of table t", kind=DifferenceKind.CHANGED, before="web", after="shop"),
            "owner of table t was web and is shop",
        ),
        (
            Difference(place="sequence s", kind=DifferenceKind.BEHIND, before="next is 4", after="next is 2"),
            "sequence s is behind: next is 4 before, next is 2 now",
        ),
        (
            Difference(place="rows of t", kind=ROWS, before="3 rows", after="2 rows", lost=("id=3",)),
            "rows of t: 2 rows instead of 3 rows; lost id=3",
        ),
        (
            Difference(
                place="rows of t",
                kind=ROWS,
                columns=("a", "b"),
                changed=tuple(f"id={i}" for i in range(7)),
                is_partial=True,
            ),
            "rows of t: other values in a, b of id=0, id=1, id=2, id=3, id=4 and 2 others, and more",
        ),
        (Difference(place="rows of t", kind=ROWS, added=("(1,2) (3 times)",)), "rows of t: added (1,2) (3 times)"),
        (Difference(place="rows of t", kind=ROWS), "rows of t: other rows"),
    ],
)
def test_differences_are_told(difference: Difference, text: str) -> None:
    assert told(difference) == text
