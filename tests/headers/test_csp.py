from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.headers import csp

NONCE = "gAeQO8jI4VJCsrsXkcUVRA"
STRICT = f"script-src 'nonce-{NONCE}' 'strict-dynamic'; base-uri 'none'; object-src 'none'; form-action 'self'"


def findings(*values: str, **options: object) -> str:
    return "\n".join(csp.grade(values, **options).findings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'self'",
        "default-src 'none'; frame-ancestors 'none'",
        STRICT,
        # Nonces, hashes and 'strict-dynamic' switch the older sources off, which are there for older browsers.
        f"script-src 'nonce-{NONCE}' 'unsafe-inline'; base-uri 'self'",
        f"script-src 'nonce-{NONCE}' 'strict-dynamic' https: http: data: 'unsafe-inline'; base-uri 'none'",
        "script-src 'sha256-hqBEA/HXB3aJU2FgOnYN8rkAgEVgyfi3Vs1j2/XMPBA='",
        "script-src 'self' 'wasm-unsafe-eval'",
        "default-src *; script-src 'self'; object-src 'none'",
        "default-src 'self'; worker-src blob:; img-src data: https:; style-src 'unsafe-inline'",
        "default-src 'unsafe-inline'; script-src-elem 'self'; script-src-attr 'none'; script-src 'self'",
        "default-src 'self'; report-to default-src",
        "default-src 'self'; some-future-directive x",
        "script-src https://cdn.jsdelivr.net/npm/htmx.org@2.0.4/dist/htmx.min.js",
        "script-src https://cdn.example.com *.assets.example.com",
        "script-src 'nonce-8291047560187365029481726350918273645091'; base-uri 'none'",
    ],
)
def test_policy_that_keeps_injected_script_from_running_is_good(policy: str) -> None:
    assert findings(policy) == ""


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("script-src 'self' 'unsafe-inline'", "script-src 'unsafe-inline' runs injected inline scripts"),
        ("script-src 'self' 'UNSAFE-INLINE'", "inline scripts"),
        ("script-src 'self' 'unsafe-eval'", "evaluate text"),
        ("script-src 'self'; script-src-elem 'self' 'unsafe-inline'", "script-src-elem 'unsafe-inline' runs"),
        (
            "script-src 'self'; script-src-attr 'unsafe-inline'",
            "script-src-attr 'unsafe-inline' runs injected inline ev",
        ),
        ("default-src 'self'; script-src-elem *", "script-src-elem \\* runs scripts from any host"),
        ("script-src-elem 'self'", "nor script-src-attr"),
        ("script-src 'self' data:", "data: addresses"),
        ("script-src 'self' blob:", "blob: addresses"),
        ("script-src 'self' filesystem:", "filesystem: addresses"),
        ("script-src https:", "any host"),
        ("script-src https://*", "any host"),
        ("script-src https://*:443/", "any host"),
        ("script-src https://*.com", "any host"),
        ("script-src *.co.uk", "any host"),
        ("script-src 'self' *.github.io", "any host"),
        ("script-src 'self' https://*.cloudfront.net", "any host"),
        ("script-src http://cdn.example.com", "plain http"),
        ("script-src 'self' https://cdn.jsdelivr.net", "anybody publishes"),
        ("script-src 'self' https://cdn.jsdelivr.net/npm/", "anybody publishes"),
        ("script-src 'self' ajax.googleapis.com", "JSONP"),
        ("script-src 'self' *.googleapis.com", "JSONP"),
        ("default-src 'self' script-src 'self'", "swallows script-src: a semicolon is missing"),
        ("default-src 'self'; img-src data: object-src 'none'", "swallows object-src"),
        ("script-src 'self'; script-src 'none'", "script-src occurs twice"),
        ("default-src 'self'; Default-Src 'none'", "default-src occurs twice"),
        ("default-scr 'self'", "default-src was probably meant"),
        ("default-src 'self'; frame-anchestors 'none'", "frame-ancestors was probably meant"),
        ("default-src \u2018self\u2019", "not ASCII"),
        ("frame-ancestors 'none'", "neither script-src nor default-src"),
        ("upgrade-insecure-requests", "neither script-src nor default-src"),
        ("", "is empty"),
        (" ; , ; ", "is empty"),
        ("nonsense", "no known directive"),
        (f"script-src 'nonce-{NONCE}'", "base-uri is missing"),
        (f"script-src 'nonce-{NONCE}'; base-uri *", "base-uri is missing"),
        ("script-src 'strict-dynamic' 'sha256-abc123'", "base-uri is missing"),
        ("script-src 'nonce-abc123'; base-uri 'none'", "24 bits and can be guessed"),
        ("script-src 'nonce-1732233600123'; base-uri 'none'", "is a number"),
        ("script-src 'nonce-AAAAAAAAAAAAAAAAAAAAAAAA'; base-uri 'none'", "is a pattern"),
        ("script-src 'nonce-my-static-nonce-value-x'; base-uri 'none'", "sample from a manual"),
        ("object-src *; script-src 'self'", "plugins from any host"),
        # Two hashes without a space between them are none, so 'unsafe-inline' holds.
        ("script-src 'unsafe-inline' 'sha256-abc=''sha256-def='", "inline scripts"),
    ],
)
def test_policy_that_leaves_a_way_in_is_a_finding(policy: str, message: str) -> None:
    assert re.search(message, findings(policy)), findings(policy)


