"""What a defect is, and short ways to write the usual kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Defect", "api", "proxy"]


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One broken property.

    Attributes:
        name: as given to ``--readiness-demo=``.
        title: what is wrong with the stack, in one line.
        detected_by: ids of the checks that fail; no other check's verdict changes.
        environment: service -> variables that switch it on.
        declares: sections of ``readiness.yaml`` -> what they say otherwise, for what no variable of a service switches.
        compose: a compose file below the demo's folder, laid over its own, for what no variable switches. It changes
            nothing where the demo runs as processes.
        part: what of the demo it changes, for example a probe's path. Two defects of one part would hide each other;
            ``limiter/body`` is inside ``limiter`` and beside ``limiter/headers``.
    """

    name: str
    title: str
    detected_by: tuple[str, ...]
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    declares: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    compose: str = ""
    part: str = ""


def api(name: str, title: str, *detected_by: str, part: str = "") -> Defect:
    """A switch of the API, asked for in ``shop`` by ``defects.is_on(name)``."""
    environment = {"api": {"SHOP_DEFECTS": name}}
    return Defect(name=name, title=title, detected_by=detected_by, environment=environment, part=part)


def proxy(name: str, title: str, *detected_by: str, part: str = "") -> Defect:
    """A switch of the proxy, asked for in its configuration."""
    environment = {"proxy": {"PROXY_DEFECTS": name}}
    return Defect(name=name, title=title, detected_by=detected_by, environment=environment, part=part)
