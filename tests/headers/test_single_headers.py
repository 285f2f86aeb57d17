from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.headers import (
    cors,
    cross_origin,
    framing,
    hsts,
    leaks,
    nosniff,
    permissions,
    redirection,
    referrer,
    sri,
    xss,
)
from readiness.headers.framing import Framing

TEXTS = st.lists(st.text(), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("max-age=31536000", 31536000),
        ('max-age="31536000"', 31536000),
        ('max-age="3153600\\0"', 31536000),
        ("MAX-AGE=31536000 ; includeSubDomains", 31536000),
        ("max-age = 31536000;;", 31536000),
        ("includeSubDomains; max-age=15768000; preload; future=x", 15768000),
        ('max-age=31536000; future="a;b"', 31536000),
        ("max-age=" + "9" * 5000, int("9" * 18)),
    ],
)  # fmt: skip
def test_hsts_that_browsers_obey_is_good(value: str, seconds: int) -> None:
    grade = hsts.grade((value,))
    assert grade.is_good
    assert grade.max_age_seconds == seconds


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), "missing"),
        (("max-age=abc",), "not a number"),
        (("max-age=-1",), "not a number"),
        (("max-age=",), "not a directive"),
        (("max-age=1e9",), "not a number"),
        (('max-age="abc"',), "not a number"),
        (('max-age="31536000',), "not a directive"),
        (("max-age=31536000, max-age=31536000",), "not a directive"),
        (("max-age=31536000 includeSubDomains",), "not a directive"),
        (("max-age=31536000; max-age=31536000",), "max-age occurs twice"),
        (("max-age=31536000; includeSubDomains; INCLUDESUBDOMAINS",), "includesubdomains occurs twice"),
        (("includeSubDomains",), "max-age is missing"),
        (("max-age=31536000; includeSubDomains=true",), "takes no value"),
        (("max-age=0",), "shorter"),
        (("max-age=15767999",), "shorter"),
        (("",), "max-age is missing"),
        (("max-age=31536000", "max-age=31536000"), "2 times"),
        (("max-age=\u0663",), "not a directive"),
    ],
)
def test_hsts_that_browsers_ignore_or_soon_forget_is_a_finding(values: tuple[str, ...], message: str) -> None:
    assert message in "\n".join(hsts.grade(values).findings)


def test_hsts_of_a_preloaded_host_may_be_missing() -> None:
    assert hsts.grade((), preloaded=True).is_good
    assert not hsts.grade(("max-age=1",), preloaded=True).is_good


@pytest.mark.parametrize(
    ("options", "csp", "framed_by", "is_good"),
    [
        (("DENY",), (), Framing.NOBODY, True),
        (("deny ",), (), Framing.NOBODY, True),
        (("SAMEORIGIN",), (), Framing.SAME_ORIGIN, True),
        ((), ("frame-ancestors 'none'",), Framing.NOBODY, True),
        ((), ("frame-ancestors",), Framing.NOBODY, True),
        ((), ("frame-ancestors 'self'",), Framing.SAME_ORIGIN, True),
        (("DENY",), ("frame-ancestors *", "frame-ancestors 'none'"), Framing.NOBODY, True),
        ((), (), Framing.ANYBODY, False),
        (("ALLOW-FROM https://a.example",), (), Framing.ANYBODY, False),
        (("ALLOWALL",), (), Framing.ANYBODY, False),
        (("DENY, SAMEORIGIN",), (), Framing.ANYBODY, False),
        (("DENY", "DENY"), (), Framing.NOBODY, False),
        (("DENY",), ("frame-ancestors *",), Framing.ANYBODY, False),
        (("DENY",), ("frame-ancestors https:",), Framing.ANYBODY, False),
        (("DENY",), ("frame-ancestors https://partner.example",), Framing.SOME, False),
        (("",), (), Framing.ANYBODY, False),
    ],
)
def test_who_may_frame(options: tuple[str, ...], csp: tuple[str, ...], framed_by: Framing, is_good: bool) -> None:
    grade = framing.grade(options, csp=csp)
    assert grade.framing is framed_by
    assert grade.is_good is is_good


