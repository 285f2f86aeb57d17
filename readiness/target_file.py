"""Read the owner's declaration: find ``readiness.yaml`` or a compose file, hold it against the schema, and build a Target.

Files are read, nothing is run. What is absent here is left to :mod:`readiness.discovery`.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from readiness.exceptions import ConfigError
from readiness.facts.model import StackModel
from readiness.schema_file import did_you_mean, validate
from readiness.target import (
    EVERY_SERVICE,
    Build,
    Compose,
    Discovery,
    Entry,
    Limit,
    Login,
    Paths,
    Probe,
    ProbeKind,
    ProcessSpec,
    Provide,
    Replacement,
    Request,
    Role,
    Target,
    Waiver,
)
from readiness.yaml_source import Document, Keys, load

__all__ = ["TARGET_FILE", "check_against_model", "compose_text", "find_target", "line_of", "load_target"]

#: The declaration's usual name.
TARGET_FILE = "readiness.yaml"
#: The names that compose itself looks for, in its order (Compose specification, "Compose file").
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
#: A production file by name. The default file is often the development one (bind-mounted source, reload, open ports).
PRODUCTION_FILE = re.compile(r"(?:docker-)?compose[._-](?:prod|production)\.ya?ml\Z")
_COMPOSE_LIKE = re.compile(r"(?:docker-)?compose\b.*\.ya?ml\Z")
_OVERRIDE = re.compile(r"(?:docker-)?compose\.override\.ya?ml\Z")
#: Compose's own tags for override files; they are plain data to us.
_COMPOSE_TAGS = frozenset({"!reset", "!override"})
#: Exponents that Go's ``%v`` writes in plain digits (strconv, shortest form of ``g``).
_GO_PLAIN_EXPONENTS = range(-4, 6)
#: A request body from a file; larger uploads belong to ``slow: {body_bytes: ...}``.
MAX_BODY_BYTES = 1024 * 1024

_LOGIN_KINDS = ("request", "bearer_env", "jwt", "api_key", "basic", "cookie")
#: Sections that other families read as plain data.
_EXTRA = (
    "record",
    "slow",
    "upstreams",
    "jobs",
    "backup",
    "load",
    "access",
    "cors",
    "validation",
    "errors",
    "request_id",
    "process_time",
    "logs",
    "metrics",
    "alerts",
    "tracking",
    "docs",
    "tls",
    "scaling",
    "resources",
    "drain",
    "persistence",
    "settings",
    "versions",
    "idempotency",
    "pool",
    "retry",
    "startup",
)
#: Sections whose keys are services.
_BY_SERVICE = ("persistence", "settings", "versions", "pool")
#: What may be ``none``: whole sections, and the entries of these.
_DECLINABLE = ("login", "origins", "error_path", "limit", "security_headers", "probes", *_EXTRA)
_DECLINABLE_INSIDE = (
    "paths", "probes", "roles", "variants", "access", "docs", "login", "metrics", "validation", "startup",
)  # fmt: skip
#: Keys of the file whose value lives under another name in Target; a check may ask for either.
_ALIASES = {"error_path": "paths.error", "limit": "limits"}


def find_target(start: Path, explicit: Path | None) -> Target:
    """The declaration that a run is about.

    Args:
        start: the rootdir: searched for :data:`TARGET_FILE`, else a compose file, where ``explicit`` is None.
        explicit: a ``readiness.yaml``, a compose file, or a folder with one; relative to ``start``.

    Raises:
        ConfigError: there is none (says what was looked for, and where), or it cannot be used.
    """
    place = start / explicit if explicit is not None else start
    if place.is_dir():
        declaration = place / TARGET_FILE
        if declaration.exists():
            return load_target(declaration)
        compose, discovered = _find_compose(place)
        if compose is None:
            names = ", ".join((TARGET_FILE, *COMPOSE_FILES))
            raise ConfigError(
                f"nothing to audit: looked for {names} and docker-compose.prod.yml",
                file=str(place),
                hint="name one with --readiness-target=PATH, or see a sound stack audited with --readiness-demo",
            )
        return _compose_only(place, compose, discovered)
    if not place.exists():
        raise ConfigError(
            "there is no such file or folder",
            file=str(place),
            hint="--readiness-target takes a readiness.yaml, a compose file, or a folder with one",
        )
    if _is_compose(place):
        row = Discovery(key="compose.files", value=place.name, reason="named on the command line")
        return _compose_only(place.parent, Compose(files=(place.name,)), (row,))
    return load_target(place)


def load_target(path: Path) -> Target:
    """Read a ``readiness.yaml``.

    Raises:
        ConfigError: it cannot be read, does not fit the schema, contradicts itself, or names files that are not there.
    """
    document = load(path, shown=path.name)
    validate(document, "target")
    return _Reader(document=document, folder=path.parent.resolve()).target()


def check_against_model(target: Target, model: StackModel) -> None:
    """Refuse a declaration that names services which the stack does not have.

    Args:
        target: from :func:`load_target`; its file is read again for the lines.
        model: the stack as the runtime reads it; where it is empty (an attached target) nothing is checked.

    Raises:
        ConfigError: an unknown service; names file, line and the nearest service.
    """
    if target.file is None or not model.services:
        return
    document = load(Path(target.folder) / target.file, shown=target.file)
    declared = target.compose.services if target.compose else ()
    hint = "a service behind a compose profile needs compose.profiles" if target.compose else ""
    if set(model.services) != set(target.processes):  # a compose model, where `compose.services` must be found
        for position, name in enumerate(declared):
            _known(name, ("compose", "services", position), model.services, document, hint)
    known = {*model.services, *target.processes, *declared}
    for keys, name in _mentions(document.data):
        _known(name, keys, known, document, hint)


def line_of(target: Target, *keys: str | int) -> int | None:
    """Where the declaration says this; None where there is none, or it can no longer be read (a replay elsewhere)."""
    if target.file is None:
        return None
    try:
        return load(Path(target.folder) / target.file, shown=target.file).line_of(keys)
    except ConfigError:
        return None


def compose_text(value: str | float) -> str:
    """A YAML scalar as compose writes it into an environment: as Go's ``fmt.Sprint`` does.

    ``True`` is ``true``, ``1.0`` is ``1``, a million with a fraction part is ``1e+06``: measured with compose 2.26.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        number = Decimal(repr(value))
        power = number.adjusted()
        if value and power not in _GO_PLAIN_EXPONENTS:
            digits = "".join(str(digit) for digit in number.as_tuple().digits).rstrip("0")
            mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
            return f"{'-' if value < 0 else ''}{mantissa}e{power:+03d}"
        return f"{number:f}".removesuffix(".0")
    return str(value)


