from __future__ import annotations

import pytest

from readiness.facts.tls import Certificate, PlainAnswer, TlsEntry
from readiness.tls.redirects import astray

NAME = "shop.internal"
CERTIFICATE = Certificate(subject="CN=x", issuer="CN=y", names=("*.eu.shop.internal",))


def turned(location: str, status: int = 301, *, path: str = "/items", name: str = NAME) -> str:
    answer = PlainAnswer(port=80, method="GET", path=path, status=status, location=location)
    return astray(answer, TlsEntry(server_name=name, certificate=CERTIFICATE))


@pytest.mark.parametrize(
    "location",
    [
        "https://shop.internal/items",
        "HTTPS://SHOP.internal:8443/items",
        "https://www.shop.internal/items/",
        "https://a.eu.shop.internal/items?from=http",
        "https://shop.internal/%69tems",
    ],
)
def test_the_same_place_on_https(location: str) -> None:
    assert turned(location) == ""
    assert turned(location, 308) == ""


def test_the_root_with_and_without_its_slash() -> None:
    assert turned("https://shop.internal", path="/") == ""


def test_a_query_of_the_question_is_no_part_of_its_path() -> None:
    assert turned("https://shop.internal/items", path="/items?page=2") == ""


def test_where_no_name_is_known_every_host_may_be_it() -> None:
    assert turned("https://127.0.0.1:49152/items", name="") == ""


@pytest.mark.parametrize(
    ("location", "status", "words"),
    [
        ("http://shop.internal/items", 301, "in clear"),
        ("/items", 301, "in clear"),
        ("//shop.internal/items", 301, "in clear"),
        ("", 304, "in clear"),
        ("https://shop.internal/", 301, "loses the path"),
        ("https://shop.internal/login?next=/items", 302, "loses the path"),
        ("https://shop.internal.evil.example/items", 301, "another host"),
        ("https://[shop/items", 301, "no client can read"),
        ("https://shop.internal/items", 302, "with 302, not for good"),
        ("https://shop.internal/items", 307, "with 307, not for good"),
    ],
)
def test_what_leads_elsewhere_or_not_for_good(location: str, status: int, words: str) -> None:
    assert words in turned(location, status)
