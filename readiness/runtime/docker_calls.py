"""The docker command of a confined program that works on a copy: its calls, as a conversation with the audit outside.

The stand-in is a script of shell, because a shell is what every machine has. It leaves its words, and then does step by
step what it is told: pass its standard streams on, pack a folder that only it sees, unpack one, end. What flows, flows
through named pipes in a folder that both see, so that gigabytes need no memory and binary data stays what it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from readiness.exceptions import StackError
from readiness.runtime.confine import SHARED

__all__ = ["Call", "DockerCalls"]

#: ``pack`` and ``unpack`` answer in a file ``trouble`` where they fail. ``unpack`` of ``.`` puts the content into the
#: folder; of a name, it makes of that what ``docker cp`` makes of it. ``back`` also removes what is no longer there.
_SHIM = f"""#!/bin/sh
call=$(mktemp -d {SHARED}/calls/XXXXXXXX) || exit 125
env -0 > "$call/env" 2>/dev/null
printf '%s\\0' "$(pwd -P)" "$@" > "$call/words.new" && mv "$call/words.new" "$call/words"
exec 3<&0 </dev/null
step=0
before() {{ printf '%s' "$call/before.$(printf '%s' "$path" | cksum | tr -cd 0-9)"; }}
unpacked() {{
  case $name in
  .) mkdir -p "$path" && tar --no-same-owner -C "$path" -xpf - ;;
  back)
    tar --no-same-owner -C "$path" -xvpf - | sed 's:^\\./::; s:/$::' | sort > "$call/after" || return
    [ -s "$call/after" ] || return
    sort "$(before)" | comm -23 - "$call/after" | sort -r | while IFS= read -r gone; do
      rm -df -- "$path/$gone" 2>/dev/null
    done
    return 0 ;;
  *)
    place=$(mktemp -d "$(dirname "$path")/.readiness.XXXXXX") || return
    tar --no-same-owner -C "$place" -xpf - && if [ -d "$path" ]; then
      cp -a "$place/$name" "$path/"
    else
      mv "$place/$name" "$path"
    fi
    code=$?
    rm -rf "$place"
    return "$code" ;;
  esac
}}
while :; do
  until [ -e "$call/step.$step" ]; do sleep 0.03; done
  {{ IFS= read -r what; IFS= read -r path; IFS= read -r name; }} < "$call/step.$step"
  pipe=$call/pipe.$step
  case $what in
  stream)
    cat "$pipe.out" 3<&- & out=$!
    cat "$pipe.err" >&2 3<&- & err=$!
    in=
    if [ "$name" = reads ]; then cat <&3 > "$pipe.in" & in=$!; fi
    wait "$out" "$err"
    [ -z "$in" ] || kill "$in" 2>/dev/null ;;
  pack)
    {{
      if [ "$name" = made ]; then
        {{ mkdir -p "$path" && (cd "$path" && find . -mindepth 1) | sed 's:^\\./::' > "$(before)"; }} 2> "$call/said"
      fi
      if [ -d "$path" ]; then
        tar -C "$path" -cf - . 2> "$call/said"
      else
        [ "$name" != made ] && tar -C "$(dirname "$path")" -cf - -- "$(basename "$path")" 2> "$call/said"
      fi
    }} > "$pipe" || mv "$call/said" "$call/trouble" ;;
  unpack) unpacked < "$pipe" 2> "$call/said" || mv "$call/said" "$call/trouble" ;;
  end) exit "$path" ;;
  esac
  : > "$call/done.$step"
  step=$((step + 1))
done
"""
POLL_SECONDS = 0.02
#: A step is begun at once; this is for a machine that is very busy.
STEP_SECONDS = 60.0
MAX_WORDS_BYTES, MAX_ENVIRONMENT_BYTES, MAX_SAID_BYTES, MAX_CALLS = 256 * 1024, 1024 * 1024, 2000, 5000
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Descriptors that lead to the program's standard streams. ``stdin`` is None where it is not read."""

    stdin: int | None
    stdout: int
    stderr: int


