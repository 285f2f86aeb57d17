"""The attached runtime: a target that already runs somewhere is asked, and nothing else is done to it.

Loopback by default. Another host has to be named by its owner, and addresses that no owner means (link-local ones, the
metadata services of clouds) are refused whatever is named.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from readiness.exceptions import ConfigError, StackError, UnsupportedError
from readiness.facts.containers import Container
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.start import FailureCause, ServiceStart, StackStart
from readiness.runtime import Capability, Completed, Endpoint, RanBeside, ServiceState
from readiness.target import Entry

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from readiness.runtime import Progress, Stack, Variant
    from readiness.target import Target

__all__ = ["AttachedRuntime", "AttachedStack"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

OPTION = "--readiness-i-own"
#: The service's name where the target does not say one.
SERVICE = "target"
CONNECT_SECONDS = 5.0
#: Metadata services outside the link-local range: AWS (IPv6), Alibaba Cloud, Azure's host agent, Oracle Cloud.
METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)


class AttachedRuntime:
    """Talks to one URL.

    Args:
        url: ``http(s)://host[:port][/base]``; credentials, query and fragment have no place in it.
        target: names the service; its first entry is taken to be the URL.
        own_hosts: hosts that the caller owns, as in the URL, beside loopback.
        is_active: requests that may change something are allowed (``--readiness-allow=active``).

    Raises:
        ConfigError: the URL is none, its host does not resolve, or is not the caller's to audit.
    """

    name = "attached"

    def __init__(self, url: str, target: Target, *, own_hosts: Sequence[str] = (), is_active: bool = False) -> None:
        self._target = target
        self._is_active = is_active
        self._entry = _entry(url, target)
        self._addresses = _addresses(urlsplit(url).hostname or "", self._entry.port, own_hosts)

    @property
    def entry(self) -> Entry:
        """The URL as an entry: the target's first one where it declares any, else one made up from the URL alone."""
        return self._entry

    def model(self) -> StackModel:
        """One service with one port: more is not known."""
        service = ServiceModel(name=self._entry.service, ports=(self._entry.port,))
        return StackModel(services={service.name: service})

    def start(self, variant: Variant, *, progress: Progress) -> Stack:
        """See whether the URL answers; nothing is started.

        Raises:
            UnsupportedError: the variant has other settings than what runs.
        """
        if variant.environment or variant.tmpfs or variant.replicas or variant.stopped:
            _refuse(Capability.VARIANT)
        progress(
            f"{self._addresses[0][0]} to accept a connection", at_most_seconds=CONNECT_SECONDS * len(self._addresses)
        )
        return AttachedStack(self._entry, self._addresses, is_active=self._is_active)


class AttachedStack:
    """What answers at the URL. It can only be asked: every other method raises UnsupportedError."""

    runtime = "attached"

    def __init__(self, entry: Entry, addresses: Sequence[tuple[str, int]], *, is_active: bool = False) -> None:
        self._entry = entry
        self.capabilities = frozenset({Capability.WRITE}) if is_active else frozenset[Capability]()
        began = time.monotonic()
        # A name may mean several addresses of which only one is listened on.
        self._where = next((where for where in addresses if _accepts(where)), None)
        is_up = self._where is not None
        self._host, self._port = self._where or addresses[0]
        start = ServiceStart(
            service=entry.service,
            state="running" if is_up else "unreachable",
            is_ready=is_up,
            seconds=time.monotonic() - began,
            cause=None if is_up else FailureCause.NOT_LISTENING,
            detail="attached: started by its owner and only asked by this audit"
            if is_up
            else f"nothing accepts at {self._host}:{self._port}",
        )
        self._report = StackStart(
            runtime=self.runtime, is_up=is_up, seconds=time.monotonic() - began, services=(start,)
        )

    @property
    def report(self) -> StackStart:
        """Whether it answers."""
        return self._report

    @property
    def services(self) -> tuple[str, ...]:
        """The one service."""
        return (self._entry.service,)

    def endpoint(self, service: str, port: int) -> Endpoint:
        """The URL's place; a port that the URL does not lead to is an error, never another service's answer."""
        if (service, port) != (self._entry.service, self._entry.port):
            raise StackError(f"port {port} of {service} cannot be reached: --readiness-url leads to one port only")
        return Endpoint(host=self._host, port=self._port)

    def state(self, service: str) -> ServiceState:
        """``running`` where it accepts a connection, else ``unreachable``; more is not known from outside."""
        self._check(service)
        status = "running" if _accepts((self._host, self._port)) else "unreachable"
        return ServiceState(service=service, status=status, instance="attached", started_at="")

    def stop(self, service: str) -> None:
        """Not possible."""
        self._check(service)
        _refuse(Capability.STOP)

    def start(self, service: str) -> None:
        """Not possible."""
        self._check(service)
        _refuse(Capability.STOP)

    def pause(self, service: str) -> None:
        """Not possible."""
        self._check(service)
        _refuse(Capability.PAUSE)

    def unpause(self, service: str) -> None:
        """Not possible."""
        self._check(service)
        _refuse(Capability.PAUSE)

    def signal(self, service: str, signal: str) -> None:
        """Not possible."""
        del signal
        self._check(service)
        _refuse(Capability.SIGNAL)

    def signal_past_engine(self, service: str, signal: str, *, everyone: bool = False) -> None:
        """Not possible."""
        del signal, everyone
        self._check(service)
        _refuse(Capability.CRASH)

    def containers(self, service: str) -> tuple[Container, ...]:
        """Not possible."""
        self._check(service)
        _refuse(Capability.INSPECT)

    def replica_endpoints(self, service: str, port: int) -> Mapping[str, Endpoint]:
        """Not possible."""
        del port
        self._check(service)
        _refuse(Capability.SCALE)

    def replace(self, service: str, container: str) -> None:
        """Not possible."""
        del container
        self._check(service)
        _refuse(Capability.SCALE)

    def kill(self, service: str, container: str) -> None:
        """Not possible."""
        del container
        self._check(service)
        _refuse(Capability.SCALE)

    def update(self, service: str) -> None:
        """Not possible."""
        self._check(service)
        _refuse(Capability.SCALE)

    def is_updated(self, service: str) -> bool:
        """Not possible."""
        self._check(service)
        _refuse(Capability.SCALE)

    def recreate(self, service: str) -> None:
        """Not possible."""
        self._check(service)
        _refuse(Capability.RECREATE)

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 1000) -> str:
        """Not possible."""
        del since, tail
        self._check(service)
        _refuse(Capability.LOGS)

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        """Not possible."""
        del command, timeout_seconds
        self._check(service)
        _refuse(Capability.EXEC)

    def throw_away_place(self, service: str, path: str) -> str:
        """There is none."""
        del path
        self._check(service)
        _refuse(Capability.WRITE)

    def copy_out(self, service: str, path: str, to: Path) -> None:
        """Not possible."""
        del path, to
        self._check(service)
        _refuse(Capability.EXEC)

    def copy_in(self, service: str, source: Path, path: str) -> None:
        """Not possible."""
        del source, path
        self._check(service)
        _refuse(Capability.EXEC)

    def run_beside(self, command: Sequence[str], *, variables: Mapping[str, str], timeout_seconds: float) -> RanBeside:
        """Not possible."""
        del command, variables, timeout_seconds
        _refuse(Capability.BESIDE)

    def run_owners(
        self,
        command: Sequence[str],
        *,
        variables: Mapping[str, str],
        timeout_seconds: float,
        directories: Sequence[str] = (),
        cwd: str = "",
        stdin: str = "",
        also_ports: Sequence[int] = (),
    ) -> RanBeside:
        """Not possible."""
        del command, variables, timeout_seconds, directories, cwd, stdin, also_ports
        _refuse(Capability.OWNERS)

    def owners_directory(self, directory: str) -> Path:
        """Not possible."""
        del directory
        _refuse(Capability.OWNERS)

    def environment(self, service: str) -> Mapping[str, str]:
        """Nothing: what is in force cannot be seen from outside."""
        self._check(service)
        return {}

    def keep(self) -> tuple[str, ...]:
        """Nothing was started, so nothing is kept."""
        return ()

    def close(self) -> None:
        """Nothing was started, so nothing is removed."""

    def _check(self, service: str) -> None:
        if service != self._entry.service:
            raise StackError(f"no service {service!r}; --readiness-url is one service, {self._entry.service!r}")


