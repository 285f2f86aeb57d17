"""Being somebody: the headers that identify a user of the target, and keeping what identifies out of evidence."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from readiness.declared.access import LOGIN_EXAMPLE
from readiness.facts.http import Exchange
from readiness.target import Entry, Login, Request
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.instruments.client import HttpClient

__all__ = ["MASK", "PLAIN", "Identity", "filled", "identity_from", "log_in", "masked", "token_at"]

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
        token: the access token by itself, empty where the identity is something else. Secret.
        refresh_token: from its declared place in the login's answer, or empty. Secret.
        cookies: that the login set, as one ``Cookie`` header would send them. Secret.
        cookie_seconds: cookie -> its ``Max-Age``, where it has one.
        issued: between these two instants, Unix seconds, a login request was sent and answered; None where none was.
    """

    name: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    exchanges: tuple[Exchange, ...] = ()
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)
    token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    cookie_seconds: dict[str, float] = field(default_factory=dict)
    issued: tuple[float, float] | None = None


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
        algorithm = str(declared.get("algorithm", "HS256"))
        return _bearer("signed token", _signed(key, dict(declared.get("claims", {})), algorithm=algorithm))
    if "api_key" in login.static:
        declared = login.static["api_key"]
        key = _value(declared, environment, "login.api_key")
        header = str(declared.get("header", "X-Api-Key"))
        return Identity(name="API key", headers={header: key}, secrets=frozenset({key}))
    if "basic" in login.static:
        declared = login.static["basic"]
        password = _value(declared, environment, "login.basic", key="password", variable="password_env")
        user_name = str(declared.get("name") or "") or _value(
            declared, environment, "login.basic", key="user", variable="user_env"
        )
        pair = f"{user_name}:{password}"
        text = base64.b64encode(pair.encode()).decode()
        return Identity(name="basic", headers={"Authorization": f"Basic {text}"}, secrets=frozenset({password, text}))
    if "cookie" in login.static:
        declared = login.static["cookie"]
        cookie = _value(declared, environment, "login.cookie")
        pair = f"{declared.get('name', 'session')}={cookie}" if isinstance(declared, Mapping) else cookie
        return Identity(name="cookie", headers={"Cookie": pair}, secrets=frozenset({cookie}))
    raise Inconclusive("the login names no way to log in", supply=LOGIN_EXAMPLE, undeclared="login")


def _by_request(
    http: HttpClient, entry: Entry, login: Login, request: Request, user: Mapping[str, str] | None
) -> Identity:
    who = user or (login.users[0] if login.users else None)
    if who is None:
        raise Inconclusive("the login request has no user to log in", supply=LOGIN_EXAMPLE, undeclared="login.users")
    secrets = frozenset({who.get("password", "")})
    exchanges = []
    if login.register is not None:
        # Refused where the user exists already: the login tells.
        answer = http.send(entry, filled(login.register, who), headers=PLAIN)
        exchanges.append(masked(answer, secrets, hide_body=True))
    answer = http.send(entry, filled(request, who), headers=PLAIN)
    answered = time.time()
    exchanges.append(masked(answer, secrets, hide_body=True))
    identity = identity_from(answer, login, request, who)
    return dataclasses.replace(identity, exchanges=tuple(exchanges), issued=(answered - answer.seconds, answered))


def identity_from(answer: Exchange, login: Login, request: Request, who: Mapping[str, str]) -> Identity:
    """Who the answer to a login request makes its caller.

    Raises:
        Inconclusive: nobody; says what came back.
    """
    accepted = request.expect or range(_FIRST_SUCCESS, _FIRST_NOT_SUCCESS)
    if answer.status not in accepted:
        raise Inconclusive(
            f"the login of {who.get('name')} was not accepted: {answer.label}",
            supply="check login.request and login.users",
        )
    secrets = frozenset({who.get("password", "")})
    token = token_at(answer.body, login.token)
    refresh = (token_at(answer.body, login.refresh_token) or "") if login.refresh_token else ""
    pairs = [line.split(";")[0].strip() for line in answer.all("set-cookie")]
    values = {pair.partition("=")[2] for pair in pairs} | ({refresh} if refresh else set())
    kept: dict[str, Any] = {
        "refresh_token": refresh,
        "cookies": "; ".join(pairs),
        "cookie_seconds": _cookie_seconds(answer.all("set-cookie")),
    }
    if token:
        identity = _bearer(str(who.get("name")), token)
        return dataclasses.replace(identity, secrets=identity.secrets | secrets | values, **kept)
    if not pairs:
        raise Inconclusive(
            f"the login answer has neither {login.token} nor a cookie: {answer.label}",
            supply="login:\n  token: path.of.the.token",
        )
    return Identity(name=str(who.get("name")), headers={"Cookie": "; ".join(pairs)}, secrets=secrets | values, **kept)


def _cookie_seconds(lines: tuple[str, ...]) -> dict[str, float]:
    """Cookie -> ``Max-Age``, which wins over ``Expires`` (RFC 6265, 5.3)."""
    found: dict[str, float] = {}
    for line in lines:
        pair, *attributes = line.split(";")
        for attribute in attributes:
            name, _, value = attribute.strip().partition("=")
            if name.lower() == "max-age" and value.strip()[:12].isdecimal():
                found[pair.partition("=")[0].strip()] = float(value.strip()[:12])
    return found


def filled(request: Request, who: Mapping[str, str]) -> Request:
    """The request with every ``{key}`` in its path, headers and body replaced by what ``who`` says for it."""

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


def token_at(body: str, place: str) -> str | None:
    """The text at a dotted place of a JSON body, or None."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return None
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def _bearer(name: str, token: str) -> Identity:
    headers = {"Authorization": f"Bearer {token}"}
    return Identity(name=name, headers=headers, secrets=frozenset({token}), token=token)


def _value(
    declared: Any, environment: Mapping[str, str], where: str, *, key: str = "value", variable: str = "env"
) -> str:
    """A static secret: written out, or in a variable of the service under audit."""
    if isinstance(declared, str):
        return declared
    if declared.get(key):
        return str(declared[key])
    name = declared.get(variable) or declared.get("env")
    if not name or not environment.get(name):
        raise Inconclusive(f"{where}: the service has no variable {name!r}", supply="environment: {SERVICE: {…}}")
    return environment[name]


def _signed(key: str, claims: dict[str, Any], *, algorithm: str) -> str:
    """A JSON Web Token (RFC 7519); ``iat`` and ``exp`` are filled in where missing."""
    import jwt  # noqa: PLC0415  # only who signs tokens pays for loading it

    now = int(time.time())
    with warnings.catch_warnings():
        # Whether the target's key is long enough is for the checks to say.
        warnings.simplefilter("ignore")
        try:
            return jwt.encode({"iat": now, "exp": now + _TOKEN_SECONDS, **claims}, key, algorithm=algorithm)
        except (jwt.PyJWTError, NotImplementedError, ValueError, TypeError, AttributeError) as error:
            # No such algorithm; or a key of another kind, behind a password, or a public one.
            raise Inconclusive(
                f"the secret of login.jwt cannot sign with {algorithm}", supply="login:\n  jwt: {algorithm: HS256}"
            ) from error