def test_same_origin_is_a_finding_where_nobody_may_frame() -> None:
    assert not framing.grade(("SAMEORIGIN",), at_most=Framing.NOBODY).is_good
    assert not framing.grade(("SAMEORIGIN",), csp=("frame-ancestors 'none'",), at_most=Framing.NOBODY).is_good
    assert not framing.grade(("DENY",), csp=("frame-ancestors 'self'",), at_most=Framing.NOBODY).is_good


@pytest.mark.parametrize(
    ("values", "is_good", "is_in_force"),
    [
        (("nosniff",), True, True),
        (("NoSniff ",), True, True),
        ((), False, False),
        (("nosniff", "nosniff"), False, True),
        (("nosniff, nosniff",), False, True),
        (("no-sniff",), False, False),
        (("",), False, False),
        (("'nosniff'",), False, False),
    ],
)
def test_nosniff(values: tuple[str, ...], is_good: bool, is_in_force: bool) -> None:
    grade = nosniff.grade(values)
    assert (grade.is_good, grade.is_in_force) == (is_good, is_in_force)


@pytest.mark.parametrize(
    ("values", "policy", "is_good"),
    [
        (("no-referrer",), "no-referrer", True),
        (("no-referrer, strict-origin-when-cross-origin",), "strict-origin-when-cross-origin", True),
        (("unsafe-url", "no-referrer"), "no-referrer", True),
        (("no-referrer, future",), "no-referrer", True),
        (("no-referrer, unsafe-url",), "unsafe-url", False),
        (("never",), None, False),
        (("",), None, False),
        ((), None, False),
    ],
)
def test_last_known_referrer_policy_counts(values: tuple[str, ...], policy: str | None, is_good: bool) -> None:
    grade = referrer.grade(values)
    assert (grade.policy, grade.is_good) == (policy, is_good)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("geolocation=(), microphone=(), camera=()", ""),
        ("camera=(),geolocation=(),microphone=();report-to=x,fullscreen=*", ""),
        ("geolocation=(self), microphone=(), camera=()", "allows geolocation to self"),
        ('geolocation=("https://a.example"), microphone=(), camera=()', "allows geolocation to https://a.example"),
        ("geolocation=*, microphone=(), camera=()", "allows geolocation to *"),
        ("geolocation=(), microphone=()", "does not name camera"),
        ("geolocation=(), microphone=(), camera", "gives camera no allow list"),
        ("geolocation 'none'; microphone 'none'; camera 'none'", "is ignored"),
        ("Geolocation=()", "is ignored"),
        ("geolocation=(),", "is ignored"),
        ("geolocation=(), camera=(), microphone=(), geolocation=*", "allows geolocation to *"),
    ],
)
def test_permissions_policy(value: str, message: str) -> None:
    found = "\n".join(permissions.grade((value,)).findings)
    assert message in found
    assert bool(found) is bool(message)


@pytest.mark.parametrize("values", [(), ("0",), ("1; mode=block",), ("1;mode=block",), ("1; MODE = block; report=/x",)])
def test_xss_filter_that_is_off_or_blocks_is_good(values: tuple[str, ...]) -> None:
    assert xss.grade(values).is_good


@pytest.mark.parametrize("values", [("1",), ("1; report=/x",), ("on",), ("",), ("0", "1; mode=block")])
def test_xss_filter_otherwise_is_a_finding(values: tuple[str, ...]) -> None:
    assert not xss.grade(values).is_good


EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("allowed", "credentials", "message"),
    [
        ((), (), ""),
        (("*",), (), ""),
        (("https://app.example",), ("true",), ""),
        ((EVIL,), (), "reflected"),
        ((EVIL,), ("true",), "reflected, with credentials"),
        (("null",), (), "null origin"),
        (("null",), ("true",), "null origin, which any sandboxed frame has, is allowed, with credentials"),
        (("*",), ("true",), "every origin"),
        (("https://a.example", "https://b.example"), (), "2 times"),
        (("*",), ("TRUE",), ""),
    ],
)
def test_cors_answer_to_a_stranger(allowed: tuple[str, ...], credentials: tuple[str, ...], message: str) -> None:
    found = "\n".join(cors.grade(allowed, credentials=credentials, origin=EVIL).findings)
    assert message in found
    assert bool(found) is bool(message)


def test_null_origin_that_was_sent_is_named_as_such() -> None:
    assert "null origin" in cors.grade(("null",), origin="null").findings[0]


