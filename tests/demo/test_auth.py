"""The demo's tokens and passwords, sound and with each defect."""

from __future__ import annotations

import asyncio
import time

import jwt
import pytest

from readiness.demo.app.shop.auth import ACCESS_SECONDS, DEFAULT_SECRET, REFRESH_SECONDS, Passwords, Tokens
from readiness.instruments import forgery
from readiness.instruments.forgery import Token, read_token

SECRET = "s" * 64
NOW = int(time.time())
CLAIMS = {"iss": "shop", "sub": "7", "iat": NOW, "exp": NOW + 86_400}


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    monkeypatch.setenv("SHOP_DEFECTS", name)
    return name


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    return jwt.encode({**CLAIMS, **claims}, secret, algorithm=algorithm)


def parsed() -> Token:
    found = read_token(token())
    assert found is not None
    return found


UNSIGNED = next(forgery.unsigned(parsed())).text
BAD = {
    "jwt-alg-none": UNSIGNED,
    "jwt-signature-unverified": token()[:-6] + "AAAAAA",
    "jwt-expiry-ignored": token(exp=NOW - 3600),
    "jwt-issuer-ignored": token(iss="stranger"),
    "jwt-any-hmac": token(algorithm="HS512"),
    "jwt-default-key": forgery.resigned(parsed(), DEFAULT_SECRET.encode()),
}


@pytest.mark.parametrize("bad", list(BAD.values()), ids=list(BAD))
def test_a_sound_shop_refuses_what_each_defect_lets_in(bad: str) -> None:
    tokens = Tokens(SECRET)
    assert tokens.user_id(f"Bearer {token()}") == 7
    assert tokens.user_id(f"Bearer {bad}") is None


@pytest.mark.parametrize("defect", list(BAD), indirect=True)
def test_each_defect_lets_in_its_own_token_and_still_the_right_one(defect: str) -> None:
    tokens = Tokens(SECRET)
    assert tokens.user_id(f"Bearer {BAD[defect]}") == 7
    assert tokens.user_id(f"Bearer {token()}") == 7
    assert tokens.user_id("Bearer x") is None
    assert tokens.user_id("Basic x") is None


MALFORMED = [each.text for each in forgery.malformed()]


@pytest.mark.parametrize("defect", ["", "jwt-alg-none", "jwt-default-key", "jwt-signature-unverified"], indirect=True)
def test_what_is_no_token_is_nobody(defect: str) -> None:
    tokens = Tokens(SECRET)
    assert [text for text in MALFORMED if tokens.user_id(f"Bearer {text}") is not None] == []


@pytest.mark.parametrize("defect", ["jwt-malformed-raises"], indirect=True)
def test_the_defect_of_malformed_tokens_raises(defect: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tokens(SECRET).user_id("Bearer !!!.???.***")


@pytest.mark.parametrize(
    ("defect", "seconds"), [("", ACCESS_SECONDS), ("access-token-long", 86400)], indirect=["defect"]
)
def test_tokens_last_as_long_as_the_defect_lets_them(defect: str, seconds: int) -> None:
    tokens = Tokens(SECRET)
    for wanted, issued in ((seconds, tokens.issue(7)), (REFRESH_SECONDS, tokens.issue(7, seconds=REFRESH_SECONDS))):
        found = read_token(issued)
        assert found is not None
        assert found.claims["exp"] - found.claims["iat"] == wanted


@pytest.mark.parametrize(
    ("defect", "is_right", "memory"),
    [("", False, 19456), ("password-truncated", True, 19456), ("password-hash-weak", False, 512)],
    indirect=["defect"],
)
def test_a_password_counts_as_far_as_the_defect_lets_it(defect: str, is_right: bool, memory: int) -> None:
    async def compared() -> tuple[str, bool, bool]:
        passwords = Passwords()
        stored = await passwords.hash("a long password")
        right = await passwords.is_right(stored, "a long password")
        wrong = await passwords.is_right(stored, "a long passwort")
        passwords.close()
        return stored, right, wrong

    stored, right, wrong = asyncio.run(compared())
    assert right
    assert wrong is is_right
    assert f"m={memory}," in stored
