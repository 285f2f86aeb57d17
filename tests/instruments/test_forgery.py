from __future__ import annotations

import base64
import hmac
import json
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from readiness.facts.auth import TrialKind
from readiness.instruments import forgery
from readiness.instruments.forgery import Token, read_token

KEY = b"the-services-own-signing-key-of-forty-ch"
CLAIMS = {"iss": "shop", "sub": "7", "iat": 1000, "exp": 1900}


def token_of(**claims: object) -> Token:
    found = read_token(jwt.encode({**CLAIMS, **claims}, KEY, algorithm="HS256"))
    assert found is not None
    return found


def verified(text: str, key: Any = KEY, algorithm: str = "HS256") -> dict[str, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the short keys are the point
        claims: dict[str, object] = jwt.decode(
            text, key, algorithms=[algorithm], options={"verify_exp": False, "verify_aud": False}
        )
    return claims


def head_of(text: str) -> dict[str, object]:
    part = text.split(".", maxsplit=1)[0]
    head: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return head


def test_a_token_is_read_without_its_key() -> None:
    token = token_of()
    assert token.algorithm == "HS256"
    assert token.claims == CLAIMS
    assert len(token.signature) == 32


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c.d", "!.!.!", "W10.e30.x", "e30.e30.x", "e30.bnVsbA.x", "opaque-token"]
)
def test_what_is_no_token_is_not_read(text: str) -> None:
    assert read_token(text) is None


def test_unsigned_tokens_have_every_spelling_with_and_without_the_last_dot() -> None:
    forged = list(forgery.unsigned(token_of()))
    assert {head_of(f.text)["alg"] for f in forged} == {"none", "None", "NONE", "nOnE"}
    assert {f.text.count(".") for f in forged} == {1, 2}
    assert all(f.text.endswith(".") for f in forged if f.text.count(".") == 2)


def test_every_other_hmac_is_signed_by_the_right_key() -> None:
    forged = {f.name: f.text for f in forgery.confused(token_of(), KEY)}
    for algorithm in ("HS384", "HS512"):
        assert verified(forged[f"signed with {algorithm} instead of HS256"], algorithm=algorithm) == CLAIMS


def test_a_public_key_signs_where_the_service_verifies_with_it() -> None:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    token = read_token(jwt.encode(CLAIMS, private, algorithm="RS256"))
    assert token is not None
    assert verified(forgery.resigned(token, private), pair.public_key(), "RS256") == CLAIMS
    forged = {f.name: f.text for f in forgery.confused(token, private)}
    head, claims, signature = forged["signed with HS256 instead of RS256, by the public key"].split(".")
    public = pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    expected = hmac.new(public, f"{head}.{claims}".encode(), "sha256").digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected


