"""What the owner's backup and restore programs may do to the copy, understood from a docker command line. Pure.

By name: a command, an option or a name that is not known is refused, since it may mean another stack. Nothing is ever
removed: what a restore replaces, it replaces inside the copy's containers and volumes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from readiness.runtime.command_options import Options, Pairs
from readiness.runtime.confine import FOLDER
from readiness.runtime.owners_words import Known, OwnersWords, without_own

__all__ = ["Bind", "Copied", "Copy", "Doing", "Executed", "Plain", "Ran", "doing"]

_EXEC = Options("-i --interactive|-t --tty|-d --detach|-e: --env:|-u: --user:|-w: --workdir:")
_COMPOSE_EXEC = Options(
    "-i --interactive|-t --tty|-d --detach|-e: --env:|-u: --user:|-w: --workdir:|-T --no-TTY --no-tty|--index:"
)
_STOP, _START = Options("-t: --time: --timeout:"), Options("")
_UP = Options(
    "-d --detach|--no-deps|--no-build|--build|--wait|--no-recreate|--force-recreate|--quiet-pull|-t: --timeout:"
)
_OF_COMPOSE = {"stop": _STOP, "start": _START, "restart": Options("-t: --timeout:|--no-deps"), "up": _UP}
_OF_DOCKER = {"stop": _STOP, "start": _START, "restart": _STOP}
_CP = Options("-a --archive|-q --quiet|--index:")
_RUN = Options(
    "--rm|-i --interactive|-t --tty|-v: --volume:|--mount:|-e: --env:|-u: --user:|-w: --workdir:|--entrypoint:"
    "|--name:|--network: --net:|--volumes-from:|--pull:|-q --quiet|--init"
)
_VOLUME = {"ls": Options("-q --quiet|-f: --filter:|--format:"), "inspect": Options("-f: --format:")}
_BEHIND = "only what a backup or restore does to the audit's own copy is done"


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What of the copy can be named.

    Attributes:
        project: its name.
        containers: at this moment.
        volumes: as the containers.
        networks: as above.
        images: as the owner calls them -> what stands in for them.
        places: absolute paths, as the program sees them, below which its files may be shown to a container.
    """

    project: str
    containers: tuple[Known, ...]
    volumes: tuple[Known, ...] = ()
    networks: tuple[Known, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    places: tuple[str, ...] = (FOLDER,)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Words for ``docker compose`` of the copy, or for ``docker``, whose output is told when they have ended."""

    compose: tuple[str, ...] = ()
    docker: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Executed:
    """Words for ``docker``, with the program's own streams."""

    docker: tuple[str, ...]
    reads: bool


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy between a container and the program's files.

    Attributes:
        container: the copy's.
        path: in the container.
        inside: as the program sees it; ``-`` for its streams, as an archive.
        is_out: whether it comes from the container.
    """

    container: str
    path: str
    inside: str
    is_out: bool


@dataclass(frozen=True, kw_only=True)
class Bind:
    """A folder of the program's that a container finds at ``target``."""

    path: str
    target: str
    is_read_only: bool


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A container that is made of an image, beside the copy, and removed.

    Attributes:
        options: for ``docker create``.
        image: as it is called here.
        command: and its arguments.
        binds: folders that are carried in before, and out afterwards.
        reads: whether it reads the program's input.
    """

    options: tuple[str, ...]
    image: str
    command: tuple[str, ...]
    binds: tuple[Bind, ...]
    reads: bool


Doing = Plain | Executed | Copy | Ran


def doing(
    words: Sequence[str], *, copied: Copied, own: OwnersWords, cwd: str, environment: Mapping[str, str]
) -> Doing | str | None:
    """What a command line does to the copy; why it is refused; None where it does nothing, and may be a question.

    Args:
        words: behind ``docker``.
        copied: what can be named.
        own: how the owner calls it.
        cwd: where the command is run, as the program sees it.
        environment: the program's, of which options may name variables without their value.
    """
    line = _Line(f"docker {' '.join(words)}"[:200], copied, cwd, environment)
    name, rest = (words[0], list(words[1:])) if words else ("", [])
    if other := _elsewhere(environment, own, project=copied.project, cwd=cwd):
        return f"{line.said}: {other} names another engine, project or file"
    if name == "compose":
        behind = without_own(rest, own, cwd=cwd, also=(copied.project,))
        return line.of_compose(list(behind)) if behind else None
    if name == "container" and rest:
        name, rest = rest[0], rest[1:]
    if name in _OF_DOCKER:
        return line.containers(name, rest)
    acts: Mapping[str, Callable[[list[str]], Doing | str]] = {
        "exec": line.executed,
        "cp": lambda behind: line.copy(behind, line.container),
        "run": line.ran,
        "volume": line.of_volumes,
    }
    return acts[name](rest) if name in acts else None


@dataclass(frozen=True)
class _Line:
    said: str
    copied: Copied
    cwd: str
    environment: Mapping[str, str]

    def of_compose(self, words: list[str]) -> Doing | str | None:
        name, rest = words[0], words[1:]
        if name in {"exec", "cp"}:
            return self._of_service(rest) if name == "exec" else self.copy(rest, self._numbered)
        if name not in _OF_COMPOSE:
            return None
        parsed = _OF_COMPOSE[name].parsed(rest, is_mixed=True)
        if parsed is None:
            return self._refused()
        options, services = parsed
        present = sorted({one.service for one in self.copied.containers if one.service})
        if not set(services) <= set(present):
            return self._refused("the copy has no container of such a service")
        if name != "up":
            return Plain(compose=(name, *_OF_COMPOSE[name].spelled(options), *services))
        return self._up(options, services or present)

    def _up(self, options: Pairs, services: Sequence[str]) -> Doing | str:
        if ("-d", "") not in options and ("--wait", "") not in options:
            return self._refused("in the foreground it does not end")
        kept = [pair for pair in options if pair[0] in {"--no-deps", "--wait", "--force-recreate", "-t"}]
        # What is built is there, and what was left out of this copy stays so.
        return Plain(compose=("up", "--detach", "--no-build", *_UP.spelled(kept), *services))

    def _of_service(self, words: list[str]) -> Doing | str:
        parsed = _COMPOSE_EXEC.parsed(words)
        if parsed is None or len(parsed[1]) < 2:  # noqa: PLR2004  # a service and a command
            return self._refused()
        options, (service, *command) = parsed
        index = next((value for name, value in options if name == "--index"), "1")
        container = self._numbered(service, index)
        if container is None:
            return self._refused(f"the copy has no container of {service}")
        is_detached = ("-d", "") in options
        kept = [pair for pair in options if pair[0] in {"-e", "-u", "-w", "-d"}]
        # Compose takes a terminal only where there is one, and hands the input on without being told.
        reads = not is_detached and ("-i", "false") not in options
        flags = [*(["-i"] if reads else []), *self._with_values(kept, _EXEC)]
        return Executed(docker=("exec", *flags, container, *command), reads=reads)

    def executed(self, words: list[str]) -> Doing | str:
        parsed = _EXEC.parsed(words)
        if parsed is None or len(parsed[1]) < 2:  # noqa: PLR2004  # a container and a command
            return self._refused()
        options, (named, *command) = parsed
        container = self.container(named, "1")
        if container is None:
            return self._refused(f"the copy has no container {named}")
        flags = self._with_values(options, _EXEC)
        return Executed(docker=("exec", *flags, container, *command), reads="-i" in flags)

    def containers(self, name: str, words: list[str]) -> Doing | str:
        parsed = _OF_DOCKER[name].parsed(words, is_mixed=True)
        if parsed is None or not parsed[1]:
            return self._refused()
        found = [self.container(named, "1") for named in parsed[1]]
        if not all(found):
            return self._refused("the copy has no such container")
        return Plain(docker=(name, *_OF_DOCKER[name].spelled(parsed[0]), *map(str, found)))

    def copy(self, words: list[str], container_of: Callable[[str, str], str | None]) -> Doing | str:
        parsed = _CP.parsed(words, is_mixed=True)
        if parsed is None or len(parsed[1]) != 2:  # noqa: PLR2004  # from, to
            return self._refused()
        index = next((value for name, value in parsed[0] if name == "--index"), "1")
        (out, source), (into, target) = (_in_container(word) for word in parsed[1])
        if bool(out) == bool(into):
            return self._refused("one side is a container, and only one")
        container = container_of(out or into, index)
        if container is None:
            return self._refused(f"the copy has no container {out or into}")
        path, inside = (source, target) if out else (target, source)
        here = inside if inside == "-" else self._inside(inside)
        return Copy(container=container, path=path, inside=here, is_out=bool(out))

    def ran(self, words: list[str]) -> Doing | str:
        parsed = _RUN.parsed(words)
        if parsed is None or not parsed[1]:
            return self._refused()
        options, (image, *command) = parsed
        if ("--rm", "") not in options:
            return self._refused("a container that would stay is not made; --rm")
        made: list[str] = []
        binds: list[Bind] = []
        network = "none"
        for name, value in options:
            if name in {"-v", "--mount"}:
                mount = self._mount(value) if name == "-v" else self._long_mount(value)
                if isinstance(mount, str):
                    return self._refused(mount)
                binds += [mount] if isinstance(mount, Bind) else []
                # A volume without a name takes what is carried in, and goes with the container.
                made += ["-v", mount.target] if isinstance(mount, Bind) else mount
            elif name == "--volumes-from":
                container = self.container(value.partition(":")[0], "1")
                if container is None:
                    return self._refused("the copy has no such container")
                made += [name, f"{container}{value[len(value.partition(':')[0]) :]}"]
            elif name == "--network":
                found = value if value == "none" else _named(value, self.copied.networks)
                if found is None:
                    return self._refused("the copy has no such network")
                network = found
        kept = [pair for pair in options if pair[0] in {"-i", "-t", "-e", "-u", "-w", "--entrypoint", "--init"}]
        made += [*self._with_values(kept, _RUN), "--network", network]
        return Ran(
            options=tuple(made),
            image=self.copied.images.get(image, image),
            command=tuple(command),
            binds=tuple(binds),
            reads=("-i", "") in options,
        )

    def of_volumes(self, words: list[str]) -> Doing | str:
        name, rest = (words[0], words[1:]) if words else ("", [])
        name = "ls" if name == "list" else name
        parsed = _VOLUME[name].parsed(rest, is_mixed=True) if name in _VOLUME else None
        if parsed is None:
            return self._refused()
        options, named = parsed
        found = [_named(each, self.copied.volumes) for each in named]
        if not all(found) or bool(named) == (name == "ls"):
            return self._refused("the copy has no such volume")
        if name == "inspect":
            return Plain(docker=("volume", name, *_VOLUME[name].spelled(options), *map(str, found)))
        sought = [value for option, value in options if option == "-f"]
        if not all(value.startswith("name=") for value in sought):
            return self._refused("volumes are told apart by name alone")
        wanted = [
            one.name
            for one in self.copied.volumes
            if all(
                any(value.removeprefix("name=").strip("^$") in n for n in one.owners or (one.name,)) for value in sought
            )
        ]
        kept = _VOLUME[name].spelled([pair for pair in options if pair[0] != "-f"])
        if not wanted:
            wanted = ["no such volume"]
        return Plain(docker=("volume", name, *kept, *(f"--filter=name=^{each}$" for each in wanted)))

    def container(self, named: str, _index: str) -> str | None:
        """The copy's name of a container, by any of its names."""
        return _named(named, self.copied.containers)

    def _numbered(self, service: str, index: str) -> str | None:
        return next((c.name for c in self.copied.containers if (c.service, c.number) == (service, index)), None)

    def _mount(self, value: str) -> Bind | list[str] | str:
        """What ``-v`` says."""
        source, _, rest = value.partition(":")
        target, _, mode = rest.partition(":")
        if not target:
            return ["-v", value] if source.startswith("/") else "a volume has a place"
        return self._mounted(source, target, is_read_only="ro" in mode.split(","))

    def _long_mount(self, value: str) -> Bind | list[str] | str:
        """What ``--mount`` says."""
        said = {key: text for key, _, text in (part.partition("=") for part in value.split(","))}
        source = said.get("source", said.get("src", ""))
        target = said.get("target", said.get("dst", said.get("destination", "")))
        known = {"type", "source", "src", "target", "dst", "destination", "readonly", "ro", "volume-nocopy"}
        if not source or not target or set(said) - known or said.get("type") not in {"volume", "bind"}:
            return "only a volume of the copy's or a folder is mounted"
        is_read_only = any(said.get(key, "no") in {"", "true", "1"} for key in ("readonly", "ro"))
        if (said["type"] == "bind") != source.startswith(("/", ".")):
            return "only a volume of the copy's or a folder is mounted"
        return self._mounted(source, target, is_read_only=is_read_only)

    def _mounted(self, source: str, target: str, *, is_read_only: bool) -> Bind | list[str] | str:
        if not target.startswith("/") or ":" in target:  # behind a colon it would mean more
            return "a place in a container is an absolute path"
        if not source.startswith(("/", ".")):
            volume = _named(source, self.copied.volumes)
            return (
                ["-v", f"{volume}:{target}{':ro' if is_read_only else ''}"] if volume else "the copy has no such volume"
            )
        path = self._inside(source)
        if not any(path == place or path.startswith(f"{place}/") for place in self.copied.places):
            return f"no container is shown {path}"
        return Bind(path=path, target=target, is_read_only=is_read_only)

    def _inside(self, path: str) -> str:
        """An absolute path; a trailing ``/.``, which has a meaning, stays."""
        whole = posixpath.normpath(posixpath.join(self.cwd, path))
        return f"{whole}/." if path.endswith("/.") or path == "." else whole

    def _with_values(self, options: Pairs, spec: Options) -> list[str]:
        """Options in words; a variable that is named alone gets the program's value: the audit's own is not told."""
        filled = [
            (name, f"{value}={self.environment[value]}" if name == "-e" and "=" not in value else value)
            for name, value in options
            if name != "-e" or "=" in value or value in self.environment
        ]
        return spec.spelled(filled)

    def _refused(self, why: str = _BEHIND) -> str:
        return f"{self.said}: {why}"


def _elsewhere(environment: Mapping[str, str], own: OwnersWords, *, project: str, cwd: str) -> str:
    """The variable by which the program means something else than what it was given; empty where none does."""
    if environment.get("DOCKER_CONTEXT", "default") not in {"", "default"}:
        return "DOCKER_CONTEXT"
    host = environment.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        return "DOCKER_HOST"
    named = environment.get("COMPOSE_PROJECT_NAME", "")
    if named and named != project and not own.are_own("--project-name", named, cwd):
        return "COMPOSE_PROJECT_NAME"
    files = environment.get("COMPOSE_FILE", "")
    return "COMPOSE_FILE" if files and not own.are_own("--file", files, cwd) else ""


def _named(called: str, known: Sequence[Known]) -> str | None:
    return next((one.name for one in known if called in {one.name, *one.ids, *one.owners}), None)


def _in_container(word: str) -> tuple[str, str]:
    """Container and path as ``docker cp`` tells them apart: what begins with a dot or slash is a path here."""
    name, colon, path = word.partition(":")
    return (name, path) if colon and not word.startswith((".", "/")) else ("", word)
