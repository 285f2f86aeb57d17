from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from readiness.facts.drain import Fate, Kind, Tracked
from readiness.gather.drain_asking import Open
from readiness.gather.drain_crowd import crowd_of, groups, level_of, proven
from readiness.target import Limit, Request, Target

WRITE = Open(kind=Kind.WRITE, request=Request(method="POST", path="/items", json={}, as_user="user"), name="write")
UPLOAD = Open(kind=Kind.UPLOAD, request=Request(method="POST", path="/embed", json={}), name="upload")
SLOW = Open(kind=Kind.SLOW, request=Request(path="/slow"), name="slow")
LOCKED = Open(kind=Kind.LOCKED, request=Request(path="/items"), name="locked")
FEW = [WRITE, WRITE, UPLOAD, SLOW, SLOW, LOCKED]


def target(*limits: Limit, **record: Any) -> Target:
    told = {"create": {"method": "POST", "path": "/items", "json": {}, "as": "user"}, "read": "/items/{id}", **record}
    return Target(name="shop", folder="shop", limits=limits, extra={"record": told})


def limit(requests: int, key: str) -> Limit:
    return Limit(path="/items", requests=requests, key=key)


def kinds(wanted: tuple[Open, ...]) -> Counter[Kind]:
    return Counter(one.kind for one in wanted)


def ended(
    name: str,
    *,
    kind: Kind = Kind.WRITE,
    status: int | None = 201,
    fate: Fate = Fate.FINISHED,
    at: float = 3.2,
    **more: Any,
) -> Tracked:
    told = {"sent_seconds": -0.5, "released_seconds": 3.0, "ended_seconds": at, **more}
    return Tracked(kind=kind, name=name, status=status, fate=fate, **told)


def test_fifty_are_made_of_bodies_and_a_few_slow_ones() -> None:
    crowd = crowd_of(target(), FEW, beside=20)
    assert kinds(crowd.wanted) == {Kind.WRITE: 30, Kind.UPLOAD: 14, Kind.SLOW: 5, Kind.LOCKED: 1}
    assert crowd.wanted[: len(FEW)] == tuple(FEW)
    assert crowd.why == ""


@pytest.mark.parametrize("few", [[WRITE], [UPLOAD]])
def test_one_kind_of_body_will_do(few: list[Open]) -> None:
    assert kinds(crowd_of(target(), few, beside=20).wanted) == {few[0].kind: 50}


def test_slow_requests_alone_stay_few() -> None:
    crowd = crowd_of(target(), [SLOW, LOCKED], beside=20)
    assert kinds(crowd.wanted) == {Kind.SLOW: 5, Kind.LOCKED: 1}
    assert "slow requests alone" in crowd.why


def test_where_only_a_locked_read_is_known_it_is_one() -> None:
    crowd = crowd_of(target(), [LOCKED], beside=20)
    assert crowd.wanted == (LOCKED,)
    assert "nothing is declared" in crowd.why


def test_users_and_addresses_are_counted_apart_and_everything_fits() -> None:
    crowd = crowd_of(target(limit(100, "user"), limit(100, "address")), [WRITE, WRITE, UPLOAD, LOCKED], beside=20)
    assert len(crowd.wanted) == 50
    count = kinds(crowd.wanted)
    assert 20 + 2 * count[Kind.WRITE] <= 90
    assert 20 + count[Kind.WRITE] + 2 * (count[Kind.UPLOAD] + 1) <= 90


@pytest.mark.parametrize("key", ["user", "address", "global"])
def test_a_declared_limit_makes_the_crowd_small_and_never_less_than_few(key: str) -> None:
    limits = [limit(60, key)] if key != "user" else [limit(60, key), limit(60, "address")]
    crowd = crowd_of(target(*limits), FEW[:3], beside=20)
    assert 3 <= len(crowd.wanted) <= 25
    assert crowd.why == "the declared limit allows no more"
    assert crowd_of(target(limit(5, key)), FEW, beside=20).wanted[:6] == tuple(FEW)


