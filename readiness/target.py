"""What is audited, as its owner declares it and discovery completes it. Plain data; parsing is in ``target_file``.

Every value is JSON-able, so the target is recorded with the facts and a replay judges against the same declaration.
"""

from __future__ import annotations

import base64
import enum
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from readiness.verdict import Inconclusive, NotApplicable

__all__ = [
    "EVERY_SERVICE",
    "Build",
    "Compose",
    "Discovery",
    "Entry",
    "Limit",
    "Login",
    "Paths",
    "Probe",
    "ProbeKind",
    "ProcessSpec",
    "Provide",
    "Replacement",
    "Request",
    "Role",
    "Target",
    "Waiver",
]


#: In place of a service's name; no service can have it.
EVERY_SERVICE = "*"


class Role(enum.StrEnum):
    """What a service is for, seen from the service under audit."""

    APP = "app"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    DB = "db"
    REDIS = "redis"
    VECTOR = "vector"
    SEARCH = "search"
    PROXY = "proxy"
    OTHER = "other"


class ProbeKind(enum.StrEnum):
    """What an endpoint's answer is declared to mean; the path name alone never tells."""

    LIVE = "live"  # must be restarted when this fails; never depends on anything outside the process
    READY = "ready"  # may receive traffic; falls with a required dependency
    STARTUP = "startup"  # fails until started
    LEGACY = "legacy"  # shallow: 200 while the process answers, kept for old callers
    BASIC = "basic"  # dependency-aware: 503 when degraded or unhealthy
    DETAILED = "detailed"  # per-component report
    LOADING = "loading"  # 503 while a model or cache loads, then 200
    HEALTH = "health"  # found, meaning not declared


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request of the owner's; ``path`` is relative to the entry's base.

    Attributes:
        json: a JSON body; ``form`` a form body; ``body`` raw text; ``body_base64`` raw bytes.
        expect: acceptable statuses; empty means any 2xx.
        as_user: ``"anonymous"``, ``"user"`` or ``"admin"``.
        service: ask this service directly instead of the entry; ``port`` is then its container port.
    """

    method: str = "GET"
    path: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    form: dict[str, str] | None = None
    body: str | None = None
    body_base64: str | None = None
    expect: tuple[int, ...] = ()
    as_user: str = "anonymous"
    service: str | None = None
    port: int | None = None

    def content(self) -> tuple[bytes, str | None]:
        """The body, empty without one, and the content type that goes with it where the request names none."""
        if self.json is not None:
            return json.dumps(self.json).encode(), "application/json"
        if self.form is not None:
            return urllib.parse.urlencode(self.form).encode(), "application/x-www-form-urlencoded"
        if self.body_base64 is not None:
            return base64.b64decode(self.body_base64), None
        return (self.body or "").encode(), None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where requests enter. ``port`` is the port inside the container or of the process.

    Attributes:
        name: ``"proxy"``, ``"direct"``, ``"admin"`` or the owner's word; unique.
        base: path prefix of every request, without a trailing slash.
        https: whether this port speaks TLS; ``server_name`` is then sent as SNI and ``Host`` where given.
    """

    name: str
    service: str
    port: int
    base: str = ""
    https: bool = False
    server_name: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Paths:
    """One request per status class; None where neither declared nor found. ``none`` in the file is in ``declined``."""

    ok: Request | None = None
    unauthorized: Request | None = None
    not_found: Request | None = None
    invalid: Request | None = None
    method_not_allowed: Request | None = None
    html: Request | None = None
    static: Request | None = None
    redirect: Request | None = None
    private: Request | None = None
    error: Request | None = None
    too_many: Request | None = None


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A health endpoint and its declared meaning.

    Attributes:
        service, port: where it is asked; None means through the first entry.
        expect: statuses that mean *yes*.
        timeout_seconds: the prober's patience; an answer later than this is a failed probe.
        cache_seconds: how long an answer may be reused; 0 means it is measured each time.
        status: exact text of the body's ``status`` field when all is well, where declared.
        components: name in the body -> service of the stack (or a name outside it), where declared.
        reports: fields that the owner says the body has, for example ``("timestamp", "uptime_seconds", "system_metrics", "alerts")``.
        proof: for a loading probe, the request that succeeds exactly when loading is over.
        listens_seconds: for a loading probe, how soon after its start the service answers anything, where declared.
        disk: for a basic probe, ``{"service": …, "path": …}`` of the disk it watches.
        memory: for a basic probe, ``{"service": …}`` whose memory it watches.
    """

    kind: ProbeKind
    path: str
    service: str | None = None
    port: int | None = None
    expect: tuple[int, ...] = (200,)
    timeout_seconds: float | None = None
    cache_seconds: float = 0.0
    status: str | None = None
    components: dict[str, str] = field(default_factory=dict)
    reports: tuple[str, ...] = ()
    proof: Request | None = None
    listens_seconds: float | None = None
    disk: dict[str, str] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Login:
    """How an identity is obtained. Exactly one way is set: ``request``, or one of the static kinds.

    Attributes:
        request: the login request; ``{name}`` and ``{password}`` in it are filled per user.
        register: sent once per user before the first login.
        token: dotted path of the token in the login's answer.
        users: ``{"name": …, "password": …}``, at least one; ``admin`` the same.
        static: the other kinds as the owner wrote them: bearer_env, jwt, api_key, basic, cookie.
        key: the signing key's place: ``{"env": …}`` or ``{"file": …}``.
        algorithm: what the service's tokens are signed with; None: what their header says.
        refresh: the request for a new access token; ``{refresh_token}`` in it is filled, without it the login's cookies
            go along.
        refresh_token: dotted path of the refresh token in the login's answer; None: it is a cookie.
        access_seconds, refresh_seconds: declared lifetimes.
        hash: how passwords are declared to be stored: ``scheme`` and its costs, ``table``, ``column``.
    """

    request: Request | None = None
    register: Request | None = None
    token: str = "access_token"  # noqa: S105  # a field name in the answer, not a token
    users: tuple[dict[str, str], ...] = ()
    admin: dict[str, str] | None = None
    static: dict[str, Any] = field(default_factory=dict)
    key: dict[str, str] = field(default_factory=dict)
    algorithm: str | None = None
    refresh: Request | None = None
    refresh_token: str | None = None
    access_seconds: float | None = None
    refresh_seconds: float | None = None
    hash: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A declared rate limit: ``requests`` per ``window_seconds`` plus ``burst``, counted per ``key``.

    Attributes:
        key: ``user``, ``address`` or ``global``.
        exempt: paths that are never limited.
        env: figure -> variable that sets it: requests, window_seconds, burst, enabled, processes.
        fallback: what holds while the store of the counts is away: ``memory``, ``open`` or ``closed``.
        service: who limits, and has the variables, where that is not the service under audit: a proxy.
    """

    path: str
    requests: int
    window_seconds: float = 60.0
    burst: int = 0
    key: str = "address"
    algorithm: str | None = None
    exempt: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    fallback: str | None = None
    service: str | None = None