def _find_compose(folder: Path) -> tuple[Compose | None, tuple[Discovery, ...]]:
    """The compose files that production would use, and why they are believed to be it."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    default = next((name for name in COMPOSE_FILES if name in names), None)
    production = next((name for name in names if PRODUCTION_FILE.match(name)), None)
    files: tuple[str, ...]
    if production is not None:
        reason = "the production file by its name"
        files = (production,)
        if default is not None and (needing := _incomplete_services(folder / production)):
            files = (default, production)
            reason += f"; {needing[0]} in it has neither image nor build, so it is laid over {default}"
        elif default is not None:
            reason += f"; {default} beside it is often the development one"
    elif default is not None:
        files, reason = (default,), "compose's own default name"
    else:
        return None, ()
    if default in files and (override := next((name for name in names if _OVERRIDE.match(name)), None)):
        reason += f"; {override} is left out, as overrides are for development"
    row = Discovery(key="compose.files", value=", ".join(files), reason=reason)
    return Compose(files=files), (row,)


def _incomplete_services(path: Path) -> list[str]:
    """Services that cannot stand alone; none where the file cannot be read, which the runtime then reports."""
    try:
        data = load(path, local_tags=_COMPOSE_TAGS).data
    except ConfigError:
        return []
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict):
        return []
    complete = {"image", "build", "extends"}
    return [name for name, body in services.items() if not (isinstance(body, dict) and complete & body.keys())]


def _is_compose(path: Path) -> bool:
    """By its name, else by a top-level ``services``, which our own file does not have."""
    if path.name == TARGET_FILE:
        return False
    if _COMPOSE_LIKE.match(path.name):
        return True
    data = load(path, shown=path.name, local_tags=_COMPOSE_TAGS).data
    return isinstance(data, dict) and isinstance(data.get("services"), dict)


def _compose_only(folder: Path, compose: Compose, discovered: tuple[Discovery, ...]) -> Target:
    resolved = folder.resolve()
    name = Discovery(key="name", value=resolved.name or "stack", reason="the folder's name")
    return Target(name=name.value, folder=str(resolved), compose=compose, discovered=(name, *discovered))


def _mentions(data: Any) -> Iterator[tuple[Keys, str]]:
    """Every place of the file that names a service."""
    for key in ("environment", "deadlines", "replace", *_BY_SERVICE):
        for name in () if data.get(key) == "none" else data.get(key) or {}:
            yield (key, name), name
    for variant, services in (data.get("variants") or {}).items():
        for name in services if isinstance(services, dict) else ():
            yield ("variants", variant, name), name
    for role, names in (data.get("roles") or {}).items():
        for position, name in enumerate(_listed(names)):
            at: Keys = ("roles", role, position) if isinstance(names, list) else ("roles", role)
            if name != "none":
                yield at, name
    if "service" in data:
        yield ("service",), data["service"]
    yield from _let_out(data.get("egress"))
    yield from _published(data.get("resources"))
    for section in ("entry", "setup", "paths", "probes", "error_path", "limit", *_EXTRA):
        yield from _services_below(data.get(section), (section,))


def _let_out(egress: Any) -> Iterator[tuple[Keys, str]]:
    """The services that a list under ``egress`` names; a word there is no service."""
    for position, name in enumerate(egress if isinstance(egress, list) else ()):
        yield ("egress", position), name


def _published(resources: Any) -> Iterator[tuple[Keys, str]]:
    """The services whose figures are published."""
    for name in (resources.get("services") or {}) if isinstance(resources, dict) else ():
        yield ("resources", "services", name), name


def _services_below(value: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    """The values of ``service:`` keys in requests, entries and probes; bodies are the owner's own words."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from _services_below(item, (*keys, position))
    elif isinstance(value, dict):
        if isinstance(value.get("service"), str):
            yield (*keys, "service"), value["service"]
        for key, item in value.items():
            if key not in {"json", "form", "headers", "body"}:
                yield from _services_below(item, (*keys, key))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _known(name: str, keys: Keys, known: Collection[str], document: Document, hint: str = "") -> None:
    if name not in known:
        raise ConfigError(
            f"there is no service `{name[:80]}`, {did_you_mean(name, known)}",
            file=document.file,
            line=document.line_of(keys),
            hint=hint,
        )


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: compose_text(value) for key, value in (values or {}).items()}


