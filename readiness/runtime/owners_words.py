"""How the owner's programs call their project, its files and containers, and what the copy's are called instead.

A confined program may name what is its owner's own; what it gets to see of the copy is told in the owner's words. Only
names of the copy ever reach the engine.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readiness.runtime.confine import FOLDER
from readiness.target import Target

__all__ = ["Known", "OwnersWords", "without_own"]

_FILES, _ENV_FILES = frozenset({"-f", "--file"}), frozenset({"--env-file"})
_PROJECTS, _FOLDERS = frozenset({"-p", "--project-name"}), frozenset({"--project-directory"})


@dataclass(frozen=True, kw_only=True)
class Known:
    """A container, volume or network of the copy.

    Attributes:
        name: of the copy's.
        ids: by which the engine knows it, too.
        owners: names of its like in the owner's stack; the first is the one that is shown.
        service: of a container.
        number: of a container among those of its service.
    """

    name: str
    ids: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    service: str = ""
    number: str = "1"


@dataclass(frozen=True, kw_only=True)
class OwnersWords:
    """What is the owner's own; paths as a confined program sees them.

    Attributes:
        projects: names of the project; the first is the one that is shown, none: the copy's.
        files: the compose files.
        env_files: what their variables come from.
    """

    projects: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()

    @classmethod
    def of(cls, target: Target) -> OwnersWords:
        """As the declaration has them."""
        declared = target.compose
        files = tuple(_inside(name) for name in declared.files) if declared else ()
        env_file = (declared.env_file if declared else None) or ".env"
        # The Compose specification's rule for the name of a project.
        names = (re.sub(r"[^a-z0-9_-]", "", n.lower()).lstrip("_-") for n in (target.name, _base(target.folder)))
        projects = tuple(dict.fromkeys(name for name in names if name))
        return cls(projects=projects, files=files, env_files=(_inside(env_file),))

    def are_own(self, option: str, value: str, cwd: str) -> bool:
        """Whether an option of compose's names nothing but what is the owner's own."""
        if option in _PROJECTS:
            return value in self.projects
        if option in _FILES:  # COMPOSE_FILE holds several
            return all(_inside(part, cwd) in self.files for part in value.split(":"))
        if option in _ENV_FILES:
            return _inside(value, cwd) in self.env_files
        return option in _FOLDERS and _inside(value, cwd) in {FOLDER, *(posixpath.dirname(f) for f in self.files[:1])}

    def names_of(self, service: str, number: str, fixed: str) -> tuple[str, ...]:
        """The names of a service's container in the owner's stack, given its ``container_name`` if it has one."""
        return (fixed,) if fixed else tuple(f"{project}-{service}-{number}" for project in self.projects)

    def known(self, kind: str, seen: Mapping[str, Any], model: Mapping[str, Any]) -> Known:
        """A volume or network of the copy, with the names of its like in the owner's stack.

        Args:
            kind: ``volumes`` or ``networks``, as the model calls them.
            seen: as the engine lists it.
            model: the owner's, resolved.
        """
        key = str((seen.get("Labels") or {}).get(f"com.docker.compose.{kind.removesuffix('s')}", ""))
        said = str(((model.get(kind) or {}).get(key) or {}).get("name") or "")
        usual = [f"{project}_{key}" for project in self.projects] if key else []
        # A name that ends as usual is compose's own, after whatever the project was called where it was read.
        names = [*usual, said] if said.endswith(f"_{key}") else [said, *usual]
        return Known(
            name=str(seen["Name"]),
            ids=(str(seen["Id"]),) if seen.get("Id") else (),
            owners=tuple(dict.fromkeys(name for name in names if name)),
        )

    def told(self, text: str, *, project: str, containers: Iterable[Known]) -> str:
        """An answer about the copy, in these words."""
        shown: Mapping[str, str] = {k.name: k.owners[0] for k in containers if k.owners}
        if shown:
            longest_first = "|".join(re.escape(name) for name in sorted(shown, key=len, reverse=True))
            text = re.sub(rf"(?<![\w.-])(?:{longest_first})(?![\w.-])", lambda found: shown[found.group()], text)
        return text.replace(project, self.projects[0]) if self.projects else text


def without_own(words: Sequence[str], own: OwnersWords, *, cwd: str, also: Collection[str]) -> tuple[str, ...] | None:
    """Words behind ``docker compose`` without the options before its command; None where one names anything else.

    Args:
        words: of the command line.
        own: what may be named.
        cwd: where it is run, as the program sees it.
        also: names of the project that are known, too.
    """
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option, is_joined, value = rest.pop(0).partition("=")
        if not is_joined:
            if not rest:
                return None
            value = rest.pop(0)
        if not own.are_own(option, value, cwd) and not (option in _PROJECTS and value in also):
            return None
    return tuple(rest)


def _inside(path: str, cwd: str = FOLDER) -> str:
    return posixpath.normpath(posixpath.join(cwd, path))


def _base(folder: str) -> str:
    return posixpath.basename(posixpath.abspath(folder))