class Call:
    """One call. Whoever answers it tells the stand-in what to do; every method raises StackError when it is not done.

    Attributes:
        cwd: where it was made, as the program sees it.
        words: behind ``docker``.
        environment: the program's.
    """

    def __init__(self, place: int, is_over: threading.Event) -> None:
        self._place, self._is_over, self._steps = place, is_over, 0
        self.cwd, *self.words = _words(_read(place, "words", MAX_WORDS_BYTES))
        self.environment: Mapping[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            pairs = (text.partition("=") for text in _words(_read(place, "env", MAX_ENVIRONMENT_BYTES)))
            self.environment = {name: value for name, _, value in pairs}

    @property
    def is_over(self) -> bool:
        """Whether the program has ended, so that nobody waits for an answer."""
        return self._is_over.is_set()

    @contextlib.contextmanager
    def stream(self, *, reads: bool) -> Iterator[Streams]:
        """The program's standard streams, for as long as the block lasts."""
        names = ("out", "err", *(("in",) if reads else ()))
        number = self._begin("stream", "", "reads" if reads else "", pipes=[f".{name}" for name in names])
        with contextlib.ExitStack() as held:
            ends = {}
            for name in names:
                end = self._reading(f"pipe.{number}.in") if name == "in" else self._writing(f"pipe.{number}.{name}")
                held.callback(os.close, end)
                ends[name] = end
            yield Streams(stdin=ends.get("in"), stdout=ends["out"], stderr=ends["err"])

    @contextlib.contextmanager
    def pack(self, path: str, *, is_made: bool = False) -> Iterator[int]:
        """A descriptor of a tar archive: a folder's content below ``.``, or a file under its name.

        Args:
            path: as the program sees it.
            is_made: it is a folder, and made where it lacks.
        """
        number = self._begin("pack", path, "made" if is_made else "", pipes=[""])
        end = self._reading(f"pipe.{number}")
        try:
            yield end
        finally:
            os.close(end)
        self._await_done(number, path)

    @contextlib.contextmanager
    def unpack(self, path: str, name: str) -> Iterator[int]:
        """A descriptor that takes a tar archive, which is put in place when the block ends.

        Args:
            path: as the program sees it.
            name: ``.`` for its content; ``back`` for that of a folder that was packed; else the archive's one entry,
                which gets into the folder ``path``, or becomes ``path`` where that is none.
        """
        number = self._begin("unpack", path, name, pipes=[""])
        end = self._writing(f"pipe.{number}")
        try:
            yield end
        finally:
            os.close(end)
        self._await_done(number, path)

    def say(self, stdout: str, stderr: str) -> None:
        """Write to the program's streams, as far as it reads them."""
        with self.stream(reads=False) as streams:
            for end, text in ((streams.stdout, stdout), (streams.stderr, stderr)):
                with contextlib.suppress(OSError):
                    data = text.encode("utf-8", "replace")
                    while data:
                        data = data[os.write(end, data) :]

    def end(self, code: int) -> None:
        """The command ends with this code."""
        self._begin("end", str(code), "", pipes=[])

    def _begin(self, what: str, path: str, name: str, *, pipes: Sequence[str]) -> int:
        number = self._steps
        self._steps += 1
        if "\n" in path + name:
            raise StackError(f"a name with a line break is not passed on: {path!r}")
        try:
            for suffix in pipes:
                os.mkfifo(f"pipe.{number}{suffix}", 0o600, dir_fd=self._place)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            file = os.open("step.new", flags, 0o600, dir_fd=self._place)
            with open(file, "w", encoding="utf-8", errors="surrogateescape") as opened:  # noqa: PTH123  # a file that is open already
                opened.write(f"{what}\n{path}\n{name}\n")
            os.rename("step.new", f"step.{number}", src_dir_fd=self._place, dst_dir_fd=self._place)
        except OSError as error:
            raise StackError(f"the program cannot be answered: {error}") from error
        return number

    def _writing(self, name: str) -> int:
        """The end of a pipe that somebody reads."""
        for _ in self._moments():
            try:
                return self._checked(os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=self._place))
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise StackError(f"the program cannot be answered: {error}") from error
        raise StackError("the program does not read its answer")

    def _reading(self, name: str) -> int:
        """The end of a pipe that somebody writes to, or has written to."""
        try:
            end = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=self._place)
        except OSError as error:
            raise StackError(f"the program cannot be read: {error}") from error
        poll = select.poll()
        poll.register(end, select.POLLIN)  # POLLHUP comes once a writer has been there and gone
        for _ in self._moments():
            if poll.poll(0):
                return self._checked(end)
        os.close(end)
        raise StackError("the program does not pass on what it reads")

    @staticmethod
    def _checked(end: int) -> int:
        """It is the pipe that was made, and now waits as others do."""
        if not stat.S_ISFIFO(os.fstat(end).st_mode):
            os.close(end)
            raise StackError("the program has put something else in a pipe's place")
        os.set_blocking(end, True)
        return end

    def _await_done(self, number: int, path: str) -> None:
        for _ in self._moments(seconds=None):
            if self._has(f"done.{number}"):
                break
        if self._has("trouble"):
            with contextlib.suppress(OSError, ValueError):
                said = _read(self._place, "trouble", MAX_SAID_BYTES).decode("utf-8", "replace")
                raise StackError(f"{path}: {said.strip()[-500:] or 'no such folder'}")
            raise StackError(f"{path} cannot be read or written")

    def _has(self, name: str) -> bool:
        with contextlib.suppress(OSError):
            os.stat(name, dir_fd=self._place, follow_symlinks=False)
            return True
        return False

    def _moments(self, *, seconds: float | None = STEP_SECONDS) -> Iterator[None]:
        """Again and again, until it takes too long or the program has ended."""
        began = time.monotonic()
        while seconds is None or time.monotonic() - began < seconds:
            yield
            if self._is_over.wait(POLL_SECONDS):
                raise StackError("the program has ended")


