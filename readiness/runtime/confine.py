"""A program of the owner's run on this machine where it can harm nothing: no network, no engine, no file but throw-away ones.

Linux gives every process the right to see less. The program gets a root directory of its own in memory, with this
machine's programs and libraries, read-only, and the target's folder below a layer that takes whatever is written and is
gone with it. There is no network, no socket of an engine, no home folder, and no other process; when the program ends,
all that it has started ends too. Where the kernel refuses any part of that, nothing is run.

A program that works on a copy gets more, by name: folders of the run's that outlive it, room on the disk for what it
writes, and ports of the copy on a loopback that has nothing else (:mod:`readiness.runtime.relay`).

This file is also the program that does so from inside, by the system's calls alone: ``python confine.py PLACE FOLDER
SHARED MORE -- COMMAND…``. Sources: namespaces(7), pivot_root(2), mount_setattr(2), the kernel's overlayfs.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "REFUSED", "SHARED", "UNSENT", "confined"]

#: Where the program finds the target's folder, and the folder that it shares with the audit.
FOLDER, SHARED = "/target", "/readiness"
#: A file in the shared folder once the program, or one that it started, has sent something where no route leads.
UNSENT = "unsent"
#: Exit code where the kernel refuses; no shell and no engine has it.
REFUSED = 93

#: Of this machine; what is a link stays one.
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
#: For logs, locks and the like; they are gone with the program.
_USUAL_FOLDERS = ("mnt", "run/lock", "srv", "var/backups", "var/lib", "var/log", "var/tmp")
_DEVICES = ("null", "zero", "full", "random", "urandom")
#: linux/mount.h, linux/prctl.h.
_BIND, _REC, _PRIVATE, _NOSUID, _NODEV = 0x1000, 0x4000, 0x40000, 0x2, 0x4
_SET_READ_ONLY, _SET_NOSUID, _SET_NODEV = 0x1, 0x2, 0x4
_AT_FDCWD, _AT_RECURSIVE, _DETACH = -100, 0x8000, 0x2
_MOUNT_SETATTR = 442  # on every architecture
_CAPABILITY_VERSION = 0x20080522  # linux/capability.h: two words for each set
_WATCH_SECONDS = 0.05
#: Where folders wait for their place.
_HELD = ".held"
_DROP_FROM_BOUNDS, _NO_NEW_PRIVILEGES, _CAPABILITIES = 24, 38, 64


def confined(
    command: Sequence[str],
    *,
    place: Path,
    folder: Path,
    shared: Path,
    disk: Path | None = None,
    bound: Mapping[str, Path] | None = None,
    ports: Sequence[int] | None = None,
) -> list[str]:
    """The command that runs ``command`` confined, in :data:`FOLDER`.

    Args:
        command: looked for in what the program sees, where it is no path.
        place: an empty folder of the run's own.
        folder: what the program sees as its folder, and does not change.
        shared: a folder of the run's own that it may write to.
        disk: a folder of the run's own for what it writes to the folder and to ``/tmp``; in memory, and little, where
            None, or where the disk gives no layer. With it the program also finds the folder under its own name, and
            what daily work takes for granted.
        bound: absolute path as the program sees it -> a folder of the run's own that it finds there, and may write to.
        ports: of the loopback that lead to sockets of the shared folder; the loopback is off where None.
    """
    spaces = ["--user", "--map-root-user", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]
    inside = [sys.executable, "-I", "-S", __file__, str(place), str(folder), str(shared)]
    more = {
        "disk": str(disk) if disk is not None else "",
        "bound": {path: str(own) for path, own in (bound or {}).items()},
        "ports": list(ports) if ports is not None else None,
    }
    inside.append(json.dumps(more))
    return ["unshare", *spaces, "--", *inside, "--", *command]


class _Kernel:
    """The calls that are needed; each raises OSError where it is refused."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
        said = [os.fsencode(text) if text else None for text in (source, target, kind)]
        self._check(self._libc.mount(*said, ctypes.c_ulong(flags), os.fsencode(options) or None), target)

    def bind(self, source: str, target: str, *, is_read_only: bool) -> None:
        self.mount(source, target, flags=_BIND | _REC)
        self.restrict(target, _SET_NOSUID | _SET_NODEV | (_SET_READ_ONLY if is_read_only else 0))

    def restrict(self, target: str, wanted: int) -> None:
        attributes = struct.pack("QQQQ", wanted, 0, 0, 0)
        done = self._libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR),
            ctypes.c_int(_AT_FDCWD),
            ctypes.c_char_p(os.fsencode(target)),
            ctypes.c_uint(_AT_RECURSIVE),
            ctypes.c_char_p(attributes),
            ctypes.c_size_t(len(attributes)),
        )
        self._check(done, target)

    def enter(self, root: str) -> None:
        """Make ``root`` the root directory, and let go of the one before."""
        os.chdir(root)
        self._check(self._libc.pivot_root(b".", b"."), root)
        self._check(self._libc.umount2(b".", _DETACH), root)
        os.chdir("/")

    def give_up_powers(self) -> None:
        """No capability, now or ever: what is read-only stays so, also for the root of this name space."""
        for capability in range(_CAPABILITIES):
            # The kernel has fewer than that, and refuses the rest.
            self._libc.prctl(_DROP_FROM_BOUNDS, capability, 0, 0, 0)
        self._check(self._libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no new privileges")
        header, none = struct.pack("Ii", _CAPABILITY_VERSION, 0), bytes(24)
        self._check(self._libc.capset(header, none), "no capability")

    @staticmethod
    def _check(result: int, what: str) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)