def test_first_of_two_directives_is_in_force() -> None:
    (policy,) = csp.parse(("script-src 'none'; script-src *",))
    assert policy.directives == {"script-src": ("'none'",)}
    assert policy.repeated == ("script-src",)


def test_every_policy_must_agree_so_the_strictest_counts() -> None:
    assert findings("script-src *", "script-src 'self'") == ""
    assert findings("script-src * 'unsafe-inline', default-src 'none'") == ""
    assert "any host" in findings("script-src *", "script-src https:")


def test_meta_policy_counts_without_what_it_cannot_carry() -> None:
    assert findings(meta=("default-src 'self'",)) == ""
    assert "missing" in findings(meta=("frame-ancestors 'none'; report-uri /r; sandbox",))


def test_report_only_alone_protects_nobody() -> None:
    assert "Report-Only alone" in findings(report_only=("default-src 'none'",))
    assert findings("default-src 'none'", report_only=("default-src 'none'",)) == ""


@pytest.mark.parametrize(
    "policy", ["frame-ancestors 'none'", "default-src 'none'", "sandbox", "script-src 'nonce-abc'"]
)
def test_answer_that_runs_no_script_only_needs_a_policy(policy: str) -> None:
    assert findings(policy, is_document=False) == ""


@pytest.mark.parametrize("policy", ["default-src *", "script-src 'unsafe-inline'", "default-scr 'none'", ""])
def test_answer_that_runs_no_script_still_needs_a_sound_policy(policy: str) -> None:
    assert findings(policy, is_document=False)


def test_missing_base_uri_and_form_action_are_advice_unless_asked_for() -> None:
    grade = csp.grade(("default-src 'self'",))
    assert grade.is_good
    assert any("base-uri" in advice for advice in grade.advice)
    assert any("form-action" in advice for advice in grade.advice)
    assert "base-uri is missing" in findings("default-src 'self'", require_base_uri=True)
    assert "form-action is missing" in findings("default-src 'self'", require_form_action=True)


def test_short_nonce_above_half_of_what_is_advised_is_advice() -> None:
    grade = csp.grade(("script-src 'nonce-q83vEjRWeJCr'; base-uri 'none'",))
    assert grade.is_good
    assert any("72 bits" in advice for advice in grade.advice)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ([{"aaaaBBBB1111cccc"}, {"aaaaBBBB1111cccc"}], "in more than one answer"),
        ([{"x" * 8, "aaaaBBBB1111cccc"}, set(), {"aaaaBBBB1111cccc"}], "in more than one answer"),
        ([{"gAeQO8jI4VJCsrsXkcUV0001"}, {"gAeQO8jI4VJCsrsXkcUV0002"}], "follow one another"),
        ([{"gAeQO8jI4VJCsrsXkcUVRA"}, {"1vT0zq5mR2yXbWk9EoHsLw"}], None),
        # Random UUIDs share their dashes and their version.
        ([{"0b7c2f6e-51d4-4f0e-9c1a-7a3c58e1d2b4"}, {"d91e4a83-2c6b-4b57-8f3d-1e0f96a7c5d8"}], None),
        ([{"once"}], None),
        ([], None),
    ],
)
def test_nonces_that_can_be_foretold(seen: list[set[str]], reason: str | None) -> None:
    found = csp.predictable(frozenset(nonces) for nonces in seen)
    assert (found is None) if reason is None else (reason in (found or ""))


def test_policies_compare_without_order_case_and_nonce() -> None:
    one = csp.normalised((f"default-src 'SELF' https://A.example; script-src 'nonce-{NONCE}'",))
    other = csp.normalised(("script-src 'nonce-other';  default-src https://a.example 'self'",))
    assert one == other
    assert one != csp.normalised(("default-src 'self'",))


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=2), st.booleans())
def test_any_text_is_graded(values: list[str], meta: list[str], is_document: bool) -> None:
    csp.grade(tuple(values), meta=tuple(meta), is_document=is_document)


WORDS = st.sampled_from(
    [
        "default-src",
        "script-src",
        ";",
        ",",
        "'self'",
        "*",
        "'nonce-abc'",
        "https://*.com",
        "data:",
        "'none'",
        "script-src-attr",
    ]
)


@given(st.lists(WORDS))
def test_any_policy_is_graded_and_a_stricter_one_beside_it_never_adds_a_way_in(words: list[str]) -> None:
    policy = " ".join(words)
    alone = csp.grade((policy,))
    both = csp.grade((policy, "default-src 'none'; base-uri 'none'"))
    ways = [finding for finding in both.findings if " runs " in finding or "loads" in finding or "base-uri" in finding]
    assert not ways, (alone.findings, both.findings)
