from __future__ import annotations

import re

import pytest

from readiness.auth.hashes import HASH_PATTERN, digests_of, recognise

BCRYPT = "$2b$12$" + "a" * 53


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
            ("argon2id", {"memory_kib": 19456, "iterations": 2, "parallelism": 1}),
        ),
        ("$argon2i$m=64,t=1,p=8$c2FsdA$aGFzaA", ("argon2i", {"memory_kib": 64, "iterations": 1, "parallelism": 8})),
        (BCRYPT, ("bcrypt", {"cost": 12})),
        ("{bcrypt}" + BCRYPT, ("bcrypt", {"cost": 12})),
        ("$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA", ("scrypt", {"iterations": 65536, "parallelism": 1})),
        ("scrypt:32768:8:1$salt$00ff", ("scrypt", {"iterations": 32768, "parallelism": 1})),
        ("pbkdf2_sha256$600000$salt$hash=", ("pbkdf2", {"iterations": 600000})),
        ("pbkdf2:sha256:260000$salt$hash", ("pbkdf2", {"iterations": 260000})),
        ("$pbkdf2-sha512$i=25000,l=32$salt$hash", ("pbkdf2", {"iterations": 25000})),
        ("$pbkdf2-sha256$29000$salt$hash", ("pbkdf2", {"iterations": 29000})),
        ("$6$rounds=5000$salt$" + "a" * 86, ("sha512-crypt", {})),
        ("$1$salt$" + "a" * 22, ("md5-crypt", {})),
        ("5f4dcc3b5aa765d61d8327deb882cf99", None),
        ("$2b$12$short", None),
        ("it costs $6$ or $5$", None),
        ("", None),
    ],
)
def test_a_stored_hash_is_told_by_its_form(text: str, expected: tuple[str, dict[str, int]] | None) -> None:
    assert recognise(text) == expected


@pytest.mark.parametrize(
    "text",
    ["$argon2id$v=19$", BCRYPT, "$scrypt$ln=16", "scrypt:32768:8:1$", "pbkdf2_sha256$6", "$pbkdf2-sha512$", "$6$abc$x"],
)
def test_what_is_recognised_is_found_by_the_pattern(text: str) -> None:
    assert re.search(HASH_PATTERN, text)


def test_plain_digests_are_named() -> None:
    digests = digests_of("password")
    assert digests["5f4dcc3b5aa765d61d8327deb882cf99"] == "md5, unsalted"
    assert digests["XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg="] == "sha256, unsalted"
