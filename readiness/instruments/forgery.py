"""Forges JSON Web Tokens (RFC 7515, 7519) that a service has to refuse. Sends nothing.

PyJWT's algorithms sign; heads and claims are put together here, because a library writes none that are wrong.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from readiness.facts.auth import TrialKind

__all__ = [
    "WELL_KNOWN_KEYS",
    "Forged",
    "Token",
    "confused",
    "expired",
    "foreign",
    "forms_of",
    "guessed",
    "malformed",
    "read_token",
    "resigned",
    "tampered",
    "unsigned",
]

HMACS = ("HS256", "HS384", "HS512")
#: As tutorials, templates and generators write them; the list of wallarm/jwt-secrets begins with the same ones.
WELL_KNOWN_KEYS = (
    "", "secret", "Secret", "SECRET", "secretkey", "secret_key", "secret-key", "mysecret", "mysecretkey", "my-secret",
    "my_secret_key", "supersecret", "super-secret", "super_secret_key", "supersecretkey", "your-secret-key",
    "your_secret_key", "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret", "your-super-secret-key",
    "your-secret-key-change-in-production", "your-secret-key-here", "change-me", "changeme", "change_me",
    "change-this-in-production", "changethis", "CHANGE_ME", "jwt-secret", "jwt_secret", "jwtsecret", "JWT_SECRET",
    "password", "admin", "test", "dev", "development", "default", "key", "example_key", "123456", "dev-secret-key",
    "insecure", "none", "null", "undefined",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # the FastAPI tutorial's
    "django-insecure", "shhhhh", "keyboard cat", "qwertyuiopasdfghjklzxcvbnm123456",
)  # fmt: skip
_PEM, _PRIVATE = b"-----BEGIN", b"PRIVATE KEY-----"
_HOUR = 3600
_DAY = 24 * _HOUR
#: A service may bound a header at 4 to 64 KiB; this is beyond all of them.
HUGE = 100_000
#: Claims that name the user or the user's rights.
_WHO = ("sub", "user_id", "userId", "uid", "id", "username", "email")
_RIGHTS = ("role", "roles", "scope", "scopes", "is_admin", "admin", "permissions", "groups")


@dataclass(frozen=True, kw_only=True)
class Token:
    """A signed token in its parts."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        """What the header says."""
        return str(self.header.get("alg", ""))

    @property
    def signature(self) -> bytes:
        """The bytes behind the second dot."""
        return _bytes(self.text.rsplit(".", 1)[1])


@dataclass(frozen=True, kw_only=True)
class Forged:
    """A token that must not work; ``name`` completes "a token that is …"."""

    kind: TrialKind
    name: str
    text: str = dataclasses.field(repr=False)


def read_token(text: str) -> Token | None:
    """The token's parts, unverified; None where it is no signed JSON Web Token."""
    parts = text.split(".")
    if len(parts) != 3:  # noqa: PLR2004  # head, claims, signature
        return None
    try:
        header, claims = json.loads(_bytes(parts[0])), json.loads(_bytes(parts[1]))
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict) or "alg" not in header:
        return None
    return Token(text=text, header=header, claims=claims)


def resigned(token: Token, key: bytes, *, algorithm: str = "", claims: Mapping[str, Any] | None = None) -> str:
    """The token with other claims, signed with ``key``: the HMAC's own, else a private key in PEM.

    Raises:
        ValueError: the key is none for the algorithm, or the algorithm is unknown.
    """
    algorithm = algorithm or token.algorithm
    return _signed({**token.header, "alg": algorithm}, {**token.claims, **(claims or {})}, key, algorithm)


def unsigned(token: Token) -> Iterator[Forged]:
    """``alg: none`` in every spelling, with the dot before the missing signature and without."""
    for spelling in ("none", "None", "NONE", "nOnE"):
        head = f"{_part({**token.header, 'alg': spelling})}.{_part(token.claims)}"
        for tail, words in ((".", ""), ("", ", without the last dot")):
            yield Forged(kind=TrialKind.ALG_NONE, name=f"unsigned (alg {spelling}{words})", text=head + tail)