def _confine(kernel: _Kernel, place: str, folder: str, shared: str, more: Mapping[str, Any]) -> None:
    kernel.mount("none", "/", flags=_REC | _PRIVATE)
    kernel.mount("tmpfs", place, "tmpfs", _NOSUID | _NODEV, "mode=0755,size=256m")
    root = Path(place)
    for made in ("proc", "dev", "etc", "tmp", "run", "home", FOLDER[1:], SHARED[1:], ".upper", ".work"):
        (root / made).mkdir()
    kernel.bind(shared, f"{place}{SHARED}", is_read_only=False)
    _layer(kernel, place, folder, more["disk"])
    for path in (*_PROGRAMS, *_SETTINGS):
        _show(kernel, Path(path), root / path[1:])
    for name in _DEVICES:
        target = root / "dev" / name
        target.touch()
        kernel.mount(f"/dev/{name}", str(target), flags=_BIND)
    kernel.mount("proc", f"{place}/proc", "proc", _NOSUID | _NODEV)
    kernel.restrict(f"{place}/proc", _SET_READ_ONLY)  # the kernel's settings in it are the machine's
    (root / "dev" / "fd").symlink_to("/proc/self/fd")
    if more["disk"]:
        _furnish(root)
        # Scripts that a schedule runs begin with a step into their folder, by its own name.
        with contextlib.suppress(OSError):
            called = Path(f"{place}{folder}")
            called.parent.mkdir(parents=True, exist_ok=True)
            called.symlink_to(FOLDER)
    for number, own in enumerate(more["bound"].values()):
        held = root / _HELD / str(number)
        held.mkdir(parents=True)
        kernel.bind(own, str(held), is_read_only=False)
    if more["ports"] is not None:
        # Names of this machine are not resolved by asking anybody.
        (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="utf-8")
        (root / "etc" / "nsswitch.conf").write_text("hosts: files dns\n", encoding="utf-8")
    kernel.enter(place)
    for number, path in enumerate(more["bound"]):
        # Only now, because links on the way are the program's, and mean its own root directory.
        real = os.path.realpath(path)
        Path(real).mkdir(parents=True, exist_ok=True)
        kernel.bind(f"/{_HELD}/{number}", real, is_read_only=False)


