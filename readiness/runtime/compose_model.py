"""The owner's compose model: what ``docker compose config`` makes of their files, completed where it has holes.

Nothing is written into the owner's folder and nothing is started. Values that the owner's files ask for and nobody
supplies are generated, a missing ``env_file`` becomes an empty one, and both are said.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readiness.exceptions import ConfigError
from readiness.facts.model import HealthCheck, ModelGaps, Resources, ServiceModel, StackModel
from readiness.facts.start import Change
from readiness.runtime.engine import Commands
from readiness.target import Target

__all__ = ["OwnersModel", "closure", "generated_value", "needs_of", "resolve", "seconds_of", "stack_model", "unescape"]

#: ``config`` bakes a project name into networks and volumes; the safe copy takes it out again.
NEUTRAL_PROJECT = "readiness"
#: Each round learns at least one thing that compose misses; no sane file misses more.
ROUNDS = 64
CONFIG_SECONDS = 60.0
#: Where compose puts the values that we ask it for.
VALUES_KEY = "x-readiness-values"
#: The caller's own settings of compose would change which files, project and profiles are read.
COMPOSE_SETTINGS = (
    "COMPOSE_FILE",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_PROFILES",
    "COMPOSE_ENV_FILES",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_DISABLE_ENV_FILE",
)

#: Longer values are files in disguise, not addresses.
MAX_VALUE_CHARS = 4096
#: The user part of a URL may hold a password; nothing of it is kept.
_URL_HOST = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,39})://(?:[^\s/@]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*)")
_REQUIRED = re.compile(r"required variable (\w+) is missing a value")
_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_CAST = re.compile(r"failed to cast to expected type: .*?Parse(Float|Int|Bool)")
_ENV_FILE = re.compile(r"env file (.+?) not found")
_ENV_FILE_ANY_CASE = re.compile(r"(?:couldn't find env file|failed to read) ?:? (\S+)", re.IGNORECASE)
_PROPERTY = re.compile(r"validating (?P<file>.+?): (?P<path>[\w.\-]+) Additional property (?P<name>\S+) is not allowed")
_VALIDATING = re.compile(r"validating (?P<file>.+?): (?P<path>[\w.\-]+) ")
_YAML_LINE = re.compile(r"yaml: (?:unmarshal errors:\s*)?line (?P<line>\d+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

#: Words in a variable's name -> what it holds. The first match decides; secrets come before the words they qualify.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a secret", re.compile(r"(^|_)(SECRET|PASSWORD|PASSWD|PASS|PWD|TOKEN|KEY|SALT|PEPPER|CREDENTIALS?)(_|$)")),
    ("a port", re.compile(r"(^|_|[A-Z])PORT(_|$)")),
    ("a version", re.compile(r"(^|_)(TAG|VERSION)(_|$)")),
    ("an address of mail", re.compile(r"(^|_)E?MAIL(_|$)")),
    ("a folder", re.compile(r"(^|_)(DIR|DIRECTORY|FOLDER|PATH|ROOT|VOLUME)(_|$)")),
    ("an address", re.compile(r"(^|_)(URL|URI|DSN|ENDPOINT)(_|$)")),
    ("a host name", re.compile(r"(^|_)(HOST|HOSTNAME|DOMAIN)(_|$)")),
    ("a name", re.compile(r"(^|_)(USER|USERNAME|DB|DATABASE|DBNAME|NAME)(_|$)")),
)
#: Not worth a guess unless the file insists: an empty address or flag usually means *switched off*.
_ONLY_WHEN_REQUIRED = ("an address", "a host name", "a value", "an address of mail")
_STORE_PORTS = (("POSTGRES", "5432"), ("PG", "5432"), ("MYSQL", "3306"), ("REDIS", "6379"), ("DB", "5432"))


@dataclass(frozen=True, kw_only=True)
class OwnersModel:
    """What compose made of the owner's files.

    Attributes:
        model: as ``config --format json`` prints it, absolute paths, every ``$`` doubled, a neutral project name.
        changes: what had to be supplied so that compose could read it.
        files: the files as the owner names them.
        gaps: what they ask for and nobody supplies.
    """

    model: dict[str, Any]
    changes: tuple[Change, ...]
    files: tuple[str, ...]
    gaps: ModelGaps = field(default_factory=ModelGaps)


def resolve(target: Target, *, run_id: str, scratch: Path, commands: Commands) -> OwnersModel:
    """Read the owner's compose files.

    Args:
        target: names the files, the profiles and the services.
        run_id: generated values derive from it, so that every worker of a run fills in the same ones.
        scratch: a folder of the run's own for what has to be written.
        commands: runs ``docker compose``, which needs no engine for this.

    Raises:
        ConfigError: there is no compose file, or compose cannot read it; in compose's words, with file and line
            where they can be told.
    """
    if target.compose is None or not target.compose.files:
        raise ConfigError(
            "no compose file is declared and none was found", file=target.file, hint="add compose: {files: [...]}"
        )
    folder = Path(target.folder)
    for name in target.compose.files:
        if not (folder / name).is_file():
            raise ConfigError("this compose file does not exist", file=str(folder / name))
    return _Resolver(target=target, run_id=run_id, scratch=scratch, commands=commands).resolve()


class _Resolver:
    """Asks compose again and again, each time with one hole less."""

    def __init__(self, *, target: Target, run_id: str, scratch: Path, commands: Commands) -> None:
        assert target.compose is not None  # noqa: S101  # resolve() checked; tells the type checker
        self._compose, self._folder = target.compose, Path(target.folder)
        self._run_id, self._scratch, self._commands = run_id, scratch, commands
        self._values: dict[str, str] = {}
        self._left_empty: set[str] = set()
        self._missing_env_files: dict[str, list[str]] = {}
        self._required: set[str] = set()
        self._unset: set[str] = set()
        self._changes: list[Change] = []
        scratch.mkdir(parents=True, exist_ok=True)
        self._empty = scratch / "empty.env"
        self._empty.write_text("", encoding="utf-8")
        self._override = scratch / "override.yaml"
        self._override.unlink(missing_ok=True)
        self._from_environment: dict[str, list[tuple[str, str]]] = {}

    def resolve(self) -> OwnersModel:
        # Without interpolation compose reads no env_file, and names them all.
        raw, problem = self._ask("--no-interpolate")
        if raw is None:
            raise self._error(problem)
        self._replace_missing_env_files(raw)
        for kind in ("secrets", "configs"):
            for name, declared in (raw.get(kind) or {}).items():
                if variable := (declared or {}).get("environment"):
                    self._from_environment.setdefault(str(variable), []).append((kind, name))
        self._write_override(raw)
        for _ in range(ROUNDS):
            model, said = self._ask()
            if not self._learn(said, is_resolved=model is not None, raw=raw):
                if model is None:
                    raise self._error(said)
                self._take_values(model)
                if not model.get("services"):
                    raise ConfigError(
                        f"no service is declared in {', '.join(self._compose.files)}",
                        file=str(self._folder / self._compose.files[0]),
                        hint="a service behind a compose profile needs compose.profiles in readiness.yaml",
                    )
                model = {**model, "services": _chosen(model, self._compose.services)}
                return OwnersModel(
                    model=model, changes=tuple(self._changes), files=self._compose.files, gaps=self._gaps()
                )
        raise self._error(said)

    def _gaps(self) -> ModelGaps:
        """What was supplied here although the owner's own ``docker compose config`` would miss it."""
        # Compose reads .env beside the first file by itself.
        beside = (self._folder / self._compose.files[0]).parent / ".env"
        declared = self._compose.env_file or (_shown(str(beside), self._folder) if beside.is_file() else "")
        return ModelGaps(
            env_file=declared if declared and (self._folder / declared).is_file() else "",
            required=tuple(sorted(self._required)),
            unset=tuple(sorted(self._unset - self._required)),
            env_files=tuple(
                sorted({_shown(path, self._folder) for paths in self._missing_env_files.values() for path in paths})
            ),
        )

    def _ask(self, *flags: str) -> tuple[dict[str, Any] | None, str]:
        """One ``config``: the model or None, and what compose said besides."""
        command = ["docker", "compose", "-p", NEUTRAL_PROJECT]
        for name in self._compose.files:
            command += ["-f", str(self._folder / name)]
        if self._override.exists():
            command += ["-f", str(self._override)]
        if self._compose.env_file:
            command += ["--env-file", str(self._env_file(self._compose.env_file))]
        for profile in self._compose.profiles:
            command += ["--profile", profile]
        command += ["config", "--format", "json", *flags]
        # Compose reads PWD from the environment, not from where it runs; mounts are often written with it. An empty
        # setting counts as none.
        settings = dict.fromkeys((name for name in COMPOSE_SETTINGS if name in os.environ), "")
        environment = {**settings, "PWD": str(self._folder), **self._values}
        done = self._commands.run(command, cwd=self._folder, timeout_seconds=CONFIG_SECONDS, environment=environment)
        if not done.is_ok:
            return None, done.stderr or "docker compose config did not end in time"
        try:
            model = json.loads(done.stdout)
        except ValueError as error:
            return None, f"docker compose config printed no JSON: {error}"
        return (model, done.stderr) if isinstance(model, dict) else (None, "docker compose config printed no model")

    def _env_file(self, name: str) -> Path:
        path = self._folder / name
        if path.is_file():
            return path
        change = Change(
            service="", what=f"{name} does not exist: an empty file stands in", why="compose.env_file names it"
        )
        if change not in self._changes:
            self._changes.append(change)
        return self._empty

    def _replace_missing_env_files(self, raw: Mapping[str, Any]) -> None:
        for name, service in raw.get("services", {}).items():
            for entry in service.get("env_file") or []:
                path, is_required = _env_file_entry(entry)
                if is_required and "$" not in path and not Path(path).is_file():
                    self._stand_in(raw, path, service=name)

    def _stand_in(self, raw: Mapping[str, Any], path: str, *, service: str) -> None:
        """Leave ``path`` out of the service's env files from now on, by an override of ours."""
        self._missing_env_files.setdefault(service, []).append(path)
        self._changes.append(
            Change(
                service=service,
                what=f"env_file {_shown(path, self._folder)} does not exist: an empty one stands in",
                why="compose would not read the project without it; whatever it should set is not set",
            )
        )
        self._write_override(raw)

    def _write_override(self, raw: Mapping[str, Any]) -> None:
        """What we ask of compose besides the owner's files: other env files, and the values of some variables."""
        lines = []
        for name, missing in self._missing_env_files.items():
            entries = [_env_file_entry(e) for e in raw["services"][name].get("env_file") or []]
            kept = [p for p, _ in entries if p not in missing and ("$" in p or Path(p).is_file())]
            listed = json.dumps([*kept, str(self._empty)])
            lines.append(f"  {json.dumps(name)}:\n    env_file: !override {listed}")
        lines = ["services:", *lines] if lines else []
        # A secret that comes from a variable is read when it is mounted, from files that the copy does not have.
        values = {variable: f"${{{variable}}}" for variable in self._from_environment}
        lines += [f"{VALUES_KEY}: {json.dumps(values)}"] if values else []
        if lines:
            self._override.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _take_values(self, model: dict[str, Any]) -> None:
        """Put the values of variables into the secrets and configs that are made of them."""
        for variable, value in (model.pop(VALUES_KEY, None) or {}).items():
            for kind, name in self._from_environment.get(variable, []):
                if name in (model.get(kind) or {}):
                    model[kind][name] = {"content": str(value)}

    def _learn(self, said: str, *, is_resolved: bool, raw: Mapping[str, Any]) -> bool:
        """Supply what compose misses; false where it says nothing that can be supplied."""
        required = set(_REQUIRED.findall(said)) - self._values.keys()
        unset = set(_UNSET.findall(said)) - self._values.keys() - self._left_empty
        self._required |= required
        self._unset |= unset
        for name in sorted(required):
            self._fill(name, is_required=True)
        if not is_resolved and not required and (kind := _CAST.search(said)) and unset:
            for name in sorted(unset):
                if generated_value(name, run_id=self._run_id)[0] == "a value":
                    self._set(name, "true" if kind[1] == "Bool" else "1", "a flag" if kind[1] == "Bool" else "a number")
                else:
                    self._fill(name, is_required=False)
            return True
        for name in sorted(unset):
            self._fill(name, is_required=False)
        is_new = bool(required or unset & self._values.keys())
        if not is_resolved and (found := _ENV_FILE.search(said) or _ENV_FILE_ANY_CASE.search(said)):
            users = [
                name
                for name, service in raw.get("services", {}).items()
                if any(_matches(_env_file_entry(entry)[0], found[1]) for entry in service.get("env_file") or [])
                and found[1] not in self._missing_env_files.get(name, [])
            ]
            for name in users:
                for entry in raw["services"][name]["env_file"]:
                    if _matches(path := _env_file_entry(entry)[0], found[1]):
                        self._stand_in(raw, path, service=name)
            is_new = is_new or bool(users)
        return is_new

    def _fill(self, name: str, *, is_required: bool) -> None:
        kind, value = generated_value(name, run_id=self._run_id)
        if kind in _ONLY_WHEN_REQUIRED and not is_required:
            self._left_empty.add(name)
            self._changes.append(
                Change(service="", what=f"variable {name} has no value and is left empty", why="as compose does")
            )
            return
        self._set(name, value, kind)

    def _set(self, name: str, value: str, kind: str) -> None:
        self._values[name] = value
        self._changes.append(
            Change(
                service="",
                what=f"variable {name} has no value: filled with {kind} made for this run",
                why="the compose file asks for it, and neither the environment nor an .env file sets it",
            )
        )

    def _error(self, said: str) -> ConfigError:
        """Compose's own words, with file and line where they can be told."""
        message = "\n".join(line for line in said.strip().splitlines() if "level=warning" not in line)
        message = message.strip()[:2000] or "docker compose config failed without a word"
        file, line = None, None
        if len(self._compose.files) == 1:
            file = str(self._folder / self._compose.files[0])
        if found := _PROPERTY.search(message):
            file = found["file"]
            line = _line_of(Path(file), [*found["path"].split("."), found["name"].strip("'\"")])
        elif found := _VALIDATING.search(message):
            file = found["file"]
            line = _line_of(Path(file), found["path"].split("."))
        elif found := _YAML_LINE.search(message):
            line = int(found["line"])
        if file is None:
            message = f"{message} (in {', '.join(self._compose.files)})"
        return ConfigError(message, file=file, line=line, hint="docker compose config must accept the project")