def confused(token: Token, key: bytes | None) -> Iterator[Forged]:
    """Tokens of another algorithm than the service's, and tokens that bring or name their own key."""
    kind = TrialKind.CONFUSION
    if key is not None:
        secret = key if token.algorithm in HMACS else _public(key)
        words = "" if token.algorithm in HMACS else ", by the public key"
        for other in HMACS:
            if other != token.algorithm:
                text = _signed({**token.header, "alg": other}, token.claims, secret, other)
                yield Forged(kind=kind, name=f"signed with {other} instead of {token.algorithm}{words}", text=text)
    own = b"a-key-of-our-own-a-key-of-our-own-a-key-of-our-own-a-key-of-our-"
    oct_key = {"kty": "oct", "k": base64.urlsafe_b64encode(own).rstrip(b"=").decode()}
    for words, header, known in (
        ("signed with a key that its own jwk header brings", {"jwk": oct_key}, own),
        ("signed with an empty key that its kid header points to", {"kid": "../../../../../../dev/null"}, b""),
        ("signed with a key of its own under a kid header", {"kid": "readiness"}, own),
    ):
        yield Forged(
            kind=kind, name=words, text=_signed({"alg": "HS256", "typ": "JWT", **header}, token.claims, known, "HS256")
        )
    yield from _by_own_pair(token)


def _public(key: bytes) -> bytes:
    """The public key of a private one, as text: everybody may know it, so nothing it signs proves anything."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # slow to load, and only this needs it

    public = serialization.load_pem_private_key(key, password=None).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _by_own_pair(token: Token) -> Iterator[Forged]:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  # slow to load, and only this needs it
    from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415

    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(pair.public_key(), as_dict=True)
    for words, header in (
        ("signed with RS256 by a key of its own", {}),
        ("signed with RS256 by a key that its own jwk header brings", {"jwk": public}),
    ):
        head = {"alg": "RS256", "typ": "JWT", **header}
        yield Forged(kind=TrialKind.CONFUSION, name=words, text=_signed(head, token.claims, pair, "RS256"))


def tampered(text: str, token: Token | None, other: Token | None) -> Iterator[Forged]:
    """Another payload under the old signature, another signature under the old payload, none at all."""
    kind = TrialKind.TAMPERED
    if token is None:
        middle = len(text) // 2
        at = next((index for index in range(middle, len(text)) if text[index].isalnum()), middle)
        # Another letter, not the other case of the same: hexadecimal digits are read in either.
        letter = "A" if text[at] not in "aA" else "B"
        yield Forged(kind=kind, name="changed in one character", text=text[:at] + letter + text[at + 1 :])
        # Behind the padding of base64, which many decoders do not ask for.
        yield Forged(kind=kind, name="cut off by one character", text=text.rstrip("=")[:-1])
        return
    head, _, tail = text.split(".")
    claims = dict(token.claims)
    changes: dict[str, dict[str, Any]] = {}
    who = next((name for name in _WHO if name in claims), None)
    if who is not None:
        theirs = other.claims.get(who) if other is not None else None
        stranger = theirs if theirs is not None and theirs != claims[who] else "1"
        changes["of another user, under the old signature"] = {who: stranger}
    rights = next((name for name in _RIGHTS if name in claims), "role")
    admin: Any = ["admin"] if isinstance(claims.get(rights), list) else "admin"
    changes["given the role of an administrator, under the old signature"] = {rights: admin}
    if isinstance(claims.get("exp"), int | float):
        changes["valid for a day longer, under the old signature"] = {"exp": claims["exp"] + _DAY}
    for words, change in changes.items():
        yield Forged(kind=kind, name=words, text=f"{head}.{_part({**claims, **change})}.{tail}")
    signature = token.signature
    if signature:
        # In the bytes: the last character of the text carries bits that decode to nothing.
        damaged = bytes([signature[0] ^ 1]) + signature[1:]
        yield Forged(
            kind=kind, name="changed in one bit of its signature", text=f"{head}.{_part(claims)}.{_text(damaged)}"
        )
    yield Forged(kind=kind, name="without its signature", text=f"{head}.{text.split('.')[1]}.")


def expired(token: Token, key: bytes, *, now: int) -> Iterator[Forged]:
    """A sound token that ended an hour ago: beyond every clock's skew."""
    ended = now - _HOUR
    times = {name: ended - _HOUR for name in ("iat", "nbf") if name in token.claims}
    yield Forged(
        kind=TrialKind.EXPIRED, name="expired an hour ago", text=resigned(token, key, claims={"exp": ended, **times})
    )


def foreign(token: Token, key: bytes) -> Iterator[Forged]:
    """Tokens of another issuer, or for another audience, where the service's own name one."""
    for claim, words in (("iss", "of another issuer"), ("aud", "for another audience")):
        if claim in token.claims:
            stranger = "https://readiness.example"
            yield Forged(kind=TrialKind.ISSUER, name=words, text=resigned(token, key, claims={claim: stranger}))


