from __future__ import annotations

import pytest

from readiness.facts.tls import Certificate
from readiness.tls.names import is_for, weakness

CERTIFICATE = Certificate(
    subject="CN=x", issuer="CN=y", names=("Shop.internal", "*.shop.internal"), addresses=("192.168.1.5", "::1")
)


@pytest.mark.parametrize("name", ["shop.internal", "SHOP.internal.", "www.shop.internal", "192.168.1.5", "[::1]"])
def test_names_that_it_is_for(name: str) -> None:
    assert is_for(CERTIFICATE, name)


def test_a_name_in_other_letters_is_the_one_that_certificates_write() -> None:
    assert is_for(Certificate(subject="CN=x", issuer="CN=y", names=("xn--mnchen-3ya.de",)), "M\u00fcnchen.de")


@pytest.mark.parametrize(
    "name", ["a.b.shop.internal", "internal", "evilshop.internal", "192.168.1.6", ".shop.internal", "x"]
)
def test_names_that_it_is_not_for(name: str) -> None:
    assert not is_for(CERTIFICATE, name)


@pytest.mark.parametrize(
    "suite",
    [
        "TLS_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA",
    ],
)
def test_suites_that_are_not_weak(suite: str) -> None:
    assert weakness(suite) == ""


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("TLS_RSA_WITH_NULL_SHA256", "nothing"),
        ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "nobody"),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", "on purpose"),
        ("TLS_RSA_WITH_RC4_128_MD5", "RC4"),
        ("TLS_RSA_WITH_DES_CBC_SHA", "DES"),
        ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "DES"),
        ("SSL_CK_DES_192_EDE3_CBC_WITH_MD5", "DES"),
        ("SSL_CK_RC2_128_CBC_WITH_MD5", "RC2"),
    ],
)
def test_suites_that_are_weak(suite: str, words: str) -> None:
    assert words in weakness(suite)