@dataclass(frozen=True, kw_only=True)
class Compose:
    """The owner's compose project, paths relative to ``Target.folder``."""

    files: tuple[str, ...]
    env_file: str | None = None
    profiles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One service as a local command, started in ``Target.folder``.

    Attributes:
        command: run through no shell; ``{port}`` and ``{port:SERVICE}`` are replaced.
        install: run once per run before the start.
        ready: a path answering 2xx when ready; None: the port accepts; without a port: it stays alive.
        state: paths that hold state: copied, never the owner's own.
        after: services that must be ready first.
        stop_grace_seconds: between the stop signal and SIGKILL; Docker's default.
    """

    command: tuple[str, ...]
    install: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    port: int | None = None
    ready: str | None = None
    state: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    stop_grace_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Build:
    """A build in place of the owner's image."""

    context: str
    dockerfile: str = "Dockerfile"
    args: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What replaces parts of one service of the owner's model."""

    image: str | None = None
    build: Build | None = None
    command: tuple[str, ...] | str | None = None
    mounts: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Provide:
    """A store that the compose file expects from outside; ``env`` receives its URL."""

    store: str
    env: str


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """One thing found out instead of declared: the key it fills, what was found, and why it is believed."""

    key: str
    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """An accepted finding; ``reason`` is from a closed list, ``expires`` an ISO date."""

    check: str
    reason: str
    owner: str
    expires: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The whole declaration, completed by discovery.

    Attributes:
        folder: the owner's folder, absolute; everything relative is relative to it.
        file: ``readiness.yaml`` where there is one.
        egress: services of the copy that may reach beyond this machine; :data:`EVERY_SERVICE` where all may.
        service: the service under audit.
        entries: where requests enter, the public one first.
        security_headers: header -> exact value that the owner states, compared as stated.
        variants: name -> service -> variables: other settings of the same stack. ``development`` is the stack outside
            production, ``headers_off`` the stack with its security headers switched off.
        declined: dotted key -> why, for capabilities that the owner says the stack does not have by design.
        extra: sections of the file that belong to one family each, as plain data; ``readiness.declared`` reads them.
        openapi: the API's OpenAPI document, from the declared file or as discovery found it served.
    """

    name: str
    folder: str
    file: str | None = None
    compose: Compose | None = None
    processes: dict[str, ProcessSpec] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    replace: dict[str, Replacement] = field(default_factory=dict)
    provide: tuple[Provide, ...] = ()
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)
    egress: tuple[str, ...] = ()
    service: str | None = None
    entries: tuple[Entry, ...] = ()
    roles: dict[Role, tuple[str, ...]] = field(default_factory=dict)
    setup: tuple[Request, ...] = ()
    paths: Paths = field(default_factory=Paths)
    probes: dict[ProbeKind, Probe] = field(default_factory=dict)
    login: Login | None = None
    origins: tuple[str, ...] = ()
    security_headers: dict[str, str] = field(default_factory=dict)
    variants: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    checks: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    declined: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    openapi: dict[str, Any] | None = None
    discovered: tuple[Discovery, ...] = ()

    def services_of(self, role: Role) -> tuple[str, ...]:
        """The services with this role, possibly none."""
        return self.roles.get(role, ())

    @property
    def has_open_egress(self) -> bool:
        """Whether every service of a copy may reach beyond this machine."""
        return EVERY_SERVICE in self.egress

    @property
    def steady_request(self) -> Request:
        """What is asked of the first entry to see that the stack serves: its ``ok`` path, else any answer will do."""
        return self.paths.ok or Request(path="/")

    def require(self, key: str, value: object, *, example: str) -> None:
        """Stop a judgement that lacks a declaration.

        Raises:
            NotApplicable: the owner declared ``key`` (or a parent of it) to be ``none``.
            Inconclusive: ``value`` is empty: neither declared nor discovered; carries ``example``, YAML to add.
        """
        parts = key.split(".")
        for depth in range(len(parts), 0, -1):
            declined = ".".join(parts[:depth])
            if declined in self.declined:
                raise NotApplicable(f"{declined}: none, because {self.declined[declined]}")
        if not value:
            raise Inconclusive(f"not configured: {key}", supply=example, undeclared=key)

    def probe(self, kind: ProbeKind) -> Probe:
        """The probe of this kind.

        Raises:
            NotApplicable, Inconclusive: as :meth:`require`.
        """
        found = self.probes.get(kind)
        self.require(f"probes.{kind}", found, example=f"probes:\n  {kind}: /path/of/the/{kind}/probe")
        assert found is not None  # noqa: S101  # require() raised otherwise; tells the type checker
        return found