def guessed(token: Token, keys: Mapping[bytes, str]) -> Iterator[Forged]:
    """Tokens signed with keys that everybody can know: key -> where it is from.

    Where a private key signs, only a private key can be the service's. A word proves nothing of it: what a word signs is a
    token of another algorithm.
    """
    is_shared = token.algorithm in HMACS
    for key, origin in keys.items():
        if not is_shared and _PRIVATE in key:
            with contextlib.suppress(ValueError):  # of another kind, behind a password, or only the place for a key
                text = resigned(token, key)
                yield Forged(
                    kind=TrialKind.DEFAULT_KEY, name=f"signed with {token.algorithm} by a key from {origin}", text=text
                )
            continue
        algorithm = token.algorithm if is_shared else "HS256"
        name = "signed with the empty key" if not key else f"signed with a key from {origin}"
        kind = TrialKind.DEFAULT_KEY if is_shared else TrialKind.CONFUSION
        name = name if is_shared else f"{name}, with HS256 instead of {token.algorithm}"
        yield Forged(kind=kind, name=name, text=resigned(token, key, algorithm=algorithm))


def forms_of(key: bytes) -> Iterator[bytes]:
    """What a service may make of a key in its settings: the text itself, with its line ends, or the bytes it encodes."""
    yield key
    if _PEM in key:
        if b"\\n" in key:
            yield key.replace(b"\\n", b"\n")
        return
    if len(key) % 2 == 0 and re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", key):
        yield bytes.fromhex(key.decode())
    bare = key.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    # One character more than groups of four carries no whole byte.
    if len(bare) % 4 != 1 and re.fullmatch(rb"[A-Za-z0-9+/]+", bare):
        yield base64.b64decode(bare + b"=" * (-len(bare) % 4))


def malformed() -> Iterator[Forged]:
    """What is no token at all, in Latin-1 as it goes over the wire."""
    junk = _text(b"this is not JSON")
    head = _part({"alg": "HS256", "typ": "JWT"})
    shapes = {
        "one segment": "readiness",
        "two segments": f"{head}.{_part({})}",
        "four segments": f"{head}.{_part({})}.{junk}.{junk}",
        "only dots": "..",
        "no base64": "!!!.???.***",
        "base64 of a wrong length": "a.b.c",
        "a head that is no JSON": f"{junk}.{_part({})}.{junk}",
        "claims that are no JSON": f"{head}.{junk}.{junk}",
        "a head that is a list": f"{_text(b'[]')}.{_part({})}.{junk}",
        "a head without an algorithm": f"{_part({'typ': 'JWT'})}.{_part({})}.{junk}",
        "an algorithm that is a number": f"{_part({'alg': 5})}.{_part({})}.{junk}",
        "an algorithm that nobody knows": f"{_part({'alg': 'XX999'})}.{_part({})}.{junk}",
        "a head that is no UTF-8": f"{_text(bytes([0xFF, 0xFE, 0x00]))}.{_part({})}.{junk}",
        "100 kB": f"{head}.{'A' * HUGE}.{junk}",
        "letters beyond ASCII": "t\u00f6k\u00e9n." + "\u00c3\u00a9" * 3 + ".\u00ff",
        "a NUL byte": f"{head}.\0.{junk}",
    }
    for name, text in shapes.items():
        yield Forged(kind=TrialKind.MALFORMED, name=name, text=text)


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: Any, algorithm: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # only who forges pays for loading it
    from jwt.algorithms import get_default_algorithms  # noqa: PLC0415
    from jwt.exceptions import InvalidKeyError  # noqa: PLC0415

    text, signer = f"{_part(header)}.{_part(claims)}", get_default_algorithms().get(algorithm)
    if signer is None:
        raise ValueError(f"no algorithm {algorithm!r:.40}")
    # An HMAC key is taken as it is: the library refuses the very ones that a service may be fooled with.
    try:
        secret = signer.prepare_key(key) if isinstance(key, bytes) and algorithm not in HMACS else key
        return f"{text}.{_text(signer.sign(text.encode(), secret))}"
    except (InvalidKeyError, UnsupportedAlgorithm, TypeError, AttributeError) as error:
        # Of another kind; behind a password (TypeError); or a public one, which has no method to sign (AttributeError).
        raise ValueError(f"the key is none for {algorithm}") from error


def _part(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
