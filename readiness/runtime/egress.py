"""How far a copy reaches: not beyond this machine, but for the services that its owner lets out. Pure.

A copy runs with the owner's real keys. Three things keep it here, each for a reason of its own (measured with engine 26.1):

- *Time to live 1.* The machine's own kernel drops what would be forwarded and answers "time exceeded", so that a
  connection fails at once instead of hanging; containers of the same network and this machine itself are one hop away
  and stay reachable, and so do published ports. Nothing leaves, UDP included.
- *No masquerading.* A program may set the time to live of its own packets; no answer finds its way back to them.
- *No resolver.* The engine's own answers for the names of the stack and asks the container's loopback for others, where
  nobody listens: such a name fails in a millisecond.

A proxy on this machine would carry requests out for the copy; the variables that name one are emptied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from readiness.target import EVERY_SERVICE

__all__ = [
    "CLOSED_NETWORK",
    "OPEN_NETWORK",
    "PROXY_VARIABLES",
    "closed_place",
    "leads_out",
    "open_network_name",
    "open_services",
    "summary",
]

#: Joined by the services that may reach out, where others may not.
OPEN_NETWORK = "readiness-egress"
#: Options of every network of a closed copy. An IPv6 address would have a way out of its own.
CLOSED_NETWORK: Mapping[str, Any] = {
    "driver_opts": {"com.docker.network.bridge.enable_ip_masquerade": "false"},
    "enable_ipv6": False,
}
#: "Note that --dns 127.0.0.x config refers to the loopback in the container namespace" (moby, sandbox_dns_unix.go).
NO_RESOLVER = "127.0.0.1"
TIME_TO_LIVE = "net.ipv4.ip_default_ttl"
#: What libraries take for the address of a proxy, in either case (curl(1), Go's net/http, Python's urllib).
PROXY_VARIABLES = re.compile(r"^(https?|ftp|all)_proxy$", re.IGNORECASE)


def open_services(services: Mapping[str, Mapping[str, Any]], egress: Collection[str]) -> frozenset[str]:
    """The services that may reach out: those that are named, and all that share a network place with one of them."""
    if EVERY_SERVICE in egress:
        return frozenset(services)
    homes = {name: _home(name, services) for name in services}
    let_out = {homes[name] for name in egress if name in homes}
    return frozenset(name for name, home in homes.items() if home in let_out)


def _home(name: str, services: Mapping[str, Mapping[str, Any]]) -> str:
    """The service whose network place this one uses."""
    seen = {name}
    while True:
        kind, _, other = str((services.get(name) or {}).get("network_mode") or "").partition(":")
        if kind != "service" or other in seen:
            return name
        seen.add(other)
        name = other


def closed_place(place: Mapping[str, Any], sysctls: Mapping[str, Any] | None) -> dict[str, Any]:
    """What keeps a service here, beside its networks; nothing where it has none of its own.

    Args:
        place: its ``networks`` or ``network_mode``, as the copy has them.
        sysctls: the owner's, which stay.
    """
    if not place.get("networks"):
        return {}
    return {"dns": [NO_RESOLVER], "sysctls": {**(sysctls or {}), TIME_TO_LIVE: "1"}}


def open_network_name(project: str) -> str:
    """The full name of :data:`OPEN_NETWORK`.

    Of several networks the engine takes the one whose name sorts first for the way out; compose names the others
    ``PROJECT_NAME``, and ``-`` comes before ``_``.
    """
    return f"{project}--egress"


def leads_out(variable: str, value: str, *, inside: Collection[str]) -> bool:
    """Whether a variable names a proxy that is not of the stack."""
    if not PROXY_VARIABLES.match(variable) or not value.strip():
        return False
    try:
        host = urlsplit(value if "://" in value else f"//{value}").hostname
    except ValueError:
        return True
    return host not in inside


def summary(open_services: Collection[str]) -> tuple[str, str]:
    """What was changed, and why: one line for the whole project."""
    why = "it holds its owner's keys; egress: in readiness.yaml lets services out"
    if open_services:
        return f"no service but {', '.join(sorted(open_services))} reaches beyond this machine", why
    return "no service reaches beyond this machine", why
