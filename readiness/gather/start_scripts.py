"""The scripts and shell commands by which the stack is started, and where they wait for a fixed time. Reads only."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from readiness.check import Impact
from readiness.facts.model import StackModel
from readiness.facts.startup import StartScript, StartScripts
from readiness.gather import gatherer
from readiness.runtime import Runtime
from readiness.starting.sleeps import sleeps_in, starts_compose
from readiness.target import Target

__all__ = ["found_in", "start_scripts"]

#: Below the target's folder; what lies deeper belongs to somebody else's package.
MAX_DEPTH = 4
MAX_FILES, MAX_BYTES = 2000, 256 * 1024
SKIPPED = frozenset({"node_modules", "venv", "vendor", "site-packages", "__pycache__", "dist", "build"})
SUFFIXES = frozenset({"", ".sh", ".bash"})
SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})
_STARTS = re.compile(r"^\s*(?:ENTRYPOINT|CMD)\s+(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_SHEBANG = re.compile(r"#!.*\b(?:ba|a|da|z|k)?sh\b")


@gatherer(impact=Impact.OBSERVES, at_most_seconds=30)
def start_scripts(target: Target, runtime: Runtime) -> StartScripts:
    """What starts the stack: entry points of its images, commands of its services, scripts that call compose."""
    return found_in(Path(target.folder), runtime.model())


def found_in(folder: Path, model: StackModel) -> StartScripts:
    """The scripts of one folder and the model in it."""
    folders = [folder, *(Path(s.build_context) for s in model.services.values() if s.build_context)]
    files = list(dict.fromkeys(path for one in folders for path in _files(one)))
    found: dict[str, StartScript] = {}
    named: dict[str, str] = {}
    for place, words in _commands(files, model, folder):
        if (inline := _inline(words)) is not None:
            found[place] = StartScript(path=place, why="a shell's command line", sleeps=sleeps_in(inline))
        for word in words:
            named.setdefault(Path(word).name, place)
    unread: list[str] = []
    for path in files:
        shown, by = _shown(path, folder), named.get(path.name)
        if path.suffix not in SUFFIXES or not (by or path.suffix):
            continue
        text = _read(path)
        if text is None and by:
            unread.append(shown)
        elif text is not None and (script := _script(text, shown, by, has_suffix=bool(path.suffix))):
            found[shown] = script
    return StartScripts(scripts=tuple(found[key] for key in sorted(found)), unread=tuple(unread))


def _commands(files: Sequence[Path], model: StackModel, folder: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """What the model's services and the images run: where that stands, and its words."""
    for service in model.services.values():
        yield f"entrypoint of {service.name}", service.entrypoint
        yield f"command of {service.name}", service.command
    for path in files:
        if path.name == "Dockerfile" or path.name.startswith("Dockerfile.") or path.suffix == ".Dockerfile":
            for words in _image_commands(_read(path) or ""):
                yield _shown(path, folder), words


def _script(text: str, shown: str, by: str | None, *, has_suffix: bool) -> StartScript | None:
    """The script, if it is one that starts something."""
    if by and (has_suffix or _SHEBANG.match(text)):
        return StartScript(path=shown, why=f"run by {by}", sleeps=sleeps_in(text))
    if has_suffix and (line := starts_compose(text)) is not None:
        # What is waited for before that is the end of something else.
        sleeps = tuple(sleep for sleep in sleeps_in(text) if sleep.line >= line)
        return StartScript(path=shown, why=f"brings the stack up on line {line}", sleeps=sleeps)
    return None


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for place, names, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        names[:] = sorted(n for n in names if n not in SKIPPED and not n.startswith(".")) if depth < MAX_DEPTH else []
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                count += 1
                yield path
                if count >= MAX_FILES:
                    return


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError:
        return None
    return None if b"\0" in data else data.decode("utf-8", "replace")


def _shown(path: Path, folder: Path) -> str:
    """Relative to the target's folder; a build context beside it is told from there."""
    return os.path.relpath(path, folder)


def _image_commands(dockerfile: str) -> Iterator[tuple[str, ...]]:
    for said in _STARTS.findall(dockerfile.replace("\\\n", " ")):
        try:
            words = json.loads(said)
        except ValueError:
            # The other form is given to a shell.
            yield ("sh", "-c", said)
            with_words = _split(said)
            if with_words:
                yield with_words
            continue
        if isinstance(words, list):
            yield tuple(map(str, words))


def _split(said: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(said))
    except ValueError:
        return ()


def _inline(words: Sequence[str]) -> str | None:
    """The script of ``sh -c SCRIPT``; None for any other command."""
    for number, word in enumerate(words[:-2]):
        if Path(word).name in SHELLS:
            following = words[number + 1]
            if following.startswith("-") and following.endswith("c"):
                return words[number + 2]
    return None