def _furnish(root: Path) -> None:
    """What a program that does its daily work takes for granted."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd/{number}")
    for made in _USUAL_FOLDERS:
        (root / made).mkdir(parents=True)
    (root / "var" / "run").symlink_to("/run")
    (root / "var" / "lock").symlink_to("/run/lock")


def _layer(kernel: _Kernel, place: str, folder: str, disk: str) -> None:
    """A layer, and no binding: through it not even a socket in the folder leads anywhere."""
    target = f"{place}{FOLDER}"

    def lay(where: str) -> None:
        above = f"upperdir={_escaped(where)}/.upper,workdir={_escaped(where)}/.work"
        layers = f"lowerdir={_escaped(folder)},{above},userxattr"
        kernel.mount("overlay", target, "overlay", _NOSUID | _NODEV, layers)

    if not disk:
        lay(place)
        return
    for made in (".upper", ".work", "tmp"):
        Path(disk, made).mkdir()
    kernel.bind(f"{disk}/tmp", f"{place}/tmp", is_read_only=False)  # noqa: S108  # the program's own
    try:
        lay(disk)
    except OSError:  # a disk that is a layer itself cannot carry one
        lay(place)


def _show(kernel: _Kernel, source: Path, target: Path) -> None:
    if source.is_symlink() and len(source.parts) == 2:  # noqa: PLR2004  # /bin -> usr/bin
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir()
        kernel.bind(str(source), str(target), is_read_only=True)
    elif source.exists():
        target.touch()
        kernel.bind(str(source), str(target), is_read_only=True)


def _escaped(path: str) -> str:
    """For a list of layers, in which these have a meaning."""
    return "".join(f"\\{char}" if char in "\\,:" else char for char in path)


def _main(place: str, folder: str, shared: str, more: Mapping[str, Any], command: Sequence[str]) -> None:
    kernel, ports = _Kernel(), more["ports"]
    relay: Any = _relay() if ports is not None else None
    listening = []
    try:
        if relay is not None:
            relay.raise_loopback()
            listening = relay.listen(ports)
        _confine(kernel, place, folder, shared, more)
        os.chdir(FOLDER)
        kernel.give_up_powers()
    except OSError as error:
        sys.stderr.write(f"not confined: {error}\n")
        raise SystemExit(REFUSED) from error
    if listening and os.fork() == 0:
        _serve(relay, listening)
    for one in listening:
        one.close()
    program = os.fork()
    if program == 0:
        _become(command)
    os._exit(_watched(program, has_loopback=relay is not None))


def _relay() -> Any:
    """The module beside this one; nothing of its package is imported here."""
    spec = importlib.util.spec_from_file_location("readiness_relay", Path(__file__).with_name("relay.py"))
    if spec is None or spec.loader is None:
        raise SystemExit(REFUSED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(relay: Any, listening: Sequence[Any]) -> None:
    """Lead connections on; nothing that the program reads or writes is held open here."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    relay.serve(listening, f"{SHARED}/ports")
    os._exit(0)


def _become(command: Sequence[str]) -> None:
    code = 127
    # Python has these ignored, and what it becomes would inherit that: a pipe that nobody reads ends its writer.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        code = 126 if isinstance(error, PermissionError) else 127
    os._exit(code)


def _watched(program: int, *, has_loopback: bool) -> int:
    """Its exit code, as a shell tells it; while it runs, what it cannot send is noticed."""
    is_told = False
    while True:
        ended = _ended(program)
        if not is_told and _unsent(has_loopback=has_loopback):
            is_told = True
            Path(SHARED, UNSENT).touch()
        if ended is not None:
            return ended
        time.sleep(_WATCH_SECONDS)


def _ended(program: int) -> int | None:
    """The exit code of the program; whatever else has ended is the init's of this name space to bury."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _unsent(*, has_loopback: bool) -> int:
    """What this network name space could not send; nothing else uses it.

    That is what had no route (RFC 4293, ``ipSystemStatsOutNoRoutes``). On a loopback, that is also what came to a port on
    which nobody listens (RFC 4022, ``tcpAttemptFails``; RFC 4113, ``udpNoPorts``, as every question for a name does).
    """
    wanted = {"Ip:OutNoRoutes", "Ip6OutNoRoutes"}
    if has_loopback:
        wanted |= {"Tcp:AttemptFails", "Udp:NoPorts", "Udp6NoPorts"}
    try:
        lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
        newer = [line.split() for line in Path("/proc/net/snmp6").read_text().splitlines()]
    except (OSError, ValueError):
        return 0  # a kernel without the one or the other: the programs' own failures are left
    counted = {
        f"{names[0]}{name}": figure
        for names, figures in zip(lines[::2], lines[1::2], strict=False)
        for name, figure in zip(names, figures, strict=False)
    }
    counted |= {pair[0]: pair[1] for pair in newer if len(pair) == 2}  # noqa: PLR2004  # a name and a figure
    return sum(int(counted.get(name, 0)) for name in wanted)


if __name__ == "__main__":
    _place, _folder, _shared, _more, _, *_command = sys.argv[1:]
    _main(_place, _folder, _shared, json.loads(_more), _command)
