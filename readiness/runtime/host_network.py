"""Services on their machine's own network, which a copy does not share: where they find there what others publish.

On the host's network ``localhost`` is the machine, so a service reaches the ports that others publish there. In a copy it
has a place of its own, and reaches them by name. Stores alone are looked for: an address of a page may be one that
browsers are told, and is left as it is. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readiness.runtime.provide import is_host_variable, is_store_address

__all__ = ["Moved", "moved", "published_ports", "supply_for"]

_LOCAL = r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])"
_ADDRESS = re.compile(rf"(?<![\w.-]){_LOCAL}:(\d{{1,5}})(?!\d)")
_BARE = re.compile(rf"^{_LOCAL}$")
#: ``DB_HOST``, beside which ``DB_PORT`` stands.
_HOST_END = re.compile(r"(HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A variable that gets another value; ``where`` is the service and port that it now names."""

    variable: str
    value: str
    where: str


def published_ports(services: Mapping[str, Mapping[str, Any]]) -> dict[int, tuple[str, int]]:
    """TCP port of the machine -> the service that publishes it, and its own port; a range of ports is not read."""
    found: dict[int, tuple[str, int]] = {}
    for name, service in services.items():
        for port in service.get("ports") or []:
            published = str(port.get("published") or "")
            if published.isdecimal() and str(port.get("protocol") or "tcp") == "tcp":
                found.setdefault(int(published), (name, int(port["target"])))
    return found


def moved(environment: Mapping[str, str], published: Mapping[int, tuple[str, int]]) -> tuple[Moved, ...]:
    """The variables that say where on the machine a store of the stack is, with that service's name instead.

    Args:
        environment: the variables of a service on the host's network.
        published: as :func:`published_ports` finds them.
    """
    found: list[Moved] = []
    for variable, value in environment.items():
        if is_store_address(value):
            ports = [int(match[1]) for match in _ADDRESS.finditer(value)]
            if ports and all(port in published for port in ports):
                new = _ADDRESS.sub(lambda match: "{}:{}".format(*published[int(match[1])]), value)
                found.append(Moved(variable=variable, value=new, where="{}:{}".format(*published[ports[0]])))
        elif is_host_variable(variable) and _BARE.match(value):
            beside = _HOST_END.sub("PORT", variable)
            port = environment.get(beside, "")
            if port.isdecimal() and (place := published.get(int(port))):
                where = "{}:{}".format(*place)
                found.append(Moved(variable=variable, value=place[0], where=where))
                found.append(Moved(variable=beside, value=str(place[1]), where=where))
    return tuple(found)


def supply_for(name: str) -> str:
    """What the owner can declare where a service is told to look on ``localhost`` for what has a name in the copy."""
    return f"environment:\n  {name}: {{UPSTREAM_URL: 'http://other:8000'}}   # names of services instead of localhost"
