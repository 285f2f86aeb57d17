"""How much memory a service uses right now."""

from __future__ import annotations

import contextlib
import re

import psutil

from readiness.exceptions import StackError
from readiness.runtime import Capability, Stack

__all__ = ["memory_of"]

_SCRIPT = (
    "for d in /sys/fs/cgroup /sys/fs/cgroup/memory; do for p in memory.current memory.usage_in_bytes; do "
    '[ -r "$d/$p" ] && { cat "$d/$p" "$d/memory.stat"; exit 0; }; done; done; exit 1'
)


def memory_of(stack: Stack, service: str, port: int) -> int | None:
    """Bytes in use, page cache left out; None where it cannot be told.

    A container tells by its cgroup. A local process has none of its own: whoever listens on the service's port is asked.
    """
    try:
        if stack.runtime == "process":
            return _of_listener(stack.endpoint(service, port).port)
        if Capability.EXEC not in stack.capabilities:
            return None
        done = stack.execute(service, ["sh", "-c", _SCRIPT], timeout_seconds=5.0)
    except StackError:
        return None
    words = done.output.split(maxsplit=1)
    if done.exit_code != 0 or not words or not words[0].isdigit():
        return None
    found = dict(re.findall(r"^(total_inactive_file|inactive_file) (\d+)$", done.output, re.MULTILINE))
    cache = int(found.get("total_inactive_file") or found.get("inactive_file") or 0)
    return max(0, int(words[0]) - cache)


def _of_listener(port: int) -> int | None:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            is_listening = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
            if is_listening and connection.pid is not None:
                process = psutil.Process(connection.pid)
                family = [process, *process.children(recursive=True)]
                return sum(int(member.memory_info().rss) for member in family)
    return None
