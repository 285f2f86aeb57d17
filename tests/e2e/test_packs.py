from __future__ import annotations

import itertools

from readiness.demo.defects import DEFECTS, Defect
from tests.e2e.packs import pack, pairs_of


def defect(name: str, check: str, part: str = "") -> Defect:
    return Defect(name=name, title=name, detected_by=(check,), part=part)


def names(packs: list[tuple[Defect, ...]]) -> list[list[str]]:
    return [[d.name for d in found] for found in packs]


def test_strangers_share_an_audit() -> None:
    assert names(pack([defect("a", "x.a"), defect("b", "x.b"), defect("c", "y.c")])) == [["a", "b", "c"]]


def test_defects_of_one_check_or_one_part_never_meet() -> None:
    assert len(pack([defect("a", "x.a"), defect("b", "x.a")])) == 2
    assert len(pack([defect("a", "x.a", "ready"), defect("b", "x.b", "ready")])) == 2


def test_a_part_overlaps_with_what_is_inside_it_only() -> None:
    whole, body, headers = (
        defect("a", "x.a", "limiter"),
        defect("b", "x.b", "limiter/body"),
        defect("c", "x.c", "limiter/headers"),
    )
    assert names(pack([whole, body, headers])) == [["a"], ["b", "c"]]
    assert len(pack([defect("a", "x.a", "token"), defect("b", "x.b", "token expiry")])) == 1


def test_the_demos_defects_meet_at_most_once() -> None:
    first = pack(DEFECTS)
    second = pack(DEFECTS, apart=pairs_of(first))
    assert pairs_of(first) & pairs_of(second) == set()
    for packs in (first, second):
        assert sorted(d.name for found in packs for d in found) == sorted(d.name for d in DEFECTS)
        for found in packs:
            assert all(not set(a.detected_by) & set(b.detected_by) for a, b in itertools.combinations(found, 2))


def test_packing_saves_most_audits() -> None:
    assert len(pack(DEFECTS)) * 3 < len(DEFECTS)
