"""What a confined program's docker command does to the copy, carried out: by the engine, with the program's own streams."""

from __future__ import annotations

import os
import posixpath
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from readiness.exceptions import StackError
from readiness.runtime.carrying import renamed
from readiness.runtime.confine import FOLDER
from readiness.runtime.container_files import is_folder, write
from readiness.runtime.docker_calls import Call
from readiness.runtime.docker_doing import Copied, Copy, Doing, Executed, Plain, Ran, doing
from readiness.runtime.docker_stand_in import understood
from readiness.runtime.engine import Commands, Finished
from readiness.runtime.owners_words import OwnersWords

__all__ = ["DockerActs"]

#: What the engine's own client ends with where it, and not what it was to do, has failed.
REFUSED_CODE = 125
MAX_TOLD_CHARS = 1024 * 1024
REMOVAL_SECONDS = 60.0


@dataclass(kw_only=True)
class DockerActs:
    """Answers the calls of one program.

    Attributes:
        commands: runs the docker command; whoever ends the program ends these, too.
        cwd: where that is run.
        copied: what of the copy can be named at this moment.
        compose: does what is said behind ``docker compose`` to the copy, in so many seconds.
        own: how the owner calls it.
        folder: the target's, by the name that it has on this machine.
        labels: for whoever removes what a dead run left.
        ends: when whatever still runs is given up, by the monotonic clock.
        refused: command lines that were not carried out, and why.
    """

    commands: Commands
    cwd: Path
    copied: Callable[[], Copied]
    compose: Callable[[Sequence[str], float], Finished]
    own: OwnersWords
    folder: str
    labels: Mapping[str, str]
    ends: float
    refused: list[str] = field(default_factory=list)

    def answer(self, call: Call) -> None:
        """Have the whole conversation."""
        try:
            wanted, copied = self._understood(call)
            if isinstance(wanted, str):
                self._refuse(call, wanted)
            else:
                call.end(self._act(call, wanted, copied))
        except Exception as error:  # noqa: BLE001  # whatever fails on this side is not the program's failure
            if not call.is_over:
                self._refuse(call, f"docker {' '.join(call.words)}"[:200] + f": {str(error) or type(error).__name__}")

    def _understood(self, call: Call) -> tuple[Doing | str, Copied]:
        copied, words = self.copied(), self._words(call)
        wanted = doing(words, copied=copied, own=self.own, cwd=call.cwd, environment=call.environment)
        if wanted is None:
            asked = understood(words, project=copied.project, containers=copied.containers, own=self.own, cwd=call.cwd)
            wanted = asked if isinstance(asked, str) else Plain(compose=asked.compose, docker=asked.docker)
        return wanted, copied

    def _words(self, call: Call) -> list[str]:
        """The command line, with the name that the folder has here, where it is called by its own."""
        own = re.compile(rf"(?<![\w./-]){re.escape(self.folder)}(?=[/:]|$)")
        return [own.sub(FOLDER, word) for word in call.words]

    def _act(self, call: Call, wanted: Doing, copied: Copied) -> int:
        if isinstance(wanted, Plain):
            return self._plain(call, wanted, copied)
        if isinstance(wanted, Executed):
            return self._streamed(call, ["docker", *wanted.docker], reads=wanted.reads)
        if isinstance(wanted, Ran):
            return self._ran(call, wanted)
        return self._out(call, wanted) if wanted.is_out else self._in(call, wanted)

    def _refuse(self, call: Call, why: str) -> None:
        self.refused.append(why)
        call.say("", f"readiness: {why}\n")
        call.end(REFUSED_CODE)

    def _plain(self, call: Call, wanted: Plain, copied: Copied) -> int:
        if not wanted.compose and not wanted.docker:
            return 0  # done already
        done = self.compose(wanted.compose, self._left()) if wanted.compose else self._run(["docker", *wanted.docker])
        known = (*copied.containers, *copied.volumes, *copied.networks)
        told = [
            self.own.told(text[-MAX_TOLD_CHARS:], project=copied.project, containers=known)
            for text in (done.stdout, done.stderr)
        ]
        call.say(*told)
        return _code(done)

    def _streamed(self, call: Call, words: Sequence[str], *, reads: bool) -> int:
        with call.stream(reads=reads) as streams:
            done = self.commands.run(
                words,
                cwd=self.cwd,
                timeout_seconds=self._left(),
                stdin=streams.stdin,
                stdout=streams.stdout,
                stderr=streams.stderr,
            )
        return _code(done)

    def _out(self, call: Call, wanted: Copy) -> int:
        words = ["docker", "cp", f"{wanted.container}:{wanted.path}", "-"]
        if wanted.inside == "-":
            return self._streamed(call, words, reads=False)
        base = posixpath.basename(wanted.path.rstrip("/"))
        done = self._unpacked(call, words, wanted.inside.removesuffix("/."), "." if base in {"", "."} else base)
        if not done.is_ok:
            call.say("", done.stderr)
        return _code(done)

    def _unpacked(self, call: Call, words: Sequence[str], path: str, name: str) -> Finished:
        """Run a command whose output, an archive, is put in its place by the program; a failure is the command's."""
        done: list[Finished] = []
        try:
            with call.unpack(path, name) as end:
                done.append(self.commands.run(words, cwd=self.cwd, timeout_seconds=self._left(), stdout=end))
        except StackError:
            if not done or done[0].is_ok:
                raise
        return done[0]

    def _in(self, call: Call, wanted: Copy) -> int:
        if wanted.inside == "-":
            return self._streamed(call, ["docker", "cp", "-", f"{wanted.container}:{wanted.path}"], reads=True)
        container = {"Id": wanted.container}
        place, top = posixpath.normpath(wanted.path), posixpath.basename(wanted.inside.removesuffix("/."))
        if not is_folder(self.commands, container, place, cwd=self.cwd):
            place, top = posixpath.split(place)
        elif wanted.inside.endswith("/."):
            top = ""
        with call.pack(wanted.inside.removesuffix("/.")) as end, os.fdopen(os.dup(end), "rb") as given:
            words = ["docker", "cp", "-", f"{wanted.container}:{place}"]
            write(self.commands, words, lambda into: renamed(given, into, top), cwd=self.cwd, doing=wanted.path)
        return 0

    def _ran(self, call: Call, wanted: Ran) -> int:
        """Folders are carried into the container and out of it, because the engine cannot see what the program sees."""
        labels = [word for name, value in self.labels.items() for word in ("--label", f"{name}={value}")]
        made = self._run(
            ["docker", "create", "--pull", "never", *labels, *wanted.options, "--", wanted.image, *wanted.command]
        )
        if not made.is_ok:
            raise StackError(made.stderr.strip()[-300:] or "no container could be made")
        container = made.stdout.strip().splitlines()[-1]
        try:
            for bind in wanted.binds:
                with call.pack(bind.path, is_made=True) as end:
                    self._need(["docker", "cp", "-", f"{container}:{bind.target}"], stdin=end)
            words = ["docker", "start", "--attach", *(["--interactive"] if wanted.reads else []), container]
            code = self._streamed(call, words, reads=wanted.reads)
            for bind in wanted.binds:
                if not bind.is_read_only:
                    with call.unpack(bind.path, "back") as end:
                        self._need(["docker", "cp", f"{container}:{bind.target}/.", "-"], stdout=end)
        finally:
            removal = ["docker", "rm", "--force", "--volumes", container]
            self.commands.run(removal, cwd=self.cwd, timeout_seconds=REMOVAL_SECONDS)
        return code

    def _need(self, words: Sequence[str], *, stdin: int | None = None, stdout: int | None = None) -> None:
        done = self.commands.run(words, cwd=self.cwd, timeout_seconds=self._left(), stdin=stdin, stdout=stdout)
        if not done.is_ok:
            raise StackError(done.stderr.strip()[-300:] or f"{' '.join(words[:2])} did not end in time")

    def _run(self, words: Sequence[str]) -> Finished:
        return self.commands.run(words, cwd=self.cwd, timeout_seconds=self._left())

    def _left(self) -> float:
        return max(1.0, self.ends - time.monotonic())


def _code(done: Finished) -> int:
    return REFUSED_CODE if done.exit_code is None else done.exit_code
