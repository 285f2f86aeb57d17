from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.headers.answers import (
    MAX_EVIDENCE,
    carried,
    conclude,
    declared,
    evidence,
    is_document,
    is_subresource,
    representative,
    sound,
)
from readiness.headers.meta import http_equiv
from readiness.verdict import Inconclusive, Outcome


def answer(**values: Any) -> Exchange:
    defaults: dict[str, Any] = {
        "entry": "proxy",
        "purpose": StatusClass.OK,
        "method": "GET",
        "url": "http://web:80/",
        "status": 200,
    }
    return Exchange(**{**defaults, **values})


def of_type(kind: str) -> Exchange:
    return answer(headers=(("content-type", kind),))


def fact(*exchanges: Exchange) -> Responses:
    return Responses(exchanges=exchanges, not_provoked={})


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/HTML; charset=utf-8", "image/svg+xml", "application/xml", "application/xhtml+xml"]
)
def test_what_can_carry_script_is_a_document(kind: str) -> None:
    assert is_document(of_type(kind))
    assert not is_subresource(of_type(kind))


@pytest.mark.parametrize(
    "kind", ["text/css", "image/png", "font/woff2", "text/javascript;charset=utf-8", "application/wasm"]
)
def test_parts_of_pages_are_subresources(kind: str) -> None:
    assert is_subresource(of_type(kind))
    assert representative(fact(of_type(kind))) == ()


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_data_is_neither(kind: str) -> None:
    assert not is_document(of_type(kind))
    assert not is_subresource(of_type(kind))


def test_redirect_to_https_is_left_out_and_others_are_not() -> None:
    upgrade = answer(status=301, headers=(("Location", "https://web/"),))
    other = answer(status=302, headers=(("Location", "/login"),))
    assert sound(fact(upgrade, other)) == (other,)


def test_header_counts_as_carried_where_all_answers_have_it() -> None:
    with_both = answer(headers=(("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer")))
    with_one = answer(headers=(("x-frame-options", "DENY"),))
    assert carried(fact(with_both, with_one)) == {"proxy": {"X-Frame-Options"}}
    assert carried(fact(with_both, with_one), by_some=True) == {"proxy": {"X-Frame-Options", "Referrer-Policy"}}


def test_same_message_becomes_one_finding_with_bounded_evidence() -> None:
    answers = [answer(headers=(("a", "x" * 5000),)) for _ in range(20)]
    verdict = conclude(fact(*answers), answers, lambda _: ["wrong"], headers=("A",), holds="")
    (finding,) = verdict.findings
    assert finding.message == "wrong (20 answers)"
    assert len(finding.evidence) == MAX_EVIDENCE
    assert all(len(proof.text) <= 400 for proof in finding.evidence)


def test_entry_that_is_silent_leaves_a_pass_undecided_but_hides_no_finding() -> None:
    silent = answer(entry="direct", status=None, error="ConnectError")
    here = answer()
    with pytest.raises(Inconclusive, match="ConnectError"):
        conclude(fact(here, silent), [here], lambda _: [], headers=(), holds="")
    assert conclude(fact(here, silent), [here], lambda _: ["wrong"], headers=(), holds="").outcome is Outcome.FAIL


def test_nothing_asked_is_undecided() -> None:
    with pytest.raises(Inconclusive, match="nothing was asked"):
        conclude(fact(), [], lambda _: [], headers=(), holds="")


def test_stated_value_is_compared_with_every_line() -> None:
    here = answer(headers=(("Referrer-Policy", "no-referrer"),))
    assert declared({"referrer-policy": "no-referrer"}, "Referrer-Policy", here) == []
    assert "not 'origin' as stated" in declared({"Referrer-Policy": "origin"}, "Referrer-Policy", here)[0]
    assert "stated and missing" in declared({"X-Frame-Options": "DENY"}, "X-Frame-Options", here)[0]
    assert declared({}, "X-Frame-Options", here) == []


def test_evidence_says_what_is_missing() -> None:
    assert evidence(answer(), "X-Frame-Options").text == "no X-Frame-Options"


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<META HTTP-EQUIV="X-Test" content="a">', ("a",)),
        ("<head><meta http-equiv=x-test content=a><meta http-equiv=x-test content=b></head>", ("a", "b")),
        ("<head></head><meta http-equiv=x-test content=a>", ()),
        ("<body><meta http-equiv=x-test content=a>", ()),
        ("<!-- <meta http-equiv=x-test content=a> -->", ()),
        ("<meta http-equiv=x-test>", ("",)),
        ("<meta name=x-test content=a>", ()),
    ],
)
def test_meta_elements_of_the_head(html: str, found: tuple[str, ...]) -> None:
    assert http_equiv(html, "X-Test") == found


@given(st.text(alphabet="<>/!-metahdbody http-equiv=x content'\"[]?&#;", max_size=80))
def test_any_page_is_read(html: str) -> None:
    http_equiv(html, "x")
