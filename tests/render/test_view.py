from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.render._view import View, clip, duration, limits, measured, percent, points, size, visible
from readiness.verdict import Measurement
from tests.render.cards import sample_card


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("ä € 漢字 😀", "ä € 漢字 😀"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("a\rb", r"a\x0db"),
        ("a\u2028b", r"a\u2028b"),
        ("a\udc80b", r"a\udc80b"),
        ("a\U000e0041b", r"a\U000e0041b"),
    ],
)
def test_commands_to_the_screen_are_shown_instead_of_sent(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_clip_says_how_much_is_left_out() -> None:
    assert clip("abcdef", 4) == "abcd… [2 more characters]"
    assert clip("abcd", 4) == "abcd"


@pytest.mark.parametrize(("score", "shown"), [(100, "100"), (92.99, "92.9"), (93.0, "93"), (0, "0"), (84.95, "84.9")])
def test_points_are_cut_off_and_never_rounded_up(score: float, shown: str) -> None:
    assert points(score) == shown


def test_figures_read_as_people_write_them() -> None:
    assert percent(0.999) == "99 %"
    assert [duration(s) for s in (0.004, 5, 96.2, 3725)] == ["4 ms", "5.0 s", "1 min 36 s", "1 h 2 min"]
    assert [size(n) for n in (10, 2048, 25_000_000_000)] == ["10 B", "2 KiB", "23.28 GiB"]
    assert [measured(v, u) for v, u in ((31536000, "s"), (8.12345, "ms"), (3, "count"), (2048, "B"), (None, "s"))] == [
        "31536000 s",
        "8.123 ms",
        "3",
        "2 KiB",
        "",
    ]


def test_limits_read_in_words() -> None:
    assert limits(Measurement(name="x", value=1, unit="s", at_least=1, at_most=2)) == "at least 1 s and at most 2 s"
    assert limits(Measurement(name="x", value=1, unit="s")) == ""


def test_points_lost_add_up_to_what_is_missing() -> None:
    card = sample_card()
    view = View.of(card)
    lost = sum(view.points_lost(check) for check in card.checks)
    assert lost == pytest.approx(100 - card.score, abs=0.01)
