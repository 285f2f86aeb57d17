"""What the owner's ``processes:`` mean on this machine: placeholders filled, mistakes named before anything starts. Pure."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

from readiness.exceptions import ConfigError
from readiness.target import ProcessSpec, Target

__all__ = ["PLACEHOLDERS", "Places", "check_processes", "expand", "order"]

#: Placeholder -> meaning, for errors and documentation.
PLACEHOLDERS = {
    "port": "this service's port",
    "port:SERVICE": "the port of another service",
    "state": "this service's throw-away directory",
    "folder": "the target's folder",
    "python": "the Python that runs the audit",
}
#: What an ``install`` may use: it runs once per run, before any stack has ports or directories.
INSTALL_PLACEHOLDERS = frozenset({"folder", "python"})

_PLACEHOLDER = re.compile(r"\{\{(?P<literal>[a-z_]+(?::[^{}]*)?)\}\}|\{(?P<name>[a-z_]+)(?::(?P<service>[^{}]*))?\}")
#: A service name becomes a directory name.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where one service of one stack lives. ``ports`` maps every service with a port to its port on this machine."""

    service: str
    folder: str
    state: str = ""
    ports: Mapping[str, int]


def expand(text: str, places: Places) -> str:
    """Fill the placeholders of ``text``; ``{{port}}`` stays ``{port}``, other braces are left alone.

    Raises:
        ConfigError: an unknown placeholder, or the port of a service that has none.
    """

    def fill(match: re.Match[str]) -> str:
        if match["literal"]:
            return f"{{{match['literal']}}}"
        name, service = match["name"], match["service"]
        if name == "port":
            wanted = places.service if service is None else service
            if wanted not in places.ports:
                raise ConfigError(f"{match[0]}: service {wanted!r} declares no port")
            return str(places.ports[wanted])
        known = {"state": places.state, "folder": places.folder, "python": sys.executable}
        if name not in known or service is not None:
            raise ConfigError(
                f"unknown placeholder {match[0]}; there are {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}",
                hint=f"write {{{match[0]}}} for the text itself",
            )
        return known[name]

    return _PLACEHOLDER.sub(fill, text)


def order(processes: Mapping[str, ProcessSpec]) -> tuple[str, ...]:
    """The services, each behind those that it starts ``after``.

    Raises:
        ConfigError: they wait for each other.
    """
    try:
        return tuple(TopologicalSorter({name: spec.after for name, spec in processes.items()}).static_order())
    except CycleError as error:
        raise ConfigError(f"processes: 'after' goes round in a circle: {' -> '.join(error.args[1])}") from error


def check_processes(target: Target) -> None:
    """Look for every mistake that shows without starting anything.

    Raises:
        ConfigError: names the file and ``processes.SERVICE.KEY``.
    """
    for name, spec in target.processes.items():
        try:
            _check_names(name, spec, target.processes)
            _check_command(name, spec, target)
            _check_state(spec)
        except ConfigError as error:
            raise ConfigError(f"processes.{name}: {error.message}", file=target.file, hint=error.hint) from error
    try:
        order(target.processes)
    except ConfigError as error:
        raise ConfigError(error.message, file=target.file) from error
    # Next to a compose file these may name services that exist there only.
    for key in ("environment", "deadlines") if target.compose is None else ():
        declared: Iterable[str] = getattr(target, key)
        if strangers := sorted(set(declared) - set(target.processes)):
            raise ConfigError(
                f"{key}: no service {strangers[0]!r} in processes; there are {', '.join(sorted(target.processes))}",
                file=target.file,
            )


def _check_names(name: str, spec: ProcessSpec, processes: Mapping[str, ProcessSpec]) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError("a service's name consists of letters, digits, '_', '.' and '-'")
    for other in spec.after:
        if other not in processes:
            raise ConfigError(f"after: no service {other!r}; there are {', '.join(sorted(processes))}")
    if spec.stop_signal not in signal.Signals.__members__:
        raise ConfigError(f"stop_signal: {spec.stop_signal!r} is no signal; expected a name like SIGTERM")


def _check_command(name: str, spec: ProcessSpec, target: Target) -> None:
    ports = {other: s.port for other, s in target.processes.items() if s.port is not None}
    places = Places(service=name, folder=target.folder, ports=ports)
    if not spec.command:
        raise ConfigError("command: is empty")
    texts = (*spec.command, *spec.env.values())
    for text in texts:
        expand(text, places)
    for text in spec.install:
        expand(text, places)
        if foreign := _used([text]) - INSTALL_PLACEHOLDERS:
            raise ConfigError(
                f"install: runs once per run, before there is a {{{min(foreign)}}}; "
                f"it may use {', '.join(f'{{{p}}}' for p in sorted(INSTALL_PLACEHOLDERS))}"
            )
    if spec.port is not None and not _used(texts) & {"port", f"port:{name}"}:
        raise ConfigError(
            f"declares port {spec.port}, but neither command nor env uses {{port}}",
            hint="the audit gives each service a free port, so that it meets nothing of yours",
        )
    if spec.ready is not None and spec.port is None:
        raise ConfigError(f"ready: {spec.ready} needs a port")
    if spec.state and "state" not in _used(texts):
        raise ConfigError(
            "declares state, but neither command nor env uses {state}: it would write to your own files",
            hint="point it at its copy, for example {state}/" + spec.state[0],
        )


def _check_state(spec: ProcessSpec) -> None:
    for path in spec.state:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise ConfigError(f"state: {path!r} is not a path below the target's folder")


def _used(texts: Iterable[str]) -> frozenset[str]:
    """The placeholders in ``texts``, as ``name`` or ``name:service``."""
    return frozenset(
        match["name"] if match["service"] is None else f"{match['name']}:{match['service']}"
        for text in texts
        for match in _PLACEHOLDER.finditer(text)
        if match["name"]
    )
