"""Every operation that is not public, asked as nobody, as a user and, where it is the administrator's, as that one."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from readiness.declared.access import Access, access_of
from readiness.discovery.openapi import Document, Operation, document_of
from readiness.facts.auth import Operations, OperationTrial, RoleRaise
from readiness.gather.auth_asking import Asker, shown, user_named
from readiness.gather.auth_tokens import private_request
from readiness.inputs.documented import body_operations, example_of
from readiness.instruments.identity import Identity, filled
from readiness.target import Request
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.target import Target

__all__ = ["try_operations"]

MAX_OPERATIONS = 300
#: What a caller without a login may send in its place (RFC 9110, 11.6.2; RFC 7617).
ANONYMOUS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "an empty bearer token": {"Authorization": "Bearer"},
    "the bearer token x": {"Authorization": "Bearer x"},
    "basic credentials": {"Authorization": "Basic cmVhZGluZXNzOnJlYWRpbmVzcw=="},
}
#: Added to a registration: a service that stores what it is sent makes its caller an administrator.
RAISING = {"role": "admin", "roles": ["admin"], "is_admin": True, "admin": True, "is_superuser": True}
#: An id that hardly exists, so that nothing is hit by whoever is let in.
UNLIKELY_ID = 2_000_000_011
_CANDIDATES = (
    str(UNLIKELY_ID), "readiness-no-such-one", "0" * 32, "00000000-0000-4000-8000-000000000000", "0" * 24, "a", "1"
)  # fmt: skip
_UNAUTHORISED = frozenset({401, 403})
_FIRST_SUCCESS, _FIRST_NOT_SUCCESS = 200, 300
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """An operation and the request that stands for it."""

    operation: str
    request: Request
    is_admin: bool


def try_operations(asker: Asker) -> Operations:
    """Ask everything that should need a login."""
    target, access = asker.target, access_of(asker.target)
    planned, source, problem = _planned(target, access)
    if problem:
        return Operations(
            problem=problem, undeclared="access" if "access" not in target.declined else "", source=source
        )
    user, user_problem = _identity(asker, admin=False)
    admin, admin_problem = _identity(asker, admin=True) if any(p.is_admin for p in planned) else (None, "")
    tried = tuple(_tried(asker, plan, user, admin) for plan in planned[:MAX_OPERATIONS])
    return Operations(
        source=source,
        tried=tried,
        left_out=max(0, len(planned) - MAX_OPERATIONS),
        user_problem=user_problem,
        admin_problem=admin_problem,
        role_raise=_raised(asker, planned),
    )


def _planned(target: Target, access: Access) -> tuple[list[_Planned], str, str]:
    """What to ask, what said so, and why there is nothing."""
    if "access" in target.declined:
        return [], "", f"access: none, because {target.declined['access']}"
    document = document_of(target.openapi)
    given = {(request.method, _bare(request.path)): request for request in access.requests}
    if document is None:
        known = [request for request in (private_request(target), *access.requests) if request is not None]
        planned = [_of_request(request, access) for request in known]
        return planned, "readiness.yaml", "" if planned else "no OpenAPI document, and no path that needs a login"
    if not access.is_declared and not any(operation.is_protected for operation in document.operations):
        return [], "the OpenAPI document", "the OpenAPI document names no security, and access is not declared"
    bodies = {(o.method, o.path): example_of(o) for o in body_operations(target.openapi)}
    planned = []
    for operation in document.operations:
        is_public = access.is_public(operation.method, operation.path)
        if operation.method not in _METHODS or is_public or not (access.is_declared or operation.is_protected):
            continue
        request = _given(given, operation) or _made_up(document, operation, bodies)
        is_admin = access.is_admin(operation.method, operation.path)
        planned.append(_Planned(operation=f"{operation.method} {operation.path}", request=request, is_admin=is_admin))
    problem = "" if planned else "every operation of the document is declared public"
    return planned, "the OpenAPI document", problem


def _bare(path: str) -> str:
    return path.partition("?")[0]


def _of_request(request: Request, access: Access) -> _Planned:
    name = f"{request.method} {_bare(request.path)}"
    return _Planned(operation=name, request=request, is_admin=access.is_admin(request.method, _bare(request.path)))


def _given(given: Mapping[tuple[str, str], Request], operation: Operation) -> Request | None:
    pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(operation.path))
    return next(
        (r for (method, path), r in given.items() if method == operation.method and re.fullmatch(pattern, path)), None
    )


def _made_up(document: Document, operation: Operation, bodies: Mapping[tuple[str, str], Any]) -> Request:
    item = _item(document, operation)
    path = re.sub(r"\{([^}]*)\}", lambda name: _value(_schema(item, operation, name[1])), operation.path)
    query = {name: _value(_schema(item, operation, name)) for name in operation.needs}
    if query:
        path = f"{path}?{urllib.parse.urlencode(query)}"
    has_body = operation.method in {"POST", "PUT", "PATCH"}
    body = bodies.get((operation.method, operation.path)) if has_body else None
    return Request(method=operation.method, path=path, json={} if has_body and body is None else body)


def _item(document: Document, operation: Operation) -> Mapping[str, Any]:
    paths = (document.data or {}).get("paths") or {}
    found: Any = next(
        (item for path, item in paths.items() if operation.path.endswith(path) and operation.method.lower() in item), {}
    )
    return found if isinstance(found, dict) else {}


def _schema(item: Mapping[str, Any], operation: Operation, name: str) -> Mapping[str, Any]:
    body = item.get(operation.method.lower())
    for parameter in [*(item.get("parameters") or []), *((body or {}).get("parameters") or [])]:
        if isinstance(parameter, dict) and parameter.get("name") == name:
            schema = parameter.get("schema")
            return schema if isinstance(schema, dict) else parameter
    return {}


def _value(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "integer":
        most = schema.get("maximum")
        return str(min(UNLIKELY_ID, int(most))) if isinstance(most, int | float) and most >= 0 else str(UNLIKELY_ID)
    if schema.get("format") == "uuid":
        return "00000000-0000-4000-8000-000000000000"
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return urllib.parse.quote(str(schema["enum"][0]), safe="")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and len(pattern) < 200:  # noqa: PLR2004  # the target's own, and nothing to be hung by
        try:
            return next((text for text in _CANDIDATES if re.search(pattern, text)), _CANDIDATES[1])
        except re.error:
            return _CANDIDATES[1]
    return _CANDIDATES[1] if schema.get("type") == "string" else _CANDIDATES[0]


def _identity(asker: Asker, *, admin: bool) -> tuple[Identity | None, str]:
    login = asker.target.login
    if login is None:
        return None, "no login is configured"
    if admin and login.admin is None:
        return None, "login.admin is not declared"
    user = login.admin if admin else user_named(login, "auth-visitor", nth=0)
    try:
        return asker.log_in(user, register=not admin), ""
    except Inconclusive as reason:
        return None, reason.reason


def _tried(asker: Asker, plan: _Planned, user: Identity | None, admin: Identity | None) -> OperationTrial:
    answers = {words: asker.send(plan.request, headers) for words, headers in ANONYMOUS.items()}
    is_clear = all(answer.status in _UNAUTHORISED for answer in answers.values())
    # A user is asked for where nobody's answer has to be compared, or where a user has to be refused as well.
    as_user = asker.send(plan.request, user.headers).status if user and (plan.is_admin or not is_clear) else None
    as_admin = asker.send(plan.request, admin.headers).status if admin and plan.is_admin else None
    return OperationTrial(
        operation=plan.operation,
        request=shown(plan.request, asker.entry),
        is_admin=plan.is_admin,
        anonymous={words: answer.status or 0 for words, answer in answers.items()},
        location=(answers["none"].first("location") or "")[:300],
        user=as_user,
        admin=as_admin,
    )


def _raised(asker: Asker, planned: list[_Planned]) -> RoleRaise:
    """Register with fields that nobody should be able to set, and try what only the administrator may."""
    login = asker.target.login
    wanted = next((p for p in planned if p.is_admin and p.request.method == "GET"), None)
    if login is None or login.register is None or not isinstance(login.register.json, dict):
        return RoleRaise(problem="nobody can register with a JSON body")
    if wanted is None:
        return RoleRaise(problem="no reading operation is declared to be the administrator's")
    user = user_named(login, "auth-raise")
    assert user is not None  # noqa: S101  # there is a register request, so there is a user
    more = dataclasses.replace(login.register, json={**login.register.json, **RAISING})
    registered = asker.send(filled(more, user)).status
    if registered is None or not _FIRST_SUCCESS <= registered < _FIRST_NOT_SUCCESS:
        return RoleRaise(registered=registered)
    try:
        raised = asker.log_in(user, register=False)
    except Inconclusive as reason:
        return RoleRaise(registered=registered, problem=reason.reason)
    status = asker.send(wanted.request, raised.headers).status
    return RoleRaise(registered=registered, request=shown(wanted.request, asker.entry), status=status)
