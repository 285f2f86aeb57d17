"""What a confined program tried that it has not here: recorded, so that what came of it is not held against it.

Two ways. The kernel counts, for the name space, what was sent where no route leads, by whatever program and library.
And for programs that are there to reach a network, or to change what belongs to others, a few lines of shell run the
real one, and leave its name where it failed or is not installed. No argument is kept: some are passwords.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from readiness.runtime.confine import SHARED, UNSENT

__all__ = ["PROGRAMS_PATH", "lacked", "offer"]

#: Where a confined program's other programs are.
PROGRAMS_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETWORK = (
    "curl", "wget", "http", "nc", "ncat", "netcat", "ping", "ssh", "getent", "nslookup", "dig",
    "pg_isready", "psql", "redis-cli", "mysqladmin", "mysql", "mongosh", "grpcurl", "grpc_health_probe",
)  # fmt: skip
_POWERS = ("sudo", "su", "doas", "chown", "chgrp", "mount", "systemctl", "service", "sysctl", "modprobe")
_SHIM = """#!/bin/sh
if real=$(PATH={path}; command -v {name}); then
  "$real" "$@"
  code=$?
else
  echo "readiness: {name} is not installed here" >&2
  code=127
fi
[ "$code" = 0 ] || : > {shared}/lacked/{name}
exit "$code"
"""
#: Who is asked for a password elsewhere is not here, where nothing but the copy can be changed.
_SUDO = """#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
  -n | -E | -H | --non-interactive | --preserve-env | --set-home) shift ;;
  --) shift; break ;;
  -*) : > {shared}/lacked/sudo; echo "readiness: sudo $1 is not understood here" >&2; exit 1 ;;
  *=*) export "$1"; shift ;;
  *) break ;;
  esac
done
exec "$@"
"""
#: How shells, libc, the engine's own client and programs with keys at home say that something is not there or allowed.
_SAID = re.compile(
    r"command not found$|: not found$|No such file or directory|Permission denied|Operation not permitted"
    r"|Read-only file system|Network is unreachable|name resolution|Cannot connect to the Docker daemon"
    r"|No public key|No secret key|Unable to locate credentials|can't cd to "
)
MAX_SAID, LINE_CHARS = 3, 200


def offer(shared: Path, *, has_ports: bool = False) -> None:
    """Put the programs into the shared folder's ``bin``, which is there, or is made.

    Args:
        shared: as the stand-in has it.
        has_ports: some ports can be reached: what the kernel counts alone tells what could not, and a program's failure
            may be its own.
    """
    (shared / "lacked").mkdir(mode=0o755)
    (shared / "bin").mkdir(mode=0o755, exist_ok=True)
    for name in (*(() if has_ports else _NETWORK), *_POWERS):
        shim = shared / "bin" / name
        text = _SUDO if has_ports and name == "sudo" else _SHIM
        shim.write_text(text.format(name=name, path=PROGRAMS_PATH, shared=SHARED), encoding="utf-8")
        shim.chmod(0o755)


def lacked(shared: Path, output: str) -> tuple[str, ...]:
    """What a program that has ended tried in vain, in words."""
    failed = _names_in(shared / "lacked")
    unsent = _names_in(shared) & {UNSENT}
    network = [name for name in _NETWORK if name in failed]
    found = []
    if network or unsent:
        found.append(f"the network ({', '.join(network)})" if network else "the network")
    found += [name for name in _POWERS if name in failed]
    said = dict.fromkeys(line.strip()[:LINE_CHARS] for line in output.splitlines() if _SAID.search(line.rstrip()))
    return (*found, *list(said)[:MAX_SAID])


def _names_in(folder: Path) -> set[str]:
    """Names alone: what the program has put there is not opened."""
    return set(os.listdir(folder)) if folder.is_dir() and not folder.is_symlink() else set()  # noqa: PTH208  # names
