"""Every operation that is not public, asked as nobody, as a user and, where it is the administrator's, as that one."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from readiness.auth.operations import is_success
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
#: Letters, digits and classes one after the other, each perhaps repeated: identifiers are written so.
_PLAIN_PATTERN = re.compile(
    r"\^?(?:(?:\[[^\[\]\\]{1,60}\]|\\[dw]|[A-Za-z0-9_-])(?:\{\d{1,3}(?:,\d{0,3})?\}|[+*?])?)*\$?"
)
_CHOICE = re.compile(r"[+*?]|\{\d+,\d*\}")
#: On the texts above, three repetitions of free length after each other are tried within a millisecond.
MAX_CHOICES = 3
MAX_PATTERN = 200
_UNAUTHORISED = frozenset({401, 403})
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
    planned, unmarked, source, problem = _planned(target, access)
    if problem:
        return Operations(
            problem=problem, undeclared="access" if "access" not in target.declined else "", source=source
        )
    user, user_problem = _identity(asker, admin=False)
    admin, admin_problem = _identity(asker, admin=True) if any(p.is_admin for p in planned) else (None, "")
    tried = [_tried(asker, plan, user, admin) for plan in planned[:MAX_OPERATIONS]]
    return Operations(
        source=source,
        tried=tuple(tried),
        left_out=max(0, len(planned) - MAX_OPERATIONS),
        unmarked=unmarked,
        user_problem=user_problem,
        admin_problem=admin_problem,
        is_admin_by_cookie=admin is not None and {name.lower() for name in admin.headers} == {"cookie"},
        role_raise=_raised(asker, list(zip(planned, tried, strict=False))),
    )


def _planned(target: Target, access: Access) -> tuple[list[_Planned], tuple[str, ...], str, str]:
    """What to ask, what nothing says anything about, what said so, and why there is nothing to ask."""
    if "access" in target.declined:
        return [], (), "", f"access: none, because {target.declined['access']}"
    document, base = document_of(target.openapi), target.entries[0].base
    given = {(request.method, _bare(request.path)): request for request in access.requests}
    if document is None:
        known = [request for request in (private_request(target), *access.requests) if request is not None]
        planned = [_of_request(request, access) for request in known]
        problem = "" if planned else "no OpenAPI document, and no path that needs a login"
        return planned, (), "readiness.yaml", problem
    if not access.is_declared and not any(operation.is_protected for operation in document.operations):
        return [], (), "the OpenAPI document", "the OpenAPI document names no security, and access is not declared"
    bodies = {(o.method, o.path): example_of(o) for o in body_operations(target.openapi)}
    planned, unmarked = [], []
    for operation in document.operations:
        method, name = operation.method, f"{operation.method} {operation.path}"
        # Owners write paths as the document does, or as they are asked below the entry's base.
        paths = tuple(dict.fromkeys([operation.path, _below(base, operation.path)]))
        if method not in _METHODS or any(access.is_public(method, path) for path in paths):
            continue
        if not access.is_declared and not operation.is_protected:
            unmarked.append(name)
            continue
        request = next(filter(None, (_given(given, method, path) for path in paths)), None)
        if request is None:
            request = _made_up(document, operation, bodies)
            request = dataclasses.replace(request, path=_below(base, request.path))
        is_admin = any(access.is_admin(method, path) for path in paths)
        planned.append(_Planned(operation=name, request=request, is_admin=is_admin))
    problem = "" if planned else "every operation of the document is declared public"
    return planned, tuple(unmarked[:MAX_OPERATIONS]), "the OpenAPI document", problem


def _below(base: str, path: str) -> str:
    """A path of the document as it is asked through an entry, which puts its base before it."""
    return path.removeprefix(base) if base and path.startswith(f"{base}/") else path


def _bare(path: str) -> str:
    return path.partition("?")[0]


def _of_request(request: Request, access: Access) -> _Planned:
    name = f"{request.method} {_bare(request.path)}"
    return _Planned(operation=name, request=request, is_admin=access.is_admin(request.method, _bare(request.path)))


def _given(given: Mapping[tuple[str, str], Request], method: str, path: str) -> Request | None:
    return next((r for (verb, place), r in given.items() if verb == method and _is_at(place, path)), None)


def _is_at(place: str, path: str) -> bool:
    """Whether a path that can be asked is one of the document's; by its steps, because the document's may be hostile."""
    steps, wanted = place.split("/"), path.split("/")
    return len(steps) == len(wanted) and all(map(_is_step, steps, wanted))


def _is_step(step: str, wanted: str) -> bool:
    if "{" not in wanted:
        return step == wanted
    begin, end = wanted.partition("{")[0], wanted.rpartition("}")[2]
    return len(step) > len(begin) + len(end) and step.startswith(begin) and step.endswith(end)


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
    if isinstance(pattern, str) and _is_harmless(pattern):
        return next((text for text in _CANDIDATES if re.search(pattern, text)), _CANDIDATES[1])
    return _CANDIDATES[1] if schema.get("type") == "string" else _CANDIDATES[0]


def _is_harmless(pattern: str) -> bool:
    """Whether matching a pattern of the target's takes no time: no group in it, and hardly a choice of lengths."""
    if (
        len(pattern) > MAX_PATTERN
        or not _PLAIN_PATTERN.fullmatch(pattern)
        or len(_CHOICE.findall(pattern)) > MAX_CHOICES
    ):
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return False
    return True


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


def _raised(asker: Asker, asked: list[tuple[_Planned, OperationTrial]]) -> RoleRaise:
    """Register with fields that nobody should be able to set, and try what only the administrator may."""
    login = asker.target.login
    reading = [(plan, trial) for plan, trial in asked if plan.is_admin and plan.request.method == "GET"]
    if login is None or login.register is None or not isinstance(login.register.json, dict):
        return RoleRaise(problem="nobody can register with a JSON body")
    if not reading:
        return RoleRaise(problem="no reading operation is declared to be the administrator's")
    # One at which the administrator succeeds tells most.
    wanted = next((plan for plan, trial in reading if is_success(trial.admin)), reading[0][0])
    user = user_named(login, "auth-raise")
    assert user is not None  # noqa: S101  # there is a register request, so there is a user
    more = dataclasses.replace(login.register, json={**login.register.json, **RAISING})
    registered = asker.send(filled(more, user)).status
    if not is_success(registered):
        return RoleRaise(registered=registered)
    try:
        raised = asker.log_in(user, register=False)
    except Inconclusive as reason:
        return RoleRaise(registered=registered, problem=reason.reason)
    status = asker.send(wanted.request, raised.headers).status
    return RoleRaise(registered=registered, request=shown(wanted.request, asker.entry), status=status)