def generated_value(name: str, *, run_id: str) -> tuple[str, str]:
    """What kind of value a variable's name asks for, and one: alphanumeric where it is a secret, so safe in a URL."""
    word = name.upper()
    kind = next((kind for kind, pattern in _KINDS if pattern.search(word)), "a value")
    # Made for this run only, never stored: a digest, so that every worker of the run makes the same one.
    secret = hashlib.sha256(f"{run_id}/{name}".encode()).hexdigest()[:40]
    known_port = next((port for store, port in _STORE_PORTS if store in word), "8000")
    values = {
        "a port": known_port,
        "a version": "latest",
        "an address of mail": "readiness@example.com",
        "a folder": "./readiness-absent",
        "an address": "http://localhost",
        "a host name": "localhost",
        "a name": "readiness",
    }
    return kind, values.get(kind, secret)


def stack_model(model: Mapping[str, Any], *, files: Iterable[str] = (), gaps: ModelGaps | None = None) -> StackModel:
    """The judged form of a compose model. Variables are listed by name only: values may be secrets."""
    services = model.get("services", {})
    return StackModel(
        services={name: _service_model(name, service, services) for name, service in services.items()},
        files=tuple(files),
        gaps=gaps or ModelGaps(),
    )


def unescape(value: str) -> str:
    """``config`` prints every ``$`` doubled, so that its output can be read again."""
    return value.replace("$$", "$")


