from __future__ import annotations

import json

import pytest

from readiness.cors.origins import as_sent, is_list_name, look_alikes, settings_of, unreal, written
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
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
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
    environment = {"CORS_ORIGIN": "https://elsewhere.internal", "ALLOWED_ORIGINS": f"{ALLOWED}, https://b.internal"}
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


@pytest.mark.parametrize(
    "name",
    [
        "CSRF_TRUSTED_ORIGINS",
        "DJANGO_CSRF_ALLOWED_ORIGINS",
        "ORIGIN",
        "ORIGIN_URL",
        "WEBAUTHN_ORIGIN",
        "RP_ALLOWED_ORIGINS",
        "ACTION_CABLE_ALLOWED_REQUEST_ORIGINS",
        "WS_ALLOWED_ORIGINS",
    ],
)
def test_other_lists_of_origins_are_not_taken(name: str) -> None:
    assert found({name: ALLOWED}) == ((), "", "comma")
    assert not is_list_name(name)


@pytest.mark.parametrize(
    "name",
    ["CORS_ORIGINS", "BACKEND_CORS_ORIGINS", "CORS_ALLOWED_ORIGINS", "ALLOWED_ORIGINS", "MINIO_API_CORS_ALLOW_ORIGIN"],
)
def test_the_usual_names_of_the_list_are_known(name: str) -> None:
    assert found({name: ALLOWED}) == ((ALLOWED,), name, "comma")
    assert is_list_name(name)


@pytest.mark.parametrize(
    "name", ["CORS_ALLOW_ALL_ORIGINS", "CORS_ALLOW_CREDENTIALS", "CORS_MAX_AGE", "CORS_ORIGIN_REGEX"]
)
def test_settings_beside_the_list_are_not_set_in_its_place(name: str) -> None:
    assert not is_list_name(name)


@pytest.mark.parametrize(
    "environment",
    [
        {"CORS_ALLOWED_ORIGINS": "https://*.acme.io"},
        {"CORS_ORIGIN_REGEX": r"https://[a-z]+\.acme\.io"},
        {"CORS_ORIGIN_PATTERN": "https://app.acme.io"},
        {"ALLOWED_ORIGINS": "https?://app.acme.io"},
        {"ALLOWED_ORIGINS": "https://${DOMAIN}"},
        {"CORS_ORIGINS": ALLOWED, "CORS_ORIGIN_REGEXES": r"^https://.*\.acme\.io$"},
    ],
)
def test_a_pattern_makes_the_list_unknown(environment: dict[str, str]) -> None:
    settings = settings_of((), environment, service="api")
    assert (settings.origins, bool(settings.pattern)) == ((), True)


@pytest.mark.parametrize("variable", ["", "PAGES"])
def test_a_pattern_in_a_declaration_makes_the_list_unknown_too(variable: str) -> None:
    declared = settings_of(("https://*.acme.io",), {}, service="api", variable=variable)
    assert (declared.origins, declared.pattern) == ((), "https://*.acme.io")
    named = settings_of((), {"PAGES": "https://*.acme.io"}, service="api", variable="PAGES")
    assert (named.origins, named.pattern) == ((), "https://*.acme.io")


def test_a_declared_list_is_the_list_whatever_else_a_pattern_lets_in() -> None:
    settings = settings_of((ALLOWED,), {"CORS_ORIGIN_REGEX": r"https://.*\.acme\.io"}, service="api")
    assert (settings.origins, settings.pattern) == ((ALLOWED,), "")


def test_every_origin_is_no_pattern() -> None:
    assert found({"CORS_ORIGINS": "*"}) == (("*",), "CORS_ORIGINS", "comma")


@pytest.mark.parametrize(
    ("written_as", "sent"),
    [
        ("https://App.Acme.io/", "https://app.acme.io"),
        ("https://app.acme.io:443", "https://app.acme.io"),
        ("http://nas.local:80", "http://nas.local"),
        ("https://nas.local:8443", "https://nas.local:8443"),
        ("https://nas.local:80", "https://nas.local:80"),
        ("app://shop", "app://shop"),
    ],
)
def test_origins_are_asked_from_as_browsers_write_them(written_as: str, sent: str) -> None:
    assert as_sent(written_as) == sent
    assert settings_of((written_as,), {}, service="api").origins == (sent,)
