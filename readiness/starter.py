"""The first ``readiness.yaml`` of a stack: what was found out, with its reason, and what only the owner can say. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from readiness.target import Entry, Probe, Target

__all__ = ["starter_yaml"]

_HEAD = """\
# What `pytest --readiness-profile=NAME` audits. All of this was found out, not asked: correct what is wrong.
# Lines that you delete are discovered again in each run. `readiness schema target` prints every key.
"""

_TAIL = """
# What only you know. Take away the # of what the stack has, and adapt it.
# login:
#   request: {method: POST, path: /auth/login, json: {name: "{name}", password: "{password}"}}
#   token: access_token
#   users: [{name: alice, password: alice-password}]
# limit: {path: /items, requests: 100, window_seconds: 60, key: user}
# paths: {ok: /items, unauthorized: /me, html: /}
# variants: {development: {SERVICE: {ENVIRONMENT: development}}}
#
# What the stack lacks by design is none, and says why; its checks are then not applicable:
# login: none
# why: {login: every answer is public}
"""

#: Scalars that mean the same with and without quotes.
_PLAIN = re.compile(r"[A-Za-z/][\w./-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


def starter_yaml(target: Target) -> str:
    """The declaration of a target that discovery has completed, as commented YAML."""
    reasons = {row.key: row.reason for row in target.discovered}
    return _HEAD + "\n".join(_lines(target, reasons)) + "\n" + _TAIL


def _lines(target: Target, reasons: dict[str, str]) -> Iterator[str]:
    yield f"name: {_flow(target.name)}"
    if target.compose is not None:
        yield from _because(reasons, "compose.files")
        yield f"compose: {_flow({'files': list(target.compose.files)})}"
    if target.service:
        yield from _because(reasons, "service")
        yield f"service: {_flow(target.service)}"
    if target.entries:
        for entry in target.entries:
            yield from _because(reasons, f"entry.{entry.name}")
        yield "entry:"
        yield from (f"  - {_flow(_entry(entry))}" for entry in target.entries)
    if target.roles:
        yield "roles:"
        for role, names in target.roles.items():
            yield from _because(reasons, f"roles.{role}", indent="  ")
            yield f"  {role}: {_flow(names[0] if len(names) == 1 else list(names))}"
    if target.probes:
        yield "probes:"
        for kind, probe in target.probes.items():
            yield from _because(reasons, f"probes.{kind}", indent="  ")
            yield f"  {kind}: {_flow(_probe(probe))}"
    else:
        yield "# probes: {live: /health/live, ready: /health/ready, startup: /health/startup}"


def _because(reasons: dict[str, str], key: str, *, indent: str = "") -> Iterator[str]:
    if key in reasons:
        yield f"{indent}# {' '.join(reasons[key].split())}"


def _entry(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"name": entry.name, "service": entry.service, "port": entry.port}
    if entry.base:
        found["base"] = entry.base
    if entry.https:
        found["https"] = True
    return found


def _probe(probe: Probe) -> str | dict[str, Any]:
    found: dict[str, Any] = {"path": probe.path, "service": probe.service, "port": probe.port}
    given = {key: value for key, value in found.items() if value is not None}
    return probe.path if len(given) == 1 else given


def _flow(value: Any) -> str:
    """One value in YAML's flow style; quoted as JSON, which is YAML, wherever plain text could mean something else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return json.dumps(value)