def test_isolation_values_in_force() -> None:
    assert cross_origin.opener(('same-origin; report-to="x"',)).isolates
    assert not cross_origin.opener(("unsafe-none",)).isolates
    assert not cross_origin.opener(()).isolates
    assert not cross_origin.embedder(("REQUIRE-CORP",)).is_good
    assert not cross_origin.opener(("same-origin", "same-origin")).is_good
    assert cross_origin.resource(("cross-origin",)).is_good
    assert not cross_origin.resource(("cross-origin",)).isolates


@pytest.mark.parametrize(
    ("name", "value", "tells"),
    [
        ("Server", "nginx", False),
        ("Server", "uvicorn", False),
        ("Server", "cloudflare", False),
        ("Server", "nginx/1.27.0", True),
        ("Server", "Apache/2.4.62 (Debian)", True),
        ("Server", "Microsoft-IIS/10.0", True),
        ("Server", "Python/3.12 aiohttp/3.9.1", True),
        ("X-Powered-By", "Express", True),
        ("X-Powered-By", " ", False),
        ("x-aspnet-version", "4.0.30319", True),
        ("Via", "1.1 varnish", False),
        ("Via", "HTTP/1.1 proxy, 2 edge-3", False),
        ("Via", "1.1 squid (squid/6.1)", True),
        ("Date", "Mon, 1 Jan 2024", False),
    ],
)
def test_header_that_tells_the_version(name: str, value: str, tells: bool) -> None:
    assert leaks.grade(((name, value),)).is_good is not tells


def test_error_page_that_tells_the_version() -> None:
    assert not leaks.grade_page("<center>nginx/1.27.0</center>").is_good
    assert leaks.grade_page("<center>nginx</center>").is_good


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("<script src=/a.js></script>", ""),
        ("<script>inline()</script>", ""),
        ("<script src='https://www.shop.example/a.js'></script>", ""),
        ("<script src='https://cdn.example/a.js' integrity='sha384-abcd'></script>", ""),
        ("<script src='https://cdn.example/a.js'></script>", "no integrity"),
        ("<script src='https://cdn.example/a.js' integrity='md5-abcd'></script>", "no integrity"),
        ("<script src='http://shop.example/a.js'></script>", "plain http"),
        ("<script src='//[broken/a.js'></script>", ""),
        ("<!-- <script src='https://cdn.example/a.js'></script> -->", ""),
    ],
)
def test_scripts_of_other_sites_need_integrity(html: str, message: str) -> None:
    found = "\n".join(sri.grade(html, site="shop.example").findings)
    assert message in found
    assert bool(found) is bool(message)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ((("http://a.example/", 301), ("https://a.example/", 200)), ""),
        ((("https://a.example/", 200),), ""),
        ((), "nothing answers"),
        ((("http://a.example/", 200),), "served over plain http"),
        (
            (("http://a.example/", 301), ("http://www.a.example/", 301), ("https://www.a.example/", 200)),
            "first redirect",
        ),
        ((("http://a.example/", 301), ("https://www.a.example/", 200)), "leaves the host"),
        ((("http://[/", 301), ("https://[/", 200)), "plain http"),
    ],
)
def test_way_to_https(chain: tuple[tuple[str, int], ...], message: str) -> None:
    found = "\n".join(redirection.grade(chain).findings)
    assert message in found
    assert bool(found) is bool(message)


@given(TEXTS)
def test_no_header_text_crashes_a_grader(values: tuple[str, ...]) -> None:
    hsts.grade(values)
    nosniff.grade(values)
    referrer.grade(values, meta=values)
    permissions.grade(values)
    xss.grade(values)
    framing.grade(values, csp=values)
    cors.grade(values, credentials=values, origin="".join(values))
    cross_origin.opener(values)
    cross_origin.embedder(values)
    cross_origin.resource(values)
    leaks.grade(tuple(("via", value) for value in values) + tuple(("server", value) for value in values))
    sri.grade("".join(values), site="shop.example")
    redirection.grade(tuple((value, 301) for value in values))


@given(st.text(alphabet='max-age=0123456789";\\ ,includeSubDomains', max_size=60))
def test_hsts_is_either_ignored_or_has_an_age(value: str) -> None:
    grade = hsts.grade((value,))
    assert grade.is_valid is (grade.max_age_seconds is not None)
    assert grade.is_valid or not grade.is_good
