from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.headers import cache, cookies


@pytest.mark.parametrize(
    "name",
    ["session", "SESSIONID", "PHPSESSID", "JSESSIONID", "connect.sid", "access_token", "refreshToken", "__Host-auth", "jwt",
     "laravel_session", "id_token", "remember_me", "ASP.NET_SessionId", "sid"],
)  # fmt: skip
def test_cookie_that_opens_an_account_is_known_by_its_name(name: str) -> None:
    assert cookies.is_secret(name, "x")
    assert "lacks HttpOnly" in "\n".join(cookies.grade(f"{name}=x; Secure", https=True).findings)


@pytest.mark.parametrize(
    "name",
    ["theme", "csrftoken", "XSRF-TOKEN", "csrf_token", "heroku-session-affinity", "AWSALB", "lang", "inside_preferences",
     "SERVERID", "_ga", "accessibility", "author", "__cf_bm"],
)  # fmt: skip
def test_other_cookie_may_be_read_by_scripts(name: str) -> None:
    assert not cookies.is_secret(name, "x")


def test_token_is_known_by_its_value() -> None:
    assert cookies.is_secret("prefs", "eyJhbGciOiJIUzI1NiJ9.e30.x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("session=x; HttpOnly; Secure; SameSite=Lax; Path=/", ""),
        ("SESSION=x; httponly; SECURE; samesite=STRICT", ""),
        ("session=x; Secure; HttpOnly", ""),
        ("theme=dark; Secure", ""),
        ("session=; Max-Age=0; Path=/", ""),
        ('session=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/', ""),
        ("session=x; Secure", "lacks HttpOnly"),
        ("session=x; HttpOnly", "lacks Secure"),
        ("theme=dark", "lacks Secure"),
        ("theme=dark; Secure; SameSite=Sometimes", "unknown SameSite"),
        ("theme=dark; SameSite=None", "SameSite=None without Secure"),
        ("__Secure-a=x", "needs Secure"),
        ("__Host-a=x; Secure; Path=/; Domain=shop.example", "needs Path=/ and no Domain"),
        ("__Host-a=x; Secure; Path=/app", "needs Path=/ and no Domain"),
        ("session=x; HttpOnly; Secure; Max-Age=3600", ""),
        ("eyJhbGciOiJIUzI1NiJ9", "lacks HttpOnly"),
    ],
)
def test_cookie_over_https(line: str, message: str) -> None:
    found = "\n".join(cookies.grade(line, https=True).findings)
    assert message in found
    assert bool(found) is bool(message)


def test_secure_is_not_asked_for_where_there_is_no_https() -> None:
    assert cookies.grade("session=x; HttpOnly", https=False).is_good


def test_hsts_excuses_a_missing_secure_of_what_is_no_secret() -> None:
    assert cookies.grade("theme=dark", https=True, has_hsts=True).is_good
    assert not cookies.grade("session=x; HttpOnly", https=True, has_hsts=True).is_good


@pytest.mark.parametrize(
    ("value", "authorized", "by_cookie"),
    [
        ("no-store", True, True),
        ("private", True, True),
        ("private, max-age=600", True, True),
        ("no-cache", True, True),
        ("max-age=0, must-revalidate", True, True),
        (None, True, False),
        ("max-age=60", True, False),
        ('private="set-cookie"', True, False),
        ('no-cache="set-cookie"', True, False),
        ("must-revalidate", False, False),
        ("max-age=60, must-revalidate", False, False),
        ("public", False, False),
        ("public, max-age=0", False, False),
        ("s-maxage=60", False, False),
        ("no-store, public", True, True),
        ("PUBLIC", False, False),
    ],
)
def test_private_answer_is_not_kept_by_shared_caches(value: str | None, authorized: bool, by_cookie: bool) -> None:
    values = () if value is None else (value,)
    assert cache.grade(values, has_authorization=True).is_good is authorized
    assert cache.grade(values, has_authorization=False).is_good is by_cookie


def test_answer_keyed_by_the_user_may_be_kept_unless_it_is_called_public() -> None:
    assert cache.grade(("max-age=60",), vary=("Accept, Cookie",), has_authorization=False).is_good
    assert not cache.grade(("public, max-age=60",), vary=("Cookie",), has_authorization=False).is_good


def test_expires_counts_as_a_lifetime() -> None:
    assert not cache.grade((), expires=("Thu, 01 Jan 2099 00:00:00 GMT",), has_authorization=False).is_good


@given(st.text())
def test_no_cookie_text_crashes_the_grader(line: str) -> None:
    cookies.grade(line, https=True)


@given(st.lists(st.text(), max_size=3).map(tuple), st.booleans())
def test_no_cache_text_crashes_the_grader(values: tuple[str, ...], authorized: bool) -> None:
    cache.grade(values, vary=values, expires=values, has_authorization=authorized)