def test_steps_grow_and_hold_everything() -> None:
    assert [len(group) for group in groups([UPLOAD] * 52)] == [1, 1, 1, 2, 3, 4, 6, 8, 10, 14, 2]
    assert groups([]) == []


def new(sent: float, *, took: float = 0.01, fate: Fate = Fate.FINISHED) -> Tracked:
    return Tracked(kind=Kind.NEW, name="GET /live", sent_seconds=sent, ended_seconds=sent + took, fate=fate, status=200)


OPENED = [-1.0, -0.9, -0.8, -0.7, -0.7, -0.6, -0.6, -0.6]


def test_a_service_that_answers_new_connections_all_the_time_has_no_level() -> None:
    assert level_of(OPENED, [new(at / 10) for at in range(-10, -3)], until=-0.3) is None


def test_the_level_is_how_many_were_open_when_the_last_one_was_served() -> None:
    fresh = [new(-0.95), new(-0.75), new(-0.65, took=3.7), new(-0.55, fate=Fate.UNANSWERED)]
    assert level_of(OPENED, fresh, until=-0.3) == 3


def test_who_waits_for_what_comes_later_says_nothing_about_the_crowd() -> None:
    assert level_of(OPENED, [new(-0.95), new(-0.1, took=3.1)], until=-0.3) is None


def test_a_service_that_is_full_with_one() -> None:
    assert level_of(OPENED, [new(-0.99, took=4.0)], until=-0.3) == 0
    left, why = proven([WRITE, UPLOAD], [ended("write"), ended("upload", kind=Kind.UPLOAD)], level=0)
    assert left == (WRITE,)
    assert "more than 0" in why["several at once"]


def test_all_that_did_well_are_kept() -> None:
    control = [ended("write"), ended("write"), ended("upload", kind=Kind.UPLOAD, status=200), new(-0.5)]
    assert proven([WRITE, WRITE, UPLOAD], control, level=None) == ((WRITE, WRITE, UPLOAD), {})


def test_half_of_the_level_is_kept() -> None:
    left, _ = proven([UPLOAD] * 20, [ended("upload", kind=Kind.UPLOAD)] * 20, level=12)
    assert len(left) == 6


@pytest.mark.parametrize(
    "bad",
    [
        ended("write", status=429),
        ended("write", status=503),
        ended("write", status=None, fate=Fate.RESET),
        ended("write", status=None, fate=Fate.UNANSWERED),
        ended("write", at=5.5),  # it was answered, long after it could have been
    ],
)
def test_half_of_those_that_did_well_are_kept_where_others_did_not(bad: Tracked) -> None:
    left, why = proven([WRITE] * 8, [ended("write")] * 6 + [bad] * 2, level=None)
    assert left == (WRITE,) * 3
    assert "2 of 8 not answered well" in why["write"]


def test_what_never_did_well_and_what_is_refused_the_second_time_is_dropped() -> None:
    control = [ended("write"), ended("write", status=409), ended("upload", kind=Kind.UPLOAD, status=500)]
    left, why = proven([WRITE, WRITE, UPLOAD], control, level=None)
    assert left == ()
    assert set(why) == {"write", "upload"}


STREAM = Open(kind=Kind.STREAM, request=Request(path="/export"), name="stream")


@pytest.mark.parametrize(
    ("told", "is_kept"),
    [
        ({"head_seconds": -0.2}, True),
        ({"head_seconds": 3.1}, False),  # it waited for its head
        ({"head_seconds": -0.2, "at": -0.1}, False),  # it was over
        ({"head_seconds": -0.2, "detail": "neither length nor end"}, False),
    ],
)
def test_a_stream_counts_while_its_body_is_coming(told: dict[str, Any], is_kept: bool) -> None:
    left, why = proven([STREAM], [ended("stream", kind=Kind.STREAM, status=200, **told)], level=None)
    assert bool(left) is is_kept
    assert bool(why) is not is_kept
