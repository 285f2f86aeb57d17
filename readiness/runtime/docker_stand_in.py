"""What a confined program finds in place of the docker command: it reads one copy's state, and nothing else can be asked.

The stand-in is a few lines of shell: it leaves its words in a folder that is shared with the audit, and waits for the
answer there. What is asked for is decided here, by name: what reads is asked of the copy, bringing it up is not done
again, and everything else is refused and remembered.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from readiness.runtime.confine import FOLDER, SHARED
from readiness.runtime.owners_words import Known, OwnersWords, without_own

__all__ = ["Answer", "DockerStandIn", "Question", "understood"]

_SHIM = f"""#!/bin/sh
call=$(mktemp -d {SHARED}/calls/XXXXXXXX) || exit 125
printf '%s\\0' "$PWD" "$@" > "$call/words.new" && mv "$call/words.new" "$call/words"
until [ -e "$call/code" ]; do sleep 0.05; done
cat "$call/stdout"
cat "$call/stderr" >&2
exit "$(cat "$call/code")"
"""
POLL_SECONDS = 0.03
MAX_WORDS_BYTES, MAX_ANSWER_BYTES, MAX_CALLS = 64 * 1024, 1024 * 1024, 5000
#: What a filter of ``docker ps`` may go by: the rest is otherwise in a copy, so that an answer would mislead.
_FILTERS = frozenset({"exited", "health", "id", "status"})
_LABELS = frozenset({"container-number", "oneoff", "service"})
_COMPOSE_LABEL = "com.docker.compose."
#: A part of a name, or a pattern that is no work to match.
_NAME_FILTER = re.compile(r"[\w.^$/-]{1,100}(?:\*[\w.^$/-]{0,100}){0,2}")
_CALL = re.compile(r"[A-Za-z0-9.]{4,40}")
#: What reads -> its options, those with a value behind a colon. By name: an option that is not known may name another
#: project, file or engine, also behind the command.
_OF_COMPOSE = {
    "images": "-q --quiet --format:",
    "logs": "--no-color --no-log-prefix -t --timestamps -n: --tail: --since: --until: --index:",
    "port": "--index: --protocol:",
    "ps": "-a --all -q --quiet -aq -qa --services --no-trunc --orphans --format: --filter: --status:",
    "top": "",
    "version": "--short -f: --format:",
}
_OF_DOCKER = {
    "info": "-f: --format:",
    "inspect": "-s --size -f: --format: --type:",
    "logs": "--details -t --timestamps -n: --tail: --since: --until:",
    "ps": "-a --all -q --quiet -aq -qa -l --latest -n: --last: --no-trunc -s --size -f: --filter: --format:",
    "version": "-f: --format:",
}
#: What the audit has done already; their options are as good as done.
_BRINGS_UP = frozenset({"build", "create", "pull", "start"})
_DETACHED, _WAITS = frozenset({"-d", "--detach"}), frozenset({"--wait", "--watch", "-w", "--attach"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the program gets to see."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the engine: words for ``docker compose`` of the copy, or for ``docker``; none: nothing is."""

    compose: tuple[str, ...] = ()
    docker: tuple[str, ...] = ()

    @property
    def is_of_health(self) -> bool:
        """Whether the answer tells how healthy a service is."""
        return bool({"ps", "inspect"} & {*self.compose[:1], *self.docker[:1]})


def understood(
    words: Sequence[str],
    *,
    project: str,
    containers: Collection[Known],
    own: OwnersWords | None = None,
    cwd: str = FOLDER,
) -> Question | str:
    """What a command line asks of the copy, or why it is refused.

    Args:
        words: behind ``docker``.
        project: the copy's name.
        containers: its containers.
        own: how the owner calls what it is a copy of.
        cwd: where the command is run, as the program sees it.
    """
    own = own or OwnersWords()
    said = f"docker {' '.join(words)}"[:200]
    name, rest = (words[0], tuple(words[1:])) if words else ("", ())
    if name == "compose":
        behind = without_own(rest, own, cwd=cwd, also=(project,))
        return _of_compose(said, behind or ())
    known = _OF_DOCKER.get(name)
    named = _arguments(rest, known)
    if known is None or named is None:
        return f"{said}: only what reads the audit's own copy is answered"
    if name == "ps":
        filtered = _filtered(rest, projects=(project, *own.projects), containers=containers)
        if filtered is None or named:
            return f"{said}: the audit's copy has no such container, or is not told apart by that"
        return Question(docker=("ps", *filtered, "--filter", f"label={_COMPOSE_LABEL}project={project}"))
    if name in {"inspect", "logs"}:
        names = {called: one.name for one in containers for called in (*one.owners, one.name)}
        names |= {called: called for one in containers for called in one.ids}
        if not (named and set(named) <= set(names)):
            return f"{said}: the audit's copy has no such container"
        rest = tuple(names[word] if is_argument else word for word, is_argument in _told_apart(rest, known))
    return Question(docker=(name, *rest))


def _filtered(words: Sequence[str], *, projects: Collection[str], containers: Collection[Known]) -> list[str] | None:
    """The options of ``docker ps`` with filters that hold for the copy; None where one cannot."""
    kept: list[str] = []
    waiting = list(words)
    while waiting:
        option, is_joined, value = waiting.pop(0).partition("=")
        if option not in {"-f", "--filter"}:
            kept.append(f"{option}{is_joined}{value}")
            if not is_joined and f"{option}:" in _OF_DOCKER["ps"].split():
                kept.append(waiting.pop(0))
            continue
        key, _, sought = (value if is_joined else waiting.pop(0)).partition("=")
        if key == "name":
            found = _by_name(sought, containers)
            if not found:
                return None
            kept += ["--filter", f"name=^/?({'|'.join(map(re.escape, found))})$"]
        elif key == "label" and sought.startswith(_COMPOSE_LABEL):
            label, _, wanted = sought.removeprefix(_COMPOSE_LABEL).partition("=")
            if label in _LABELS:
                kept += ["--filter", f"label={sought}"]
            elif label != "project" or (wanted and wanted not in projects):
                return None
        elif key in _FILTERS or key == "label":
            kept += ["--filter", f"{key}={sought}"]
        else:
            return None
    return kept


