"""Writes ``auth.json``: the recorded facts of a service that refuses what it should, for the cases of ``auth.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_auth.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.auth import (
    AuthTrials,
    Guesses,
    Isolation,
    Lifetime,
    Operations,
    OperationTrial,
    Passwords,
    Place,
    RoleRaise,
    StoredHash,
    Tokens,
    Trial,
    TrialKind,
)
from readiness.target import Entry, Login, Paths, Request, Role, Target

ME = "GET /me via proxy"
LOGIN = "POST /auth/login via proxy"
#: kind -> what was tried
TRIED = {
    TrialKind.ALG_NONE: ("unsigned (alg none)", "unsigned (alg NONE, without the last dot)"),
    TrialKind.CONFUSION: ("signed with HS512 instead of HS256", "signed with RS256 by a key of its own"),
    TrialKind.TAMPERED: ("changed in one bit of its signature", "of another user, under the old signature"),
    TrialKind.EXPIRED: ("expired an hour ago",),
    TrialKind.ISSUER: ("of another issuer",),
    TrialKind.DEFAULT_KEY: (
        "signed with a key from the list of well-known ones",
        "signed with a key from .env.example",
    ),
    TrialKind.MALFORMED: ("one segment", "no base64", "100 kB"),
    TrialKind.REFRESH: ("a refresh token, used as an access token", "an access token, used as a refresh token"),
}


def tokens() -> Tokens:
    trials = tuple(
        Trial(kind=kind, name=name, request=ME, status=401) for kind, names in TRIED.items() for name in names
    )
    return Tokens(
        request=ME,
        is_jwt=True,
        algorithm="HS256",
        claims=("exp", "iat", "iss", "sub"),
        with_token=200,
        without_token=401,
        after=200,
        trials=trials,
        lifetimes=(
            Lifetime(token="access", source="the token's exp claim", seconds=900.0, is_enforced=True),
            Lifetime(token="refresh", source="Max-Age of the cookie sid", seconds=604800.0, is_enforced=False),
            Lifetime(token="refresh", source="time to live in cache", seconds=604799.9, is_enforced=True),
        ),
        refreshed=200,
        refreshed_works=200,
    )


def operations() -> Operations:
    refused = {"none": 401, "an empty bearer token": 401, "the bearer token x": 401, "basic credentials": 401}
    users = "GET /admin/users"
    return Operations(
        source="the OpenAPI document",
        tried=(
            OperationTrial(operation="GET /me", request=ME, anonymous=refused),
            OperationTrial(
                operation=users, request=f"{users} via proxy", is_admin=True, anonymous=refused, user=403, admin=200
            ),
        ),
        role_raise=RoleRaise(registered=422),
    )


def isolation() -> Isolation:
    places = {"reads": "GET", "changes": "PUT", "deletes": "DELETE"}
    trials = (
        Trial(kind=TrialKind.RECORD, name=words, request=f"{method} /notes/7 via proxy", status=404, before=200)
        for words, method in places.items()
    )
    return Isolation(trials=tuple(trials))


def passwords() -> Passwords:
    variants = ("another password", "the empty password", "a password that differs behind its 72nd byte")
    places = ("database db", "Redis cache", "log of api")
    return Passwords(
        trials=tuple(
            Trial(kind=TrialKind.PASSWORD, name=name, request=LOGIN, status=401, before=200) for name in variants
        ),
        hashes=(StoredHash(place="users.password_hash", scheme="bcrypt", parameters={"cost": 12}),),
        searched=tuple(Place(where=place, detail="100 lines") for place in places),
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="proxy", service="web", port=8443, https=True),),
        roles={Role.APP: ("api",), Role.DB: ("db",), Role.REDIS: ("cache",)},
        paths=Paths(private=Request(path="/me", as_user="user")),
        login=Login(
            request=Request(method="POST", path="/auth/login"),
            users=({"name": "alice", "password": "***"},),
            admin={"name": "admin", "password": "***"},
            key={"env": "JWT_SECRET"},
            refresh=Request(method="POST", path="/auth/refresh"),
            access_seconds=900.0,
            refresh_seconds=604800.0,
            hash={"scheme": "bcrypt", "cost": 12},
        ),
        extra={"access": {"public": ["GET /health*"], "admin": ["GET /admin/*"]}, "record": {"create": "/notes"}},
    )


def build() -> dict[str, Any]:
    trials = AuthTrials(
        tokens=tokens(),
        operations=operations(),
        isolation=isolation(),
        passwords=passwords(),
        guesses=Guesses(failed=20, stopped=429, announced="900", seconds=3.1),
    )
    return {"target": encode(target()), "auth_trials": encode(trials)}


if __name__ == "__main__":
    place = Path(__file__).with_name("auth.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
