from __future__ import annotations

import json

import pytest

from readiness.cors.origins import look_alikes, settings_of, unreal, written
from readiness.facts.cors import OriginKind

ALLOWED = "https://app.shop.internal"


def test_look_alikes_of_a_name() -> None:
    assert dict(look_alikes(ALLOWED)) == {
        OriginKind.SCHEME: "http://app.shop.internal",
        OriginKind.PORT: "https://app.shop.internal:8444",
        OriginKind.SUFFIX: "https://app.shop.internal.readiness-audit.invalid",
        OriginKind.PREFIX: "https://evilapp.shop.internal",
        OriginKind.SUBDOMAIN: "https://evil.app.shop.internal",
        OriginKind.DOT: "https://appxshop.internal",
    }


def test_look_alikes_keep_a_port_and_change_it() -> None:
    found = dict(look_alikes("http://shop.internal:8080"))
    assert found[OriginKind.PORT] == "http://shop.internal:8079"
    assert found[OriginKind.SUFFIX] == "http://shop.internal:80800"
    assert found[OriginKind.SCHEME] == "https://shop.internal:8080"
    assert OriginKind.DOT not in found


@pytest.mark.parametrize("origin", ["https://10.0.0.7", "https://a.b.c:port", "app://shop"])
def test_look_alikes_of_odd_origins_are_never_the_origin(origin: str) -> None:
    assert origin not in dict(look_alikes(origin)).values()


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("*", "every origin"),
        ("null", "null"),
        ("http://localhost:3000", "own machine"),
        ("https://127.0.0.1", "own machine"),
        ("http://0.0.0.0:8000", "own machine"),
        ("https://app.example.com", "placeholder"),
        ("https://yourdomain.com", "placeholder"),
        ("https://your-app.com", "placeholder"),
        ("https://shop.test", "placeholder"),
        ("http://shop.internal", "not https"),
    ],
)
def test_origins_that_are_not_real(origin: str, words: str) -> None:
    assert words in unreal(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.internal",
        "https://nas.local:8443",
        "https://192.168.1.5",
        "https://myexample.com",
        "https://contest.org",
    ],
)
def test_origins_that_are_real(origin: str) -> None:
    assert unreal(origin) == ""


def found(
    environment: dict[str, str], *, declared: tuple[str, ...] = (), **more: str
) -> tuple[tuple[str, ...], str, str]:
    settings = settings_of(declared, environment, service="api", **more)
    return settings.origins, settings.variable, settings.form


def test_the_variable_that_holds_a_declared_origin_is_taken() -> None:
    environment = {"ORIGIN_SERVER": "https://elsewhere.internal", "ALLOWED_ORIGINS": f"{ALLOWED}, https://b.internal"}
    assert found(environment, declared=(ALLOWED,)) == ((ALLOWED,), "ALLOWED_ORIGINS", "comma")


def test_a_variable_without_a_declared_origin_is_not() -> None:
    assert found({"CORS_ORIGINS": "https://other.internal"}, declared=(ALLOWED,)) == ((ALLOWED,), "", "comma")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"{ALLOWED},https://b.internal/", "comma"),
        (f"{ALLOWED} https://b.internal", "space"),
        (json.dumps([ALLOWED, "https://b.internal"]), "json"),
    ],
)
def test_lists_are_read_as_they_are_written(text: str, form: str) -> None:
    origins, variable, seen = found({"CORS_ORIGINS": text, "ORIGIN_TOKEN": "a-secret-of-64-characters"})
    assert (origins, variable, seen) == ((ALLOWED, "https://b.internal"), "CORS_ORIGINS", form)
    assert found({"CORS_ORIGINS": written(origins, form)})[0] == origins


def test_a_declared_variable_wins() -> None:
    environment = {"CORS_ORIGINS": ALLOWED, "PAGES": "https://b.internal"}
    assert found(environment, variable="PAGES", form="space") == (("https://b.internal",), "PAGES", "space")
