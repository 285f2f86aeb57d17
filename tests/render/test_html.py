from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Callable

import pytest

from readiness.render import render
from readiness.scorecard import Scorecard
from tests.render.cards import down_card, empty_card, hostile_card, sample_card, sound_card

CARDS: dict[str, Callable[[], Scorecard]] = {
    "sample": sample_card,
    "sound": sound_card,
    "down": down_card,
    "empty": empty_card,
}


def page(card: str = "sample") -> str:
    return render("html", CARDS[card]())


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    html = page()
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert html.index("Content-Security-Policy") < html.index("<style>")


@pytest.mark.parametrize("card", CARDS)
def test_the_page_has_no_script_and_refers_to_nothing_outside_itself(card: str) -> None:
    html = page(card)
    assert not re.search(r"<(script|link|img|iframe|object|embed|base|form|source|video|audio)\b", html)
    assert not re.search(r"\s(src|srcset|style|action|on\w+)=", html)
    assert not re.search(r"url\(|@import", html)
    targets = re.findall(r'href="([^"]*)"', html)
    assert [target for target in targets if not target.startswith("#")] == []


@pytest.mark.parametrize("card", CARDS)
def test_every_link_has_its_target_and_every_id_is_unique(card: str) -> None:
    html = page(card)
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    assert set(re.findall(r'aria-labelledby="([^"]+)"', html)) <= set(ids)


@pytest.mark.parametrize("card", CARDS)
def test_headings_descend_one_level_at_a_time(card: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])\b", page(card))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_check_of_the_card_is_on_the_page() -> None:
    html = page()
    for check in sample_card().checks:
        assert f'id="check-{check.id}"' in html


def test_sections_come_in_the_order_of_a_reviewers_questions() -> None:
    html = page()
    order = ["Gate failed", "For B", "Categories", "Failed (4)", "Could not be told (2)", "Waived (1)", "Passed (14)"]
    order += ["Not applicable (1)", "Attested (1)", "Out of the profile", "What was audited", "How the stack started"]
    order += ["What the safe copy changed", "What the run waited for"]
    places = [html.index(words) for words in order]
    assert places == sorted(places)


def test_a_failure_shows_evidence_limits_and_what_to_do() -> None:
    html = page()
    section = html[html.index('id="check-probe.hang_bounded"') : html.index('id="check-headers.csp"')]
    for words in (
        "No answer within 15 s while the database was frozen",
        "GET /health/ready while db was paused",
        "at most 3 s",
        "outside",
        "What to do:",
        "timeoutSeconds",
        "memorai, brain",
        "impact: disrupts",
    ):
        assert words in section


def test_a_stack_that_did_not_start_leads_with_the_cause() -> None:
    html = page("down")
    assert html.index("The stack did not start</h2>") < html.index('id="categories"')
    for words in (
        "api: authentication",
        "password authentication failed for user",
        "Connection refused",
        "exit code 3",
    ):
        assert words in html


def test_a_partial_run_says_so_beside_the_grade() -> None:
    assert "<b>Partial run:</b> -k nothing" in page("empty")
    assert "No grade" in page("empty")


def test_passed_checks_are_folded_away() -> None:
    assert re.search(r'<details class="section" id="passed">\s*<summary><h2>Passed', page())


def test_long_evidence_is_folded_and_bounded() -> None:
    html = render("html", hostile_card("B" * 100_000))
    assert "B" * 4001 not in html
    assert "more characters]" in html
    assert "(100000 characters)</span></summary>" in html