def _texts_by_service(values: Mapping[str, Any] | None) -> dict[str, dict[str, str]]:
    return {service: _texts(variables) for service, variables in (values or {}).items()}


def _statuses(value: Any) -> tuple[int, ...]:
    return () if value is None else tuple(int(status) for status in _listed(value))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _port(value: Any) -> int | None:
    return None if value is None else int(value)  # the schema lets 8000.0 through as a whole number


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """From a document that fits the schema to a Target; what the schema cannot say is checked on the way."""

    document: Document
    folder: Path

    def target(self) -> Target:
        data = self.document.data
        declined = self._declined()
        compose, discovered = self._compose()
        name = data.get("name")
        if name is None:
            name = self.folder.name or "stack"
            discovered = (Discovery(key="name", value=name, reason="the folder's name"), *discovered)
        variants = {k: v for k, v in (data.get("variants") or {}).items() if v != "none"}
        headers = self._section("security_headers") or {}
        target = Target(
            name=name,
            folder=str(self.folder),
            file=self.document.file,
            compose=compose,
            processes=self._processes(),
            images=dict(data.get("images") or {}),
            replace={
                service: self._replacement(service, parts) for service, parts in (data.get("replace") or {}).items()
            },
            provide=tuple(Provide(store=store, env=how["env"]) for store, how in (data.get("provide") or {}).items()),
            environment=_texts_by_service(data.get("environment")),
            deadlines={service: float(seconds) for service, seconds in (data.get("deadlines") or {}).items()},
            egress=self._egress(),
            service=data.get("service"),
            entries=self._entries(),
            roles=self._roles(),
            setup=tuple(self._request(raw, ("setup", i)) for i, raw in enumerate(data.get("setup") or [])),
            paths=self._paths(),
            probes=self._probes(),
            login=self._login(),
            origins=tuple(self._section("origins") or ()),
            security_headers=dict(headers),
            variants={variant: _texts_by_service(services) for variant, services in variants.items()},
            limits=self._limits(),
            checks=self._checks(),
            waivers=self._waivers(),
            declined=declined,
            extra={key: value for key in _EXTRA if (value := self._section(key)) is not None},
            openapi=self._openapi(),
            discovered=discovered,
        )
        self._check_identities(target)
        if target.compose is None and target.processes:  # the process table is then the whole stack
            for keys, mentioned in _mentions(data):
                _known(mentioned, keys, target.processes, self.document)
        return target

    def _error(self, message: str, keys: Keys, *, hint: str = "") -> ConfigError:
        return ConfigError(message, file=self.document.file, line=self.document.line_of(keys), hint=hint)

    def _section(self, key: str) -> Any:
        """A section's value; None where it is absent or ``none``. What is ``none`` inside it is left out."""
        value = self.document.data.get(key)
        if key in _DECLINABLE_INSIDE and isinstance(value, dict):
            return {name: inside for name, inside in value.items() if inside != "none"}
        return None if value == "none" else value

    def _declined(self) -> dict[str, str]:
        data, why = self.document.data, dict(self.document.data.get("why") or {})
        nones: list[tuple[str, ...]] = [(key,) for key in _DECLINABLE if data.get(key) == "none"]
        for section in _DECLINABLE_INSIDE:
            inside = data.get(section)
            nones += (
                [(section, key) for key, value in inside.items() if value == "none"] if isinstance(inside, dict) else []
            )
        declined = {}
        for keys in nones:
            dotted = ".".join(keys)
            if dotted not in why:
                message = f"`{dotted}` is none, but nothing says why"
                raise self._error(message, keys, hint=f'add at the top level: why: {{{dotted}: "the reason"}}')
            declined[dotted] = why.pop(dotted)
            if dotted in _ALIASES:
                declined[_ALIASES[dotted]] = declined[dotted]
        for dotted in why:
            known = {".".join(keys) for keys in nones}
            message = f"`why` explains `{dotted[:80]}`, which is not none"
            raise self._error(
                message,
                ("why", dotted),
                hint=did_you_mean(dotted, known) if known else f"write {dotted[:80]}: none too",
            )
        return declined

    def _inside(self, name: str, keys: Keys, *, what: str) -> str:
        """A path that exists and stays inside the folder, links included."""
        resolved = (self.folder / name).resolve()
        if not resolved.is_relative_to(self.folder):
            hint = f"put {self.document.file} into the folder that holds it"
            raise self._error(f"{what} {name} lies outside the folder of this file", keys, hint=hint)
        if not resolved.exists():
            raise self._error(f"{what} {name} does not exist", keys, hint="paths are relative to this file")
        return name

    def _compose(self) -> tuple[Compose | None, tuple[Discovery, ...]]:
        raw = self.document.data.get("compose")
        if raw is None:
            return _find_compose(self.folder)
        discovered: tuple[Discovery, ...] = ()
        files = tuple(
            self._inside(name, ("compose", "files", i), what="the compose file")
            for i, name in enumerate(raw.get("files") or [])
        )
        if not files:
            found, discovered = _find_compose(self.folder)
            if found is None:
                hint = "name it under compose.files"
                raise self._error("there is no compose file beside this file", ("compose",), hint=hint)
            files = found.files
        env_file = raw.get("env_file")
        if env_file is not None:
            self._inside(env_file, ("compose", "env_file"), what="the env file")
        compose = Compose(
            files=files,
            env_file=env_file,
            profiles=tuple(raw.get("profiles") or ()),
            services=tuple(raw.get("services") or ()),
        )
        return compose, discovered

    def _words(self, value: Any, keys: Keys) -> tuple[str, ...]:
        if isinstance(value, list):
            return tuple(compose_text(word) for word in value)
        try:
            words = tuple(shlex.split(value or ""))
        except ValueError as error:
            raise self._error(
                f"the command cannot be split: {error}", keys, hint="write it as a list of words"
            ) from error
        if value is not None and not words:
            raise self._error("the command is empty", keys)
        return words

    def _processes(self) -> dict[str, ProcessSpec]:
        raw = self.document.data.get("processes") or {}
        processes = {}
        for name, body in raw.items():
            at: Keys = ("processes", name)
            for position, other in enumerate(body.get("after") or []):
                if other not in raw:
                    message = f"`after` names `{other}`, {did_you_mean(other, raw)}"
                    raise self._error(message, (*at, "after", position))
            for position, path in enumerate(body.get("state") or []):
                if not (self.folder / path).resolve().is_relative_to(self.folder):
                    raise self._error(
                        f"the state {path} lies outside the folder of this file", (*at, "state", position)
                    )
            processes[name] = ProcessSpec(
                command=self._words(body["command"], (*at, "command")),
                install=self._words(body.get("install"), (*at, "install")),
                env=_texts(body.get("env")),
                port=_port(body.get("port")),
                ready=body.get("ready"),
                state=tuple(body.get("state") or ()),
                after=tuple(body.get("after") or ()),
                stop_signal=body.get("stop_signal", "SIGTERM"),
                stop_grace_seconds=float(body.get("stop_grace_seconds", 10.0)),
            )
        self._check_ports(processes)
        self._check_order(processes)
        return processes

    def _check_ports(self, processes: Mapping[str, ProcessSpec]) -> None:
        for name, process in processes.items():
            for text in (*process.command, *process.install, *process.env.values()):
                for other in re.findall(r"\{port(?::([^{}]*))?\}", text):
                    wanted = other or name
                    if wanted not in processes:
                        known = did_you_mean(wanted, processes)
                        raise self._error(f"`{{port:{wanted}}}` names no process, {known}", ("processes", name))
                    if processes[wanted].port is None:
                        message = f"`{{port}}` of {wanted} is used, but it has no port"
                        raise self._error(message, ("processes", name), hint=f"write port: under processes.{wanted}")

    def _check_order(self, processes: Mapping[str, ProcessSpec]) -> None:
        ready: set[str] = set()
        while len(ready) < len(processes):
            step = {
                name for name, process in processes.items() if name not in ready and ready.issuperset(process.after)
            }
            if not step:
                stuck = next(name for name in processes if name not in ready)
                raise self._error(f"`after` goes round in a circle through {stuck}", ("processes", stuck, "after"))
            ready |= step

    def _replacement(self, service: str, raw: Mapping[str, Any]) -> Replacement:
        build, command = raw.get("build"), raw.get("command")
        if isinstance(build, str):
            build = {"context": build}
        return Replacement(
            image=raw.get("image"),
            build=None
            if build is None
            else Build(
                context=self._inside(build["context"], ("replace", service, "build"), what="the build context"),
                dockerfile=build.get("dockerfile", "Dockerfile"),
                args=_texts(build.get("args")),
            ),
            command=tuple(compose_text(word) for word in command) if isinstance(command, list) else command,
            mounts={
                inside: self._inside(path, ("replace", service, "mounts", inside), what="the mounted path")
                for inside, path in (raw.get("mounts") or {}).items()
            },
            environment=_texts(raw.get("environment")),
        )

    def _egress(self) -> tuple[str, ...]:
        raw = self.document.data.get("egress", "closed")
        if isinstance(raw, str):
            return (EVERY_SERVICE,) if raw == "open" else ()
        return tuple(raw)

    def _entries(self) -> tuple[Entry, ...]:
        raw = self.document.data.get("entry")
        entries: list[Entry] = []
        for position, body in enumerate([] if raw is None else _listed(raw)):
            at: Keys = ("entry", position) if isinstance(raw, list) else ("entry",)
            name = body.get("name", "")
            if name and name in {entry.name for entry in entries}:
                raise self._error(f"two entries are named `{name}`", (*at, "name"))
            entries.append(
                Entry(
                    name=name,
                    service=body.get("service", ""),
                    port=_port(body.get("port")) or 0,
                    base=body.get("base", "").rstrip("/"),
                    https=body.get("https", False),
                    server_name=body.get("server_name"),
                    headers=_texts(body.get("headers")),
                )
            )
        return tuple(entries)

    def _roles(self) -> dict[Role, tuple[str, ...]]:
        roles: dict[Role, tuple[str, ...]] = {}
        seen: dict[str, str] = {}
        for role, names in (self.document.data.get("roles") or {}).items():
            if names == "none":
                continue
            for name in _listed(names):
                if name in seen:
                    message = f"`{name}` has two roles, {seen[name]} and {role}"
                    raise self._error(message, ("roles", role), hint="give it the one that others depend on")
                seen[name] = role
            roles[Role(role)] = tuple(_listed(names))
        return roles

    def _request(self, raw: Any, keys: Keys) -> Request:
        if isinstance(raw, str):
            return Request(path=raw)
        bodies = [key for key in ("json", "form", "body") if key in raw]
        if len(bodies) > 1:
            message = f"a request has one body, this one has {' and '.join(bodies)}"
            raise self._error(message, (*keys, bodies[1]), hint="keep one of them")
        if "port" in raw and "service" not in raw:
            raise self._error("a request with a port needs the service that it asks", (*keys, "port"))
        body = raw.get("body")
        return Request(
            method=raw.get("method", "GET"),
            path=raw["path"],
            headers=_texts(raw.get("headers")),
            json=raw.get("json"),
            form=None if raw.get("form") is None else _texts(raw["form"]),
            body=body.get("text") if isinstance(body, dict) else body,
            body_base64=self._body_base64(body, (*keys, "body")) if isinstance(body, dict) else None,
            expect=_statuses(raw.get("expect")),
            as_user=raw.get("as", "anonymous"),
            service=raw.get("service"),
            port=_port(raw.get("port")),
        )

    def _body_base64(self, body: Mapping[str, str], keys: Keys) -> str | None:
        if "base64" in body:
            try:
                base64.b64decode(body["base64"], validate=True)
            except (binascii.Error, ValueError) as error:
                raise self._error(f"this is not base64: {error}", (*keys, "base64")) from error
            return body["base64"]
        if "file" in body:
            at: Keys = (*keys, "file")
            path = self.folder / self._inside(body["file"], at, what="the body's file")
            if not path.is_file() or path.stat().st_size > MAX_BODY_BYTES:
                message = f"{body['file']}: expected a file of at most {MAX_BODY_BYTES // 1024} KiB"
                raise self._error(message, at, hint="for a large upload write slow: {body_bytes: ...}")
            return base64.b64encode(path.read_bytes()).decode("ascii")
        return None

    def _paths(self) -> Paths:
        raw = dict(self.document.data.get("paths") or {})
        requests = {key: self._request(value, ("paths", key)) for key, value in raw.items() if value != "none"}
        error = self._section("error_path")
        if error is not None:
            requests["error"] = self._request(error, ("error_path",))
        return Paths(**requests)

    def _probes(self) -> dict[ProbeKind, Probe]:
        probes = {}
        for kind, value in (self._section("probes") or {}).items():
            if value == "none":
                continue
            raw: dict[str, Any] = {"path": value} if isinstance(value, str) else value
            at: Keys = ("probes", kind)
            if "port" in raw and "service" not in raw and self.document.data.get("service") is None:
                raise self._error("a probe with a port needs the service that it asks", (*at, "port"))
            proof = raw.get("proof")
            probes[ProbeKind(kind)] = Probe(
                kind=ProbeKind(kind),
                path=raw["path"],
                service=raw.get("service") or (self.document.data["service"] if "port" in raw else None),
                port=_port(raw.get("port")),
                expect=_statuses(raw.get("expect")) or (200,),
                timeout_seconds=None if raw.get("timeout_seconds") is None else float(raw["timeout_seconds"]),
                cache_seconds=float(raw.get("cache_seconds", 0.0)),
                status=raw.get("status"),
                components=dict(raw.get("components") or {}),
                reports=tuple(raw.get("reports") or ()),
                proof=None if proof is None else self._request(proof, (*at, "proof")),
                listens_seconds=None if raw.get("listens_seconds") is None else float(raw["listens_seconds"]),
                disk=dict(raw.get("disk") or {}),
                memory=dict(raw.get("memory") or {}),
            )
        return probes

    def _login(self) -> Login | None:
        raw = self._section("login")
        if raw is None:
            return None
        ways = [kind for kind in _LOGIN_KINDS if kind in raw]
        if len(ways) != 1:
            found = f"both {' and '.join(ways)}" if ways else "none of them"
            raise self._error(
                f"login needs exactly one of {', '.join(_LOGIN_KINDS)}; found {found}",
                ("login", ways[1]) if ways else ("login",),
                hint="or write login: none, with a reason under why",
            )
        way = ways[0]
        if way == "request" and not raw.get("users"):
            hint = "add users: [{name: ..., password: ...}]; with register they are created in the throw-away copy"
            raise self._error("login.request needs users", ("login", "request"), hint=hint)
        if way == "basic" and len(raw["basic"].keys() & {"user", "user_env"}) != 1:
            raise self._error("login.basic needs either user or user_env", ("login", "basic"))
        if way == "basic" and len(raw["basic"].keys() & {"password", "password_env"}) != 1:
            raise self._error("login.basic needs either password or password_env", ("login", "basic"))
        if way == "cookie" and len(raw["cookie"].keys() & {"env", "value", "request"}) != 1:
            raise self._error("login.cookie needs exactly one of env, value, request", ("login", "cookie"))
        return Login(
            request=self._request(raw["request"], ("login", "request")) if way == "request" else None,
            register=self._request(raw["register"], ("login", "register")) if "register" in raw else None,
            token=raw.get("token", Login().token),
            users=tuple(_texts(user) for user in raw.get("users") or ()),
            admin=_texts(raw["admin"]) if "admin" in raw else None,
            static={} if way == "request" else {way: raw[way]},
            key=dict(raw.get("key") or {}),
            algorithm=raw.get("algorithm"),
            refresh=self._request(raw["refresh"], ("login", "refresh")) if "refresh" in raw else None,
            refresh_token=raw.get("refresh_token"),
            access_seconds=_number(raw.get("access_seconds")),
            refresh_seconds=_number(raw.get("refresh_seconds")),
            hash=dict(raw.get("hash") or {}),
        )

    def _openapi(self) -> dict[str, Any] | None:
        """The API's document from a file; without one, discovery looks for it where frameworks serve it."""
        name = self.document.data.get("openapi")
        if name is None:
            return None
        at: Keys = ("openapi",)
        path = self.folder / self._inside(name, at, what="the OpenAPI document")
        if not path.is_file() or path.stat().st_size > MAX_BODY_BYTES:
            raise self._error(f"{name}: expected a file of at most {MAX_BODY_BYTES // 1024} KiB", at)
        # JSON is YAML, and the YAML reader's bounds hold for both.
        data = load(path, shown=name).data
        if not isinstance(data, dict) or not isinstance(data.get("paths"), dict):
            raise self._error(
                f"{name} is no OpenAPI document: it has no paths", at, hint="export it as your framework does"
            )
        return data

    def _limits(self) -> tuple[Limit, ...]:
        raw = self._section("limit")
        return tuple(
            Limit(
                path=body["path"],
                requests=int(body["requests"]),
                window_seconds=float(body.get("window_seconds", 60.0)),
                burst=int(body.get("burst", 0)),
                key=body.get("key", "address"),
                algorithm=body.get("algorithm"),
                exempt=tuple(body.get("exempt") or ()),
                env=dict(body.get("env") or {}),
                fallback=body.get("fallback"),
                service=body.get("service"),
            )
            for body in ([] if raw is None else _listed(raw))
        )

    def _checks(self) -> tuple[str, ...]:
        names = self.document.data.get("checks") or []
        return tuple(self._inside(name, ("checks", i), what="the checks path") for i, name in enumerate(names))

    def _waivers(self) -> tuple[Waiver, ...]:
        waivers = []
        for position, raw in enumerate(self.document.data.get("waivers") or []):
            try:
                date.fromisoformat(raw["expires"])
            except ValueError as error:
                message = f"there is no day {raw['expires']}"
                raise self._error(message, ("waivers", position, "expires"), hint="year-month-day") from error
            waivers.append(Waiver(**raw))
        return tuple(waivers)

    def _check_identities(self, target: Target) -> None:
        """A request as somebody needs a login; discovery cannot find one."""
        has_admin = target.login is not None and target.login.admin is not None
        for keys, who in self._identities(self.document.data, ()):
            if who != "anonymous" and target.login is None:
                raise self._error(f"this request is sent as {who}, but there is no login", keys, hint="add login:")
            if who == "admin" and not has_admin:
                raise self._error("this request is sent as admin, but login has no admin", keys, hint="add login.admin")

    def _identities(self, value: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
        if isinstance(value, list):
            for position, item in enumerate(value):
                yield from self._identities(item, (*keys, position))
        elif isinstance(value, dict):
            for key, item in value.items():
                if key == "as" and "path" in value and isinstance(item, str):
                    yield (*keys, key), item
                elif key not in {"json", "form", "headers", "body", "environment", "env", "why"}:
                    yield from self._identities(item, (*keys, key))