def _refuse(capability: Capability) -> NoReturn:
    raise UnsupportedError(
        capability, runtime="attached", hint="audit a throw-away copy of it with --readiness-target=COMPOSE_FILE"
    )


def _entry(url: str, target: Target) -> Entry:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"--readiness-url={url}: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("--readiness-url: expected http://HOST[:PORT][/BASE] or https://…")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("--readiness-url: no credentials in the URL, it is printed", hint="declare 'login:'")
    if parts.query or parts.fragment:
        raise ConfigError("--readiness-url: neither query nor fragment; it is where requests enter, not one request")
    is_https = parts.scheme == "https"
    declared = target.entries[0] if target.entries else None
    host = None if _literal(parts.hostname) else parts.hostname
    headers = dict(declared.headers) if declared is not None else {}
    if host is not None and port is not None and not any(name.lower() == "host" for name in headers):
        # Requests go to the address that the name was proven to mean, so the name has to be said.
        headers["Host"] = f"{host}:{port}"
    return Entry(
        name=declared.name if declared is not None else "attached",
        service=(declared.service if declared is not None else target.service) or SERVICE,
        port=port or (443 if is_https else 80),
        base=parts.path.rstrip("/"),
        https=is_https,
        server_name=(declared.server_name if declared is not None else None) or host,
        headers=headers,
    )


def _addresses(host: str, port: int, own_hosts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Where the host is. Requests go to these addresses and not to the name, which could come to mean another machine."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--readiness-url: the host {host} does not resolve: {error}") from error
    addresses = [_plain(str(info[4][0])) for info in found]
    for address in addresses:
        if address.is_link_local or address in METADATA or address.is_multicast or address.is_unspecified:
            raise ConfigError(
                f"--readiness-url: {host} is {address}, which is no address of a target (link-local, metadata service "
                "or wildcard)",
                hint="name the host that serves the target, for example 127.0.0.1",
            )
    is_ours = all(address.is_loopback for address in addresses)
    if is_ours or _same(host) in {_same(own) for own in own_hosts}:
        # IPv4 first: that is where most servers listen, and what most URLs of this machine mean.
        return tuple((str(address), port) for address in sorted(set(addresses), key=lambda a: (a.version, str(a))))
    outside = next(address for address in addresses if not address.is_loopback)
    raise ConfigError(
        f"--readiness-url: {host} is {outside}, not this machine; only its owner may have it audited",
        hint=f"if you own it, add {OPTION}={host}",
    )


def _plain(text: str) -> Address:
    """The address without its zone, and without IPv6 around an IPv4 one, which would hide what it is."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _same(host: str) -> str:
    return host.strip("[]").rstrip(".").casefold()


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _accepts(where: tuple[str, int]) -> bool:
    try:
        socket.create_connection(where, timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
