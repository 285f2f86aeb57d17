"""How requests are named and logged, as the owner declares it: ``request_id``, ``process_time`` and ``logs``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from readiness.target import Target

__all__ = ["LogFileDeclared", "Logs", "ProcessTime", "RequestId", "logs_of", "process_time_of", "request_id_of"]


@dataclass(frozen=True, kw_only=True)
class RequestId:
    """The name of a request.

    Attributes:
        header: carries it; None where it is to be found by looking.
        inbound: what becomes of a caller's well-formed id: ``accepted``, ``replaced`` or ``either``.
        uuid: whether every id is a UUID.
    """

    header: str | None = None
    inbound: str = "either"
    uuid: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessTime:
    """The header that tells a request's duration; ``unit`` is ``s``, ``ms``, ``us`` or None where any may fit."""

    header: str | None = None
    unit: str | None = None


@dataclass(frozen=True, kw_only=True)
class LogFileDeclared:
    """A log file inside a service; ``holds`` is ``everything`` or ``errors``."""

    service: str
    path: str
    max_bytes: int | None = None
    holds: str = "everything"


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Where the logs are and what their fields are called.

    Attributes:
        services: whose logs are judged; empty means the application's and the workers'.
        fields: what we call a thing -> its dotted place in a line.
        duration_unit: ``s``, ``ms``, ``us``, ``ns`` or None.
        rotation: ``compose`` or ``daemon``: who rotates what containers print.
    """

    services: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    duration_unit: str | None = None
    rotation: str = "compose"
    files: tuple[LogFileDeclared, ...] = ()


def request_id_of(target: Target) -> RequestId:
    """The section ``request_id``, with its defaults where there is none."""
    return RequestId(**_section(target, "request_id"))


def process_time_of(target: Target) -> ProcessTime:
    """The section ``process_time``, with its defaults where there is none."""
    return ProcessTime(**_section(target, "process_time"))


def logs_of(target: Target) -> Logs:
    """The section ``logs``, with its defaults where there is none."""
    raw = _section(target, "logs")
    return Logs(
        services=tuple(raw.get("services") or ()),
        fields=dict(raw.get("fields") or {}),
        duration_unit=raw.get("duration_unit"),
        rotation=raw.get("rotation", "compose"),
        files=tuple(LogFileDeclared(**file) for file in raw.get("files") or ()),
    )


def _section(target: Target, key: str) -> dict[str, Any]:
    found = target.extra.get(key)
    return dict(found) if isinstance(found, dict) else {}