def seconds_of(value: object, default: float) -> float:
    """A duration of compose (``"1m30s"``, or nanoseconds as a number) in seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) / 1e9
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts) if parts else default


def needs_of(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The services without which compose does not create this one."""
    names = [*(service.get("depends_on") or {})]
    names += [str(link).split(":")[0] for link in service.get("links") or []]
    names += [str(source).split(":")[0] for source in service.get("volumes_from") or []]
    for key in ("network_mode", "ipc", "pid", "uts"):
        kind, _, name = str(service.get(key) or "").partition(":")
        names += [name] if kind == "service" and name else []
    return tuple(dict.fromkeys(name for name in names if name != "container"))


def closure(services: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> set[str]:
    """``names`` and everything that they need, directly or not; unknown names are left out."""
    found: set[str] = set()
    open_names = [name for name in names if name in services]
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += [need for need in needs_of(services[name]) if need in services]
    return found


def _chosen(model: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    services: dict[str, Any] = model.get("services") or {}
    if unknown := [name for name in names if name not in services]:
        raise ConfigError(
            f"compose.services names {', '.join(unknown)}, which the compose files do not have",
            hint=f"they have {', '.join(sorted(services))}",
        )
    chosen = closure(services, names) if names else set(services)
    return {name: service for name, service in services.items() if name in chosen}


def _urls(service: Mapping[str, Any], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Services that its variables name in URLs, and the schemes."""
    known, found = set(names), dict[str, list[str]]()
    for value in (service.get("environment") or {}).values():
        for match in _URL_HOST.finditer(str(value or "")[:MAX_VALUE_CHARS]):
            if match["host"] in known:
                found.setdefault(match["host"], []).append(match["scheme"].lower())
    return {host: tuple(dict.fromkeys(schemes)) for host, schemes in found.items()}


def _service_model(name: str, service: Mapping[str, Any], names: Iterable[str]) -> ServiceModel:
    targets = [int(port["target"]) for port in service.get("ports") or []]
    exposed = [int(str(port).split("/")[0].split("-")[0]) for port in service.get("expose") or []]
    return ServiceModel(
        name=name,
        image=str(service.get("image") or ""),
        build_context=(service.get("build") or {}).get("context"),
        command=_words(service.get("command")),
        entrypoint=_words(service.get("entrypoint")),
        environment=tuple(sorted(service.get("environment") or {})),
        urls=_urls(service, names),
        ports=tuple(dict.fromkeys([*targets, *exposed])),
        published=tuple(_published(port) for port in service.get("ports") or []),
        depends_on={
            other: str((how or {}).get("condition", "service_started"))
            for other, how in (service.get("depends_on") or {}).items()
        },
        restart=restart_policy(service),
        health_check=_health_check(service.get("healthcheck")),
        log_driver=str((service.get("logging") or {}).get("driver") or ""),
        log_options={name: str(value) for name, value in ((service.get("logging") or {}).get("options") or {}).items()},
        resources=_resources(service),
    )


def _resources(service: Mapping[str, Any]) -> Resources:
    """Limits and reservations, wherever they are written; ``config`` prints sizes in bytes."""
    parts = (service.get("deploy") or {}).get("resources") or {}
    limits, reserved = parts.get("limits") or {}, parts.get("reservations") or {}
    return Resources(
        cpus=_positive(service.get("cpus") or limits.get("cpus")),
        memory_bytes=_bytes(service.get("mem_limit") or limits.get("memory")),
        reserved_cpus=_positive(reserved.get("cpus")),
        reserved_memory_bytes=_bytes(service.get("mem_reservation") or reserved.get("memory")),
    )


def _positive(value: Any) -> float | None:
    return float(value) if value is not None and float(value) > 0 else None


def _bytes(value: Any) -> int | None:
    number = _positive(value)
    return None if number is None else int(number)


def restart_policy(service: Mapping[str, Any]) -> str:
    """``no``, ``always``, ``unless-stopped`` or ``on-failure`` (with its count), wherever it is written."""
    if service.get("restart"):
        return str(service["restart"])
    policy = (service.get("deploy") or {}).get("restart_policy") or {}
    named = {"none": "no", "on-failure": "on-failure", "any": "always"}
    return named.get(str(policy.get("condition", "none" if not policy else "any")), "no")


def _health_check(check: Mapping[str, Any] | None) -> HealthCheck | None:
    test = list((check or {}).get("test") or [])
    if check is None or check.get("disable") or not test or test[0] == "NONE":
        return None
    is_shell = test[0] == "CMD-SHELL"
    words = test[1:] if test[0] in {"CMD", "CMD-SHELL"} else test
    return HealthCheck(
        test=tuple(unescape(str(word)) for word in words),
        is_shell=is_shell,
        interval_seconds=seconds_of(check.get("interval"), 30.0),
        timeout_seconds=seconds_of(check.get("timeout"), 30.0),
        retries=int(check.get("retries") or 3),
        start_period_seconds=seconds_of(check.get("start_period"), 0.0),
    )


def _published(port: Mapping[str, Any]) -> str:
    address = f"{port['host_ip']}:" if port.get("host_ip") else ""
    suffix = "" if port.get("protocol", "tcp") == "tcp" else f"/{port['protocol']}"
    return f"{address}{port.get('published') or 'any'}->{port['target']}{suffix}"


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (unescape(value),)
    return tuple(unescape(str(word)) for word in value) if isinstance(value, list) else ()


def _env_file_entry(entry: object) -> tuple[str, bool]:
    if isinstance(entry, Mapping):
        return str(entry.get("path", "")), bool(entry.get("required", True))
    return str(entry), True


def _matches(written: str, path: str) -> bool:
    """Whether an ``env_file`` as written may be the one compose names; a variable in it may stand for anything."""
    return written == path or "$" in written


def _shown(path: str, folder: Path) -> str:
    return os.path.relpath(path, folder) if Path(path).is_relative_to(folder) else path


def _line_of(file: Path, keys: list[str]) -> int | None:
    """The 1-based line of a dotted key; of its deepest parent that is there where it is not."""
    import yaml  # noqa: PLC0415  # only on the way to an error

    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    line = None
    for key in keys:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((k, v) for k, v in pairs if isinstance(k, yaml.ScalarNode) and k.value == key), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