def pems() -> tuple[bytes, bytes, bytes]:
    """A private key, the same one behind a password, and its public half."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = serialization.PrivateFormat.PKCS8
    private = pair.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    locked = pair.private_bytes(serialization.Encoding.PEM, kind, serialization.BestAvailableEncryption(b"x"))
    public = pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, locked, public


def test_a_public_and_a_locked_key_cannot_sign_and_a_private_one_of_an_example_can() -> None:
    private, locked, public = pems()
    token = read_token(jwt.encode(CLAIMS, private, algorithm="RS256"))
    assert token is not None
    for key in (locked, public):
        with pytest.raises(ValueError, match="none for RS256"):
            forgery.resigned(token, key)
    keys = {private: ".env.example", locked: "x", b"-----BEGIN PRIVATE KEY-----\n...": "x", b"changeme": "the list"}
    forged = list(forgery.guessed(token, keys))
    assert [(f.kind, f.name) for f in forged] == [
        (TrialKind.DEFAULT_KEY, "signed with RS256 by a key from .env.example"),
        (TrialKind.CONFUSION, "signed with a key from the list, with HS256 instead of RS256"),
    ]
    assert verified(forged[0].text, public, "RS256") == CLAIMS
    assert verified(forged[1].text, b"changeme") == CLAIMS


@pytest.mark.parametrize(
    ("key", "forms"),
    [
        (b"changeme", [b"changeme", base64.b64decode("changeme")]),
        (b"a-b_", [b"a-b_", base64.urlsafe_b64decode("a-b_")]),
        (b"c2VjcmV0LWtleQ==", [b"c2VjcmV0LWtleQ==", b"secret-key"]),
        (b"00ff", [b"00ff", b"\x00\xff", base64.b64decode("00ff")]),
        (b"five5", [b"five5"]),
        (b"with a space", [b"with a space"]),
        (b"", [b""]),
        (b"-----BEGIN PRIVATE KEY-----\\nx", [b"-----BEGIN PRIVATE KEY-----\\nx", b"-----BEGIN PRIVATE KEY-----\nx"]),
    ],
)
def test_a_key_is_tried_in_the_forms_in_which_settings_write_it(key: bytes, forms: list[bytes]) -> None:
    assert list(forgery.forms_of(key)) == forms


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "XX9", "none"])
def test_a_key_that_cannot_sign_is_refused(algorithm: str) -> None:
    token = Token(text="", header={"alg": algorithm}, claims={})
    with pytest.raises(ValueError, match=r"no algorithm|none for|PEM|deserialize"):
        forgery.resigned(token, KEY)


def test_keys_of_its_own_verify_what_the_token_offers() -> None:
    forged = {f.name: f.text for f in forgery.confused(token_of(), None)}
    assert not any("instead of" in name for name in forged)
    text = forged["signed with RS256 by a key that its own jwk header brings"]
    key = jwt.PyJWK.from_dict(head_of(text)["jwk"], algorithm="RS256")  # type: ignore[arg-type]  # a mapping
    assert jwt.decode(text, key, algorithms=["RS256"], options={"verify_exp": False}) == CLAIMS
    text = forged["signed with a key that its own jwk header brings"]
    own = head_of(text)["jwk"]["k"]  # type: ignore[index]  # a mapping
    assert verified(text, base64.urlsafe_b64decode(own + "=" * (-len(own) % 4))) == CLAIMS


def test_tampered_tokens_are_never_valid_and_name_another_user() -> None:
    token = token_of()
    forged = list(forgery.tampered(token.text, token, token_of(sub="8")))
    for each in forged:
        with pytest.raises(jwt.InvalidTokenError):
            verified(each.text)
    stranger = next(f for f in forged if "another user" in f.name)
    found = read_token(stranger.text)
    assert found is not None
    assert found.claims["sub"] == "8"
    assert {f.kind for f in forged} == {TrialKind.TAMPERED}
    assert len(forged) == 5


def test_an_opaque_token_is_changed_in_its_text() -> None:
    forged = [f.text for f in forgery.tampered("abcdef", None, None)]
    assert forged == ["abcAef", "abcde"]


@pytest.mark.parametrize("pair", [b"admin:s3cret-value", b"admin:s3cret-valu", b"admin:s3cret-val"])
def test_damaged_base64_is_another_value_also_where_padding_is_not_asked_for(pair: bytes) -> None:
    for forged in forgery.tampered(base64.b64encode(pair).decode(), None, None):
        bare = forged.text.rstrip("=")
        assert len(bare) % 4 == 1 or base64.b64decode(bare + "=" * (-len(bare) % 4)) != pair


@pytest.mark.parametrize("text", ["0a1b0a1b", "deadAAbeef", "550e8400-e29b-41d4-a716-446655440000"])
def test_a_changed_character_is_not_the_other_case_of_the_same(text: str) -> None:
    changed = next(iter(forgery.tampered(text, None, None))).text
    assert changed.lower() != text.lower()
    assert changed.replace("-", "").lower() != text.replace("-", "").lower()


def test_an_expired_token_ended_an_hour_ago_and_began_before() -> None:
    (forged,) = forgery.expired(token_of(), KEY, now=100_000)
    assert verified(forged.text) == {**CLAIMS, "exp": 96_400, "iat": 92_800}


def test_foreign_tokens_change_what_the_service_names() -> None:
    assert [f.name for f in forgery.foreign(token_of(), KEY)] == ["of another issuer"]
    both = list(forgery.foreign(token_of(aud="web"), KEY))
    assert [f.name for f in both] == ["of another issuer", "for another audience"]
    assert verified(both[1].text)["aud"] == "https://readiness.example"


def test_guessed_keys_sign_and_are_not_told() -> None:
    forged = list(forgery.guessed(token_of(), {b"": "the list", b"changeme": ".env.example"}))
    assert [f.name for f in forged] == ["signed with the empty key", "signed with a key from .env.example"]
    assert verified(forged[1].text, b"changeme") == CLAIMS
    assert "changeme" not in repr(forged)


def test_malformed_tokens_fit_a_header_s_encoding_and_are_no_tokens() -> None:
    forged = list(forgery.malformed())
    assert len({f.name for f in forged}) == len(forged)
    for each in forged:
        each.text.encode("latin-1")
        with pytest.raises((jwt.InvalidTokenError, ValueError)):
            verified(each.text)


def test_the_list_of_known_keys_has_each_once() -> None:
    assert len(set(forgery.WELL_KNOWN_KEYS)) == len(forgery.WELL_KNOWN_KEYS)
