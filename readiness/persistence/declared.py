"""Settings that somebody states for a server, and what it runs with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from readiness.declared.persistence import settings_of
from readiness.facts.persistence import Store
from readiness.persistence.units import is_same_in_postgres, is_same_in_redis
from readiness.persistence.words import POSTGRES_VARIABLES, REDIS_VARIABLES
from readiness.target import Target
from readiness.verdict import Evidence, Finding

__all__ = ["compared"]


def compared(target: Target, store: Store) -> tuple[tuple[Finding, ...], int]:
    """What is stated for a server and not so, and how many statements there are."""
    findings, count = [], 0
    for where, name, value in _statements(target, store):
        count += 1
        if name not in store.settings:
            text = f"{store.service} has no setting {name}, which {where} states as {value[:100]}"
            findings.append(Finding(message=text))
        elif not _is_same(store, name, value):
            findings.append(_different(store, where, name, value))
    return tuple(findings), count


def _statements(target: Target, store: Store) -> Iterator[tuple[str, str, str]]:
    """Where something is stated, which setting, and the value."""
    for name, value in settings_of(target).get(store.service, {}).items():
        yield f"settings.{store.service} in readiness.yaml", name, value
    for name, value in store.stated.items():
        yield f"the command of {store.service}", name, value
    names: Mapping[str, str] = POSTGRES_VARIABLES | REDIS_VARIABLES
    for variable, value in store.variables.items():
        yield f"the variable {variable} of {store.service}", names[variable], value


def _is_same(store: Store, name: str, value: str) -> bool:
    if store.kind == "postgres":
        return is_same_in_postgres(value, store.settings[name], store.units.get(name, ""))
    return is_same_in_redis(value, store.settings[name])


def _different(store: Store, where: str, name: str, value: str) -> Finding:
    unit = store.units.get(name, "")
    found = f"{store.settings[name]}{f' x {unit}' if unit[:1].isdigit() else f' {unit}'.rstrip()}" or "nothing"
    is_variable = where.startswith("the variable")
    hint = ": its image does not read that variable" if is_variable else ""
    message = f"{store.service} runs with {name} {found or 'empty'}, and {where} says {value[:100] or 'empty'}{hint}"
    asked = f"SHOW {name}" if store.kind == "postgres" else f"CONFIG GET {name}"
    return Finding(message=message, evidence=(Evidence(source=f"{asked} at {store.service}", text=found[:300]),))
