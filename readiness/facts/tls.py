"""How an entry speaks TLS, and what it does without."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.http import Exchange

__all__ = ["Certificate", "PlainAnswer", "TlsEntry", "TlsScan"]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The certificate that an entry shows.

    Attributes:
        names: DNS names it is for, ``*`` included; ``addresses``: IP addresses.
        not_before, not_after: ISO 8601, UTC.
        is_self_signed: its issuer is itself.
    """

    subject: str
    issuer: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = ""
    is_self_signed: bool = False


@dataclass(frozen=True, kw_only=True)
class PlainAnswer:
    """What a port says to a request in clear.

    Attributes:
        port: inside the container.
        is_tls_port: it is the one that speaks TLS.
    """

    port: int
    method: str
    path: str
    is_tls_port: bool = False
    status: int | None = None
    location: str = ""
    body: str = ""
    error: str | None = None

    @property
    def label(self) -> str:
        """How evidence names it."""
        end = self.status if self.status is not None else self.error
        return f"{self.method} {self.path} in clear on port {self.port}: {end}"


@dataclass(frozen=True, kw_only=True)
class TlsEntry:
    """One look at the entry that speaks TLS, as clients of today would connect.

    Attributes:
        entry, service, port: which; empty and 0 where the target has no entry at all.
        is_tls: whether it is declared to speak TLS.
        problem: why there was no handshake; empty where there was one.
        is_refusal: the other side spoke, but no TLS that a client of today accepts.
        may_want_name: it refused a client that asked for no name, as servers with a certificate for each name do.
        version, cipher: agreed.
        server_name: what was asked for by SNI; empty where no name is known.
        certificate: None where none was shown or it could not be read.
        chain_problem: why the chain leads to nobody who is trusted, its dates left aside; empty where it does.
        trusted: whom the chain was held against.
        chain_not_seen: why the chain could not be looked at; empty where it was.
        ca_problem: why the declared authority could not be read.
        alpn: the protocol agreed for HTTP; empty where none.
        http2_status: of one request over HTTP/2; ``http2_problem`` where it failed.
        answers: of the entry over https: its health, and the redirect where one is declared.
        plain: of the same service without TLS.
        seen_at: ISO 8601, UTC.
    """

    entry: str = ""
    service: str = ""
    port: int = 0
    is_tls: bool = False
    problem: str = ""
    is_refusal: bool = False
    may_want_name: bool = False
    version: str = ""
    cipher: str = ""
    server_name: str = ""
    certificate: Certificate | None = None
    chain_problem: str = ""
    chain_not_seen: str = ""
    trusted: str = ""
    ca_problem: str = ""
    alpn: str = ""
    http2_status: int | None = None
    http2_problem: str = ""
    answers: tuple[Exchange, ...] = ()
    plain: tuple[PlainAnswer, ...] = ()
    seen_at: str = ""

    @property
    def label(self) -> str:
        """``"proxy:8443 (proxy)"``: how evidence names it."""
        return f"{self.service}:{self.port} ({self.entry})"


@dataclass(frozen=True, kw_only=True)
class TlsScan:
    """Which protocol versions and cipher suites an entry accepts, each offered alone.

    Attributes:
        label: of the entry.
        accepted: version (``"SSLv3"``, ``"TLSv1.2"``, …) -> suites accepted, by their registered names; empty where refused.
        not_scanned: version -> why nothing is known of it.
        problem: why nothing at all is known; empty where something is.
        scanner: name and version of what scanned.
    """

    label: str = ""
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_scanned: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    scanner: str = ""
