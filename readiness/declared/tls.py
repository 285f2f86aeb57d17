"""The ``tls`` section: how the public entry speaks TLS."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.target import Entry, Target

__all__ = ["Tls", "tls_entry_of", "tls_of"]


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How the public entry speaks TLS.

    Attributes:
        entry: its name; empty is the first entry that speaks TLS.
        server_name: the name by which clients know it; empty where not declared.
        ca_file: whom clients trust, as a file of the owner's folder; empty where not declared.
        ca_place: the same as ``{"service": …, "file_env": …}``: a service keeps it.
        plain_ports: container ports of the same service that take plain HTTP; None where not declared.
    """

    entry: str = ""
    server_name: str = ""
    ca_file: str = ""
    ca_place: dict[str, str] = field(default_factory=dict)
    plain_ports: tuple[int, ...] | None = None

    @property
    def has_ca(self) -> bool:
        """Whether anything says whom clients trust beside the public authorities."""
        return bool(self.ca_file or self.ca_place)


def tls_of(target: Target) -> Tls:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("tls") or {}
    ca = raw.get("ca") or ""
    ports = raw.get("plain_ports")
    return Tls(
        entry=raw.get("entry", ""),
        server_name=raw.get("server_name", ""),
        ca_file=ca if isinstance(ca, str) else "",
        ca_place=dict(ca) if isinstance(ca, dict) else {},
        plain_ports=None if ports is None else tuple(int(port) for port in ports),
    )


def tls_entry_of(target: Target) -> Entry | None:
    """The entry that is judged: the declared one, else the first that speaks TLS, else the public one; None without any."""
    declared = tls_of(target).entry
    named = next((entry for entry in target.entries if entry.name == declared), None)
    first = next((entry for entry in target.entries if entry.https), None)
    return named or first or (target.entries[0] if target.entries else None)
