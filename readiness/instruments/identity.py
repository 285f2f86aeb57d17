"""Being somebody: the headers that identify a user of the target, and keeping what identifies out of evidence."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from readiness.facts.http import Exchange
from readiness.target import Entry, Login, Request
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.instruments.client import HttpClient

__all__ = ["MASK", "PLAIN", "Identity", "log_in", "masked"]

#: Asks for a body that can be read: the client keeps raw bytes.
PLAIN = {"accept-encoding": "identity"}

#: What stands in evidence where a secret was.
MASK = "***"
#: Request headers that carry one (RFC 9110, 11.6 and 11.7; RFC 6265); an API key's header is added where it is known.
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
#: Long enough for any audit, short enough to end by itself.
_TOKEN_SECONDS = 3600
_FIRST_NOT_SUCCESS, _FIRST_SUCCESS = 300, 200
#: Shorter values are words, and masking them would garble evidence.
_SHORTEST_SECRET = 6


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One user of the target, logged in.

    Attributes:
        name: for messages.
        headers: what every request of this user carries. Secret.
        exchanges: how the login went, masked, ready to be evidence.
        secrets: every value to be masked: password, token, key, cookies.
    """

    name: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    exchanges: tuple[Exchange, ...] = ()
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)


def masked(exchange: Exchange, secrets: frozenset[str] = frozenset(), *, hide_body: bool = False) -> Exchange:
    """The exchange without what identifies anybody.

    Values of ``Authorization`` and ``Cookie`` go, and of headers that hold a known secret; values of ``Set-Cookie`` go, their
    names and attributes stay, and so does ``eyJ`` of a JWT, because it tells that the cookie is one.
    """
    known = sorted((secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in known:
            text = text.replace(secret, MASK)
        return text

    return dataclasses.replace(
        exchange,
        url=clean(exchange.url),
        request_headers=tuple(
            (name, MASK if name.lower() in _SECRET_HEADERS else clean(value))
            for name, value in exchange.request_headers
        ),
        headers=tuple(
            (name, _masked_cookie(value) if name.lower() == "set-cookie" else clean(value))
            for name, value in exchange.headers
        ),
        body=MASK if hide_body and exchange.body else clean(exchange.body),
    )


def _masked_cookie(line: str) -> str:
    pair, semicolon, attributes = line.partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        return f"{MASK}{semicolon}{attributes}"
    kept = "eyJ" if value.strip().startswith("eyJ") else ""
    # An empty value is how a cookie is removed: that is no secret, and it matters.
    return f"{name}={kept}{MASK if value.strip() else ''}{semicolon}{attributes}"


def log_in(
    http: HttpClient,
    entry: Entry,
    login: Login,
    *,
    environment: Mapping[str, str],
    user: Mapping[str, str] | None = None,
) -> Identity:
    """Become a user of the target.

    Args:
        http: asks the stack.
        entry: where the login request goes.
        login: the declaration.
        environment: variables of the service under audit, where static secrets are found.
        user: name and password; default is the first declared user. Static kinds know one user only.

    Raises:
        Inconclusive: the login was refused, or what it needs is not there; says what came back.
    """
    if login.request is not None:
        return _by_request(http, entry, login, login.request, user)
    if "bearer_env" in login.static:
        token = _value({"env": login.static["bearer_env"]}, environment, "login.bearer_env")
        return _bearer("bearer token", token)
    if "jwt" in login.static:
        declared = login.static["jwt"]
        key = _value({"env": declared.get("secret_env")}, environment, "login.jwt.secret_env")
        return _bearer("signed token", _signed(key, dict(declared.get("claims", {}))))
    if "api_key" in login.static:
        declared = login.static["api_key"]
        key = _value(declared, environment, "login.api_key")
        header = str(declared.get("header", "X-Api-Key"))
        return Identity(name="API key", headers={header: key}, secrets=frozenset({key}))
    if "basic" in login.static:
        declared = login.static["basic"]
        password = _value(declared, environment, "login.basic", key="password")
        pair = f"{declared.get('name') or declared.get('user', '')}:{password}"
        text = base64.b64encode(pair.encode()).decode()
        return Identity(name="basic", headers={"Authorization": f"Basic {text}"}, secrets=frozenset({password, text}))
    if "cookie" in login.static:
        declared = login.static["cookie"]
        cookie = _value(declared, environment, "login.cookie")
        pair = f"{declared.get('name', 'session')}={cookie}" if isinstance(declared, Mapping) else cookie
        return Identity(name="cookie", headers={"Cookie": pair}, secrets=frozenset({cookie}))
    raise Inconclusive("the login names no way to log in", supply=_SUPPLY, undeclared="login")


_SUPPLY = (
    "login:\n  request: {method: POST, path: /auth/login, json: {name: '{name}', password: '{password}'}}\n"
    "  token: access_token\n  users: [{name: alice, password: …}]"
)


def _by_request(
    http: HttpClient, entry: Entry, login: Login, request: Request, user: Mapping[str, str] | None
) -> Identity:
    who = user or (login.users[0] if login.users else None)
    if who is None:
        raise Inconclusive("the login request has no user to log in", supply=_SUPPLY, undeclared="login.users")
    secrets = frozenset({who.get("password", "")})
    exchanges = []
    if login.register is not None:
        # Refused where the user exists already: the login tells.
        answer = http.send(entry, _filled(login.register, who), headers=PLAIN)
        exchanges.append(masked(answer, secrets, hide_body=True))
    answer = http.send(entry, _filled(request, who), headers=PLAIN)
    exchanges.append(masked(answer, secrets, hide_body=True))
    accepted = request.expect or range(_FIRST_SUCCESS, _FIRST_NOT_SUCCESS)
    if answer.status not in accepted:
        raise Inconclusive(
            f"the login of {who.get('name')} was not accepted: {answer.label}",
            supply="check login.request and login.users",
        )
    token = _token(answer.body, login.token)
    if token:
        identity = _bearer(str(who.get("name")), token)
        return dataclasses.replace(identity, exchanges=tuple(exchanges), secrets=identity.secrets | secrets)
    pairs = [line.split(";")[0].strip() for line in answer.all("set-cookie")]
    if not pairs:
        raise Inconclusive(
            f"the login answer has neither {login.token} nor a cookie: {answer.label}",
            supply="login:\n  token: path.of.the.token",
        )
    values = {pair.partition("=")[2] for pair in pairs}
    return Identity(
        name=str(who.get("name")),
        headers={"Cookie": "; ".join(pairs)},
        exchanges=tuple(exchanges),
        secrets=secrets | values,
    )


def _filled(request: Request, who: Mapping[str, str]) -> Request:
    def fill(value: Any) -> Any:
        if isinstance(value, str):
            for key, text in who.items():
                value = value.replace(f"{{{key}}}", text)
            return value
        if isinstance(value, list):
            return [fill(item) for item in value]
        return {key: fill(item) for key, item in value.items()} if isinstance(value, dict) else value

    return dataclasses.replace(
        request,
        path=fill(request.path),
        headers=fill(request.headers),
        json=fill(request.json),
        form=fill(request.form),
        body=fill(request.body),
    )


def _token(body: str, place: str) -> str | None:
    """The text at a dotted place of a JSON body, or None."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return None
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def _bearer(name: str, token: str) -> Identity:
    return Identity(name=name, headers={"Authorization": f"Bearer {token}"}, secrets=frozenset({token}))


def _value(declared: Any, environment: Mapping[str, str], where: str, *, key: str = "value") -> str:
    """A static secret: written out, or in a variable of the service under audit."""
    if isinstance(declared, str):
        return declared
    if declared.get(key):
        return str(declared[key])
    variable = declared.get("env")
    if not variable or not environment.get(variable):
        raise Inconclusive(f"{where}: the service has no variable {variable!r}", supply="environment: {SERVICE: {…}}")
    return environment[variable]


def _signed(key: str, claims: dict[str, Any]) -> str:
    """A JSON Web Token under HMAC-SHA256 (RFC 7515, 7519); ``iat`` and ``exp`` are filled in where missing."""
    now = int(time.time())

    def part(value: object) -> bytes:
        text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"iat": now, "exp": now + _TOKEN_SECONDS, **claims})
    return (signed + b"." + part(hmac.new(key.encode(), signed, hashlib.sha256).digest())).decode()