def _by_name(sought: str, containers: Collection[Known]) -> list[str]:
    """The copy's names of the containers whose like a filter finds in the owner's stack: those are what is shown."""
    if not _NAME_FILTER.fullmatch(sought):
        return []
    try:
        pattern = re.compile(sought)
    except re.error:
        return []
    spelled = {one.name: [s for n in one.owners or (one.name,) for s in (n, f"/{n}")] for one in containers}
    return sorted(name for name, spellings in spelled.items() if any(map(pattern.search, spellings)))


def _of_compose(said: str, words: tuple[str, ...]) -> Question | str:
    name, rest = (words[0], words[1:]) if words else ("", ())
    if name in _BRINGS_UP or (name == "up" and _DETACHED & set(rest) and not _WAITS & set(rest)):
        return Question()
    if (name, rest) == ("config", ("--services",)) or _arguments(rest, _OF_COMPOSE.get(name)) is not None:
        return Question(compose=(name, *rest))
    return f"{said}: only what reads the audit's own copy is answered, and options name no other project or file"


def _arguments(words: Sequence[str], known: str | None) -> list[str] | None:
    """The words that are no options; None where one is an option that is not known, or nothing is known of the command."""
    if known is None:
        return None
    flags, valued = _options(known)
    joinable = {o for o in valued if o.startswith("--")}
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word in valued:
            is_value = True
        elif word.startswith("-") and word not in flags and word.partition("=")[0] not in joinable:
            return None
    return None if is_value else [word for word, is_argument in _told_apart(words, known) if is_argument]


def _told_apart(words: Sequence[str], known: str) -> list[tuple[str, bool]]:
    """Each word, and whether it is no option and no option's value."""
    _, valued = _options(known)
    told, is_value = [], False
    for word in words:
        told.append((word, not is_value and not word.startswith("-")))
        is_value = not is_value and word in valued
    return told


def _options(known: str) -> tuple[set[str], set[str]]:
    options = known.split()
    return {o for o in options if not o.endswith(":")}, {o[:-1] for o in options if o.endswith(":")}


class DockerStandIn:
    """Answers the calls of one confined program, for as long as the block lasts.

    Args:
        shared: the folder that the program sees as :data:`~readiness.runtime.confine.SHARED`; the stand-in is put there.
        ask: what answers, given the folder where it is asked, and the words behind ``docker``.

    Attributes:
        seconds: how long the answers have taken, all in all.
    """

    def __init__(self, shared: Path, ask: Callable[[str, Sequence[str]], Answer]) -> None:
        self._ask = ask
        self.seconds = 0.0
        self._end = threading.Event()
        for name in ("bin", "calls"):
            (shared / name).mkdir(mode=0o755)
        for name in ("docker", "docker-compose"):
            shim = _SHIM if name == "docker" else _SHIM.replace('"$@"', 'compose "$@"')
            (shared / "bin" / name).write_text(shim, encoding="utf-8")
            (shared / "bin" / name).chmod(0o755)
        # Held open: whatever the program puts in the folder's place is not looked at.
        self._calls = os.open(shared / "calls", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._thread = threading.Thread(target=self._serve, name="readiness docker stand-in", daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; what is being answered is finished."""
        self._end.set()
        self._thread.join()
        os.close(self._calls)

    def _serve(self) -> None:
        answered: set[str] = set()
        while not self._end.wait(POLL_SECONDS) and len(answered) < MAX_CALLS:
            for name in sorted(set(os.listdir(self._calls)) - answered):  # noqa: PTH208  # of a descriptor
                # What is put there by anything but the stand-in is the program's own business.
                with contextlib.suppress(OSError, ValueError):
                    if not _CALL.fullmatch(name) or self._answer(name):
                        answered.add(name)

    def _answer(self, name: str) -> bool:
        """Answer one call; False where its words are not there yet."""
        place = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._calls)
        try:
            try:
                cwd, *words = _read(place, "words")
            except FileNotFoundError:
                return False
            began = time.monotonic()
            try:
                answer = self._ask(cwd, words)
            except Exception as error:  # noqa: BLE001  # whoever waits for an answer gets one
                answer = Answer(exit_code=125, stderr=f"{type(error).__name__}\n")
            finally:
                self.seconds += time.monotonic() - began
            _write(place, "stdout", answer.stdout)
            _write(place, "stderr", answer.stderr)
            _write(place, "code.new", str(answer.exit_code))
            os.rename("code.new", "code", src_dir_fd=place, dst_dir_fd=place)
            return True
        finally:
            os.close(place)


def _read(place: int, name: str) -> list[str]:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    with open(file, "rb") as opened:  # noqa: PTH123  # a file that is open already
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError(name)
        data = opened.read(MAX_WORDS_BYTES)
    return data.decode("utf-8", "replace").split("\0")[:-1]


def _write(place: int, name: str, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    file = os.open(name, flags, 0o644, dir_fd=place)
    with open(file, "wb") as opened:  # noqa: PTH123  # as above
        opened.write(text.encode("utf-8", "replace")[-MAX_ANSWER_BYTES:])
