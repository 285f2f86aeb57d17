"""Whether a service reaches a stub: only where it does is silence the service's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from readiness.exceptions import StackError, UnsupportedError

if TYPE_CHECKING:
    from readiness.instruments.stub import Stub
    from readiness.runtime import Stack

__all__ = ["PATH", "reaches"]

#: Asked by nobody else.
PATH = "/readiness-reach"
SECONDS = 10.0
#: Exit codes of a shell or an engine that did not find the program, or may not run it.
NOT_RUN = frozenset({126, 127, 128})


def reaches(stack: Stack, service: str, stub: Stub) -> bool | None:
    """Ask the stub from inside the service, with whatever its image has; None where it has nothing to ask with."""
    if stack.runtime == "process":
        return True  # it runs on this machine, and so does the stub
    has_tried = False
    for command in _ways(stub):
        try:
            done = stack.execute(service, command, timeout_seconds=SECONDS)
        except UnsupportedError:
            return None
        except StackError:
            continue
        if stub.received(PATH):
            return True
        # A program that is not there says nothing about the way to the stub.
        has_tried = has_tried or (done.exit_code not in NOT_RUN and "not found" not in done.output)
    return False if has_tried else None


def _ways(stub: Stub) -> Iterator[list[str]]:
    url = f"{stub.url}{PATH}"
    python = f"import urllib.request; urllib.request.urlopen({url!r}, timeout=5)"
    yield ["python3", "-c", python]
    yield ["python", "-c", python]
    yield ["curl", "--silent", "--noproxy", "*", "--max-time", "5", url]
    yield ["wget", "-q", "-T", "5", "-O", "-", url]
    yield ["node", "-e", f"require('http').get({url!r}, {{timeout: 5000}}, r => r.resume())"]
    shell = f"exec 3<>/dev/tcp/{stub.host}/{stub.port} && printf 'GET {PATH} HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ <&3"
    yield ["bash", "-c", shell]
