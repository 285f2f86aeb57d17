"""Writes ``headers.json``: the recorded facts of a sound service behind a TLS proxy, for the cases of ``headers.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_headers.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.target import Entry, Login, Paths, Request, Role, Target

HSTS = ("strict-transport-security", "max-age=31536000; includeSubDomains")
COMMON = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("permissions-policy", "geolocation=(), microphone=(), camera=()"),
)
JSON = (("content-type", "application/json"), ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
NONCES = {
    "proxy": ("gAeQO8jI4VJCsrsXkcUVRA", "1vT0zq5mR2yXbWk9EoHsLw"),
    "direct": ("Zp3nD7uFQa8cGi6tJxKhMg", "w4SeOrYl2NfBjV0dUqPkTA"),
}
#: purpose -> method, path, status
ASKED = {
    StatusClass.OK: ("GET", "/items", 200),
    StatusClass.PRIVATE: ("GET", "/me", 200),
    StatusClass.STATIC: ("GET", "/static/app.css", 200),
    StatusClass.REDIRECT: ("GET", "/old", 301),
    StatusClass.UNAUTHORIZED: ("GET", "/me", 401),
    StatusClass.NOT_FOUND: ("GET", "/nope", 404),
    StatusClass.ERROR: ("GET", "/boom", 500),
}
ENTRIES = (
    Entry(name="proxy", service="web", port=8443, https=True),
    Entry(name="direct", service="api", port=8000),
)


def exchange(entry: Entry, purpose: StatusClass, method: str, path: str, status: int, **values: Any) -> Exchange:
    scheme = "https" if entry.https else "http"
    url = f"{scheme}://{entry.service}:{entry.port}{path}"
    return Exchange(
        entry=entry.name, purpose=purpose, method=method, url=url, https=entry.https, status=status, **values
    )


def headers_of(entry: Entry, purpose: StatusClass) -> tuple[tuple[str, str], ...]:
    hsts = (HSTS,) if entry.https else ()
    match purpose:
        case StatusClass.STATIC:
            return (("content-type", "text/css"), COMMON[0], *hsts)
        case StatusClass.REDIRECT:
            return (("location", "/items"), JSON[1], *COMMON, *hsts)
        case StatusClass.PRIVATE:
            return (*JSON, ("cache-control", "no-store"), *COMMON, *hsts)
        case _:
            return (*JSON, *COMMON, *hsts)


def page(entry: Entry, nonce: str) -> Exchange:
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; base-uri 'none'; form-action 'self'"
    headers = (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy),
        ("cross-origin-opener-policy", "same-origin"),
        *COMMON,
        *((HSTS,) if entry.https else ()),
    )
    return exchange(entry, StatusClass.HTML, "GET", "/", 200, headers=headers)


def sound() -> Responses:
    exchanges, repeated = [], []
    cookie = ("set-cookie", "refresh_token=***; Path=/auth; HttpOnly; Secure; SameSite=Strict")
    login = exchange(ENTRIES[0], StatusClass.OK, "POST", "/auth/login", 200, body="***")
    exchanges.append(Exchange(**{**vars(login), "headers": (*headers_of(ENTRIES[0], StatusClass.OK), cookie)}))
    for entry in ENTRIES:
        for purpose, (method, path, status) in ASKED.items():
            asks = (("authorization", "***"),) if purpose is StatusClass.PRIVATE else ()
            answer = exchange(
                entry, purpose, method, path, status, headers=headers_of(entry, purpose), request_headers=asks
            )
            exchanges.append(answer)
        pages = [page(entry, nonce) for nonce in NONCES[entry.name]]
        exchanges += pages
        repeated += pages
    return Responses(exchanges=tuple(exchanges), not_provoked={}, repeated=tuple(repeated))


def limited() -> Responses:
    refusals = (
        exchange(entry, StatusClass.TOO_MANY, "GET", "/items", 429, headers=headers_of(entry, StatusClass.OK))
        for entry in ENTRIES
    )
    return Responses(exchanges=tuple(refusals), not_provoked={})


def without(*names: str) -> Responses:
    """The answers of a variant that does not send some headers."""
    compared = (StatusClass.OK, StatusClass.PRIVATE, StatusClass.HTML)
    exchanges = tuple(
        Exchange(**{**vars(e), "headers": tuple(pair for pair in e.headers if pair[0] not in names)})
        for e in sound().exchanges
        if e.purpose in compared
    )
    return Responses(exchanges=exchanges, not_provoked={})


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=ENTRIES,
        roles={Role.APP: ("api",), Role.PROXY: ("web",)},
        paths=Paths(
            ok=Request(path="/items"),
            html=Request(path="/"),
            private=Request(path="/me", as_user="user"),
            not_found=Request(path="/nope"),
            error=Request(path="/boom"),
        ),
        login=Login(request=Request(method="POST", path="/auth/login"), users=({"name": "alice", "password": "***"},)),
    )


def build() -> dict[str, Any]:
    everything = (HSTS[0], JSON[1][0], *(name for name, _ in COMMON))
    facts = {
        "target": target(),
        "responses": sound(),
        "limited_responses": limited(),
        "development_responses": without(HSTS[0]),
        "headers_off_responses": without(*everything),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("headers.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