class DockerCalls:
    """Answers the calls of one confined program, each in a thread of its own, for as long as the block lasts.

    Args:
        shared: the folder that the program sees as :data:`~readiness.runtime.confine.SHARED`; the stand-in is put there.
        answer: has the conversation, its end included; what it raises ends the call with 125.
    """

    def __init__(self, shared: Path, answer: Callable[[Call], None]) -> None:
        self._answer = answer
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        for name in ("bin", "calls"):
            (shared / name).mkdir(mode=0o755)
        for name in ("docker", "docker-compose"):
            shim = _SHIM if name == "docker" else _SHIM.replace('"$@"', 'compose "$@"')
            (shared / "bin" / name).write_text(shim, encoding="utf-8")
            (shared / "bin" / name).chmod(0o755)
        # Held open: whatever the program puts in the folder's place is not looked at.
        self._calls = os.open(shared / "calls", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._thread = threading.Thread(target=self._serve, name="readiness docker calls", daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; whoever ends this has ended what the answers have started."""
        self._is_over.set()
        self._thread.join()
        for thread in self._threads:
            thread.join(STEP_SECONDS)
        os.close(self._calls)

    def _serve(self) -> None:
        begun: set[str] = set()
        while not self._is_over.wait(POLL_SECONDS) and len(begun) < MAX_CALLS:
            for name in sorted(set(os.listdir(self._calls)) - begun):  # noqa: PTH208  # of a descriptor
                # What is put there by anything but the stand-in is the program's own business.
                with contextlib.suppress(OSError, ValueError):
                    if not set(name) <= _NAME or self._begin(name):
                        begun.add(name)

    def _begin(self, name: str) -> bool:
        """Begin to answer one call; False where its words are not there yet."""
        place = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._calls)
        try:
            call = Call(place, self._is_over)
        except FileNotFoundError:
            os.close(place)
            return False
        except (OSError, ValueError):
            os.close(place)
            return True

        def answer() -> None:
            try:
                self._answer(call)
            except Exception as error:  # noqa: BLE001  # whoever waits for an answer gets one
                with contextlib.suppress(StackError):
                    call.say("", f"readiness: {str(error) or type(error).__name__}\n")
                    call.end(125)
            finally:
                os.close(place)

        thread = threading.Thread(target=answer, name="readiness docker call", daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return True


def _read(place: int, name: str, most: int) -> bytes:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    with open(file, "rb") as opened:  # noqa: PTH123  # a file that is open already
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError(name)
        return opened.read(most)


def _words(data: bytes) -> list[str]:
    """Words that end with a zero each."""
    words = data.decode("utf-8", "surrogateescape").split("\0")[:-1]
    if not words:
        raise ValueError("no words")
    return words
