"""What becomes of each mount of the owner's: a copy, an empty place, or nothing. Decides only; nothing is copied here.

The owner's files are never mounted writable. What a container may write goes into a volume of the run's, seeded with a
copy where it is source or configuration, empty where it is data. What it only reads is a copy in the run's folder.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

__all__ = ["Decision", "Disk", "FileCopy", "Mounts", "Refusal", "VolumeSeed", "is_stores_own"]

#: Of one mount's copy. Source trees are smaller; what is bigger is data or a dependency folder.
COPY_LIMIT_BYTES = 256 * 1024 * 1024

#: Whoever can talk to an engine owns the machine. A service that needs one cannot be audited in a copy.
ENGINE_SOCKETS = re.compile(r"(^|/)(docker|podman|containerd|crio|buildkitd)\.sock$|^/run/(docker|containerd)(/|$)")
#: The machine itself; ``/`` and what has no other word here is caught by being a parent of the owner's folder.
MACHINE_PATHS = (
    "/bin", "/boot", "/cgroup", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys",
    "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/sbin", "/var/run",
)  # fmt: skip
#: Public facts of the machine that images like to be told; read-only copies of them harm nobody.
HARMLESS_FILES = ("/etc/localtime", "/etc/timezone")
HARMLESS_FOLDERS = (
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/usr/local/share/ca-certificates",
)

#: Container paths that hold configuration, whatever the folder outside is called.
CONFIGURATION_TARGETS = ("/docker-entrypoint-initdb.d", "/etc", "/run/secrets", "/usr/local/etc", "/usr/share")
DATA_TARGETS = (
    "/backup", "/backups", "/bitnami", "/data", "/qdrant/storage", "/usr/share/elasticsearch/data", "/var/backups",
    "/var/data", "/var/lib", "/var/log", "/var/opt",
)  # fmt: skip
DATA_NAME = re.compile(
    r"^(.*[-_.])?(backups?|cache|data|database|db|dumps?|logs?|media|mysql|pgdata|postgres|redis|state|storage|tmp|uploads?|volumes?)$"
    r"|^data[-_.]",
    re.IGNORECASE,
)
#: Where stores keep what they make by themselves at their first start: empty, they are as in a fresh clone.
STORE_TARGETS = (
    "/bitnami", "/data/configdb", "/data/db", "/qdrant/storage", "/usr/share/elasticsearch/data",
    "/usr/share/opensearch/data", "/var/lib/cassandra", "/var/lib/clickhouse", "/var/lib/mariadb", "/var/lib/mysql",
    "/var/lib/postgresql", "/var/lib/rabbitmq", "/var/lib/redis", "/var/lib/valkey",
)  # fmt: skip
#: Images whose store is ``/data``, a place where other images expect what they are given.
STORES_IN_DATA = re.compile(r"^(dragonfly|keydb|minio|neo4j|redis|redis-stack|redis-stack-server|valkey)$")
DATA_FILE = re.compile(r"\.(aof|db|db3|log|rdb|sqlite|sqlite3)$", re.IGNORECASE)


class Disk(Protocol):
    """What deciding needs to know about files."""

    def real(self, path: str) -> str:
        """The path without links."""

    def kind(self, path: str) -> str:
        """``file``, ``folder``, ``missing``, or ``other`` (socket, device, unreadable)."""

    def is_within(self, path: str, *, limit_bytes: int) -> bool:
        """Whether everything below ``path`` is at most ``limit_bytes``."""

    def has_content(self, path: str) -> bool:
        """Whether there is anything in a file or folder."""


@dataclass(frozen=True, kw_only=True)
class FileCopy:
    """A file or folder to copy into the run's folder. ``content`` where there is nothing to copy from."""

    source: str
    destination: str
    content: str | None = None


@dataclass(frozen=True, kw_only=True)
class VolumeSeed:
    """A volume that gets its owner, mode and (unless ``is_empty``) content from ``source`` before ``service`` starts."""

    service: str
    volume: str
    target: str
    source: str
    is_empty: bool


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The service cannot be run at all."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of one bind mount.

    Attributes:
        mount: the mount in the copy; None where it is left out.
        what, why: for the list of changes.
        volume: the run's own volume that it needs.
        is_missing: the owner's source is not there.
        takes_away: the service lacks something that the owner gave it.
        supply: what the owner can declare against that.
    """

    mount: dict[str, Any] | None
    what: str
    why: str
    copy: FileCopy | None = None
    seed: VolumeSeed | None = None
    volume: str | None = None
    is_missing: bool = False
    takes_away: bool = False
    supply: str = ""


class Mounts:
    """Decides mounts of one project; the same source becomes the same place for all its services.

    Args:
        folder: the owner's folder.
        home: the home folder of the user who runs the audit.
        place: the run's own folder for the copies of this project.
        disk: knows the owner's files.
        writable: sources (without links) that some service mounts writable.
        declared: sources (without links) that the owner gives to the copy in so many words, data or not.
    """

    def __init__(
        self,
        *,
        folder: str,
        home: str,
        place: str,
        disk: Disk,
        writable: frozenset[str],
        declared: frozenset[str] = frozenset(),
    ) -> None:
        self._folder, self._home = disk.real(folder), disk.real(home)
        self._place, self._disk, self._writable, self._declared = place, disk, writable, declared
        self._volumes: dict[str, str] = {}
        self._copies: dict[str, str] = {}

    def decide(  # noqa: C901, PLR0911  # one kind of source after the other, the dangerous ones first
        self, service: str, mount: Mapping[str, Any], *, image: str = ""
    ) -> Decision | Refusal:
        """What becomes of this bind mount of ``service``, which the owner runs from ``image``."""
        source, target = str(mount.get("source") or ""), str(mount["target"])
        real = self._disk.real(source)
        shown = f"{self._shown(source)} at {target}"
        if ENGINE_SOCKETS.search(source) or ENGINE_SOCKETS.search(real):
            return Refusal(reason=f"mounts the container engine's socket ({source}): whoever has it owns this machine")
        kind = self._disk.kind(real)
        if kind == "other":
            return _left_out(shown, "a socket or device of this machine is not shared with a copy")
        is_inside = _is_below(real, self._folder)
        if not is_inside and (refusal := self._of_the_machine(real)):
            return _left_out(shown, refusal)
        if not is_inside and (refusal := self._of_others(real)):
            if kind == "file":
                return _left_out(shown, refusal)
            decision = self._in_volume(service, mount, real, f"{shown}: an empty volume instead", is_empty=True)
            return dataclasses.replace(decision, why=refusal, takes_away=True)
        is_read_only = bool(mount.get("read_only")) and real not in self._writable
        if kind == "missing":
            return self._missing(service, mount, real, shown)
        if kind == "file":
            return self._file(mount, real, shown)
        is_source = real in self._declared or self._is_source(
            source, target, is_inside=is_inside, is_read_only=is_read_only
        )
        if not is_source:
            decision = self._in_volume(service, mount, real, f"{shown}: an empty volume instead", is_empty=True)
            if is_stores_own(target, image) or not self._disk.has_content(real):
                return decision
            # A service may need what it was given there: models, fixtures, a tracked data set.
            given = f"./{os.path.relpath(real, self._folder)}" if is_inside else "./A_FOLDER_WITH_WHAT_IT_NEEDS"
            supply = f"replace:\n  {service}: {{mounts: {{{target}: {given}}}}}"
            return dataclasses.replace(decision, takes_away=True, supply=supply)
        if not self._disk.is_within(real, limit_bytes=COPY_LIMIT_BYTES):
            return self._too_big(service, mount, real, shown, is_inside=is_inside, is_read_only=is_read_only)
        if not is_read_only:
            return self._in_volume(service, mount, real, f"{shown}: a volume with a copy instead", is_empty=False)
        return self._copied(mount, real, f"{shown}: a copy instead")

    def copy_of(self, source: str) -> FileCopy:
        """A copy of one file, for secrets and configs."""
        real = self._disk.real(source)
        return FileCopy(source=real, destination=self._destination(real))

    def _of_the_machine(self, real: str) -> str | None:
        """Why no container gets anything like this path; None where it is not the machine's own."""
        if real in HARMLESS_FILES or any(_is_below(real, folder) for folder in HARMLESS_FOLDERS):
            return None
        if _is_below(self._folder, real):
            return "it holds the project's own folder and more"
        if any(_is_below(real, path) for path in MACHINE_PATHS):
            return "it belongs to this machine, not to the stack"
        return None

    def _of_others(self, real: str) -> str | None:
        """Why the copy gets nothing out of this path; None where it may read a copy."""
        beside = str(PurePosixPath(self._folder).parent)
        if _is_below(real, self._home) and not (_is_below(real, beside) and beside != self._home):
            return "it belongs to the user's home"
        if any(part.startswith(".") for part in PurePosixPath(real).parts):
            return "it is hidden, outside the project"
        return None

    def _is_source(self, source: str, target: str, *, is_inside: bool, is_read_only: bool) -> bool:
        if is_read_only or any(_is_below(target, path) for path in CONFIGURATION_TARGETS):
            return True
        if not is_inside or any(_is_below(target, path) for path in DATA_TARGETS):
            return False
        return not (DATA_NAME.match(PurePosixPath(source).name) or DATA_NAME.match(PurePosixPath(target).name))

    def _missing(self, service: str, mount: Mapping[str, Any], real: str, shown: str) -> Decision:
        why = "it does not exist; docker would make an empty folder of it in the owner's tree"
        if (mount.get("bind") or {}).get("create_host_path") is False:
            # The engine refuses to create the container, and so it does for the copy.
            absent = f"{self._place}/absent-{PurePosixPath(real).name}"
            kept = {**_kept(mount), "type": "bind", "source": absent, "bind": {"create_host_path": False}}
            return Decision(
                mount=kept, what=f"{shown}: absent in the copy too", why="it does not exist", is_missing=True
            )
        stand_in = f"{shown}: an empty folder of the run's own instead"
        decision = self._in_volume(service, mount, real, stand_in, is_empty=True)
        return dataclasses.replace(decision, why=why, seed=None, is_missing=True)

    def _file(self, mount: Mapping[str, Any], real: str, shown: str) -> Decision:
        is_data = bool(DATA_FILE.search(real)) and not mount.get("read_only")
        if is_data or not self._disk.is_within(real, limit_bytes=COPY_LIMIT_BYTES):
            decision = self._copied(mount, real, f"{shown}: an empty file instead")
            assert decision.copy is not None  # noqa: S101  # _copied always has one; tells the type checker
            empty = dataclasses.replace(decision.copy, content="")
            return dataclasses.replace(
                decision, why="the owner's data stays out", copy=empty, takes_away=self._disk.has_content(real)
            )
        return self._copied(mount, real, f"{shown}: a copy instead")

    def _too_big(
        self, service: str, mount: Mapping[str, Any], real: str, shown: str, *, is_inside: bool, is_read_only: bool
    ) -> Decision:
        size = f"more than {COPY_LIMIT_BYTES // 1024 // 1024} MiB"
        if not is_inside:
            decision = self._in_volume(service, mount, real, f"{shown}: an empty volume instead, {size}", is_empty=True)
            return dataclasses.replace(decision, takes_away=True)
        kept = {
            **_kept(mount), "type": "bind", "source": real, "read_only": True, "bind": {"create_host_path": False},
        }  # fmt: skip
        why = f"{size} to copy; the original is never writable"
        return Decision(mount=kept, what=f"{shown}: read-only", why=why, takes_away=not is_read_only)

    def _in_volume(self, service: str, mount: Mapping[str, Any], real: str, what: str, *, is_empty: bool) -> Decision:
        is_first = real not in self._volumes
        name = self._volumes.setdefault(real, f"mount-{len(self._volumes) + 1}")
        # A bind mount hides what the image has at that place; a volume would copy it up.
        kept = {**_kept(mount), "type": "volume", "source": name, "volume": {"nocopy": True}}
        seed = VolumeSeed(service=service, volume=name, target=str(mount["target"]), source=real, is_empty=is_empty)
        why = "the owner's data stays out" if is_empty else "the owner's files are never written"
        return Decision(mount=kept, what=what, why=why, volume=name, seed=seed if is_first else None)

    def _copied(self, mount: Mapping[str, Any], real: str, what: str) -> Decision:
        destination = self._destination(real)
        kept = {**_kept(mount), "type": "bind", "source": destination, "bind": {"create_host_path": False}}
        copy = FileCopy(source=real, destination=destination)
        return Decision(mount=kept, what=what, why="the owner's files are never touched", copy=copy)

    def _destination(self, real: str) -> str:
        name = PurePosixPath(real).name or "root"
        return self._copies.setdefault(real, f"{self._place}/{len(self._copies) + 1}-{name}")

    def _shown(self, source: str) -> str:
        return os.path.relpath(source, self._folder) if _is_below(source, self._folder) else source


def is_stores_own(target: str, image: str) -> bool:
    """Whether ``target`` is where the store in ``image`` keeps its own data, which it makes anew in an empty place."""
    name = re.split(r"[:@]", image.rpartition("/")[2])[0]
    is_store_in_data = bool(STORES_IN_DATA.match(name)) and _is_below(target, "/data")
    return is_store_in_data or any(_is_below(target, path) for path in STORE_TARGETS)


def _left_out(shown: str, why: str) -> Decision:
    return Decision(mount=None, what=f"{shown}: left out", why=why, takes_away=True)


def _kept(mount: Mapping[str, Any]) -> dict[str, Any]:
    """What survives of a mount whatever it becomes; propagation and SELinux labels reach beyond the container."""
    return {key: mount[key] for key in ("target", "read_only") if key in mount}


def _is_below(path: str, parent: str) -> bool:
    """Whether ``path`` is ``parent`` or lies in it, by name."""
    return PurePosixPath(path).is_relative_to(parent)
