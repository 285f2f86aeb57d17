"""A listener in a service's place, as one more service of the safe copy: who connects is noted and let go.

It runs in an image that the stack has anyway, in whichever of three languages that brings, and prints one line per
connection. So it is where the service would be: under its name, on its networks, with no address of this machine taken.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["INTERPRETERS", "LISTENS", "arrivals_in", "definition", "stand_in_name"]

#: Programs that can listen; the first that an image has is taken.
INTERPRETERS = ("python3", "node", "perl")
LISTENS = "listening"
#: More are counted on by nobody: a loop without a pause is told by far fewer.
MAX_ARRIVALS = 5000

_ARRIVED = re.compile(r"^accepted (\d+\.\d+)$", re.MULTILINE)
_PYTHON = f"""
import selectors, socket, sys, time
waiting, left = selectors.DefaultSelector(), {MAX_ARRIVALS}
for port in sys.argv[1:]:
    waiting.register(socket.create_server(("0.0.0.0", int(port)), backlog=128), selectors.EVENT_READ)
print("{LISTENS}", flush=True)
while True:
    for key, _ in waiting.select():
        connection, _ = key.fileobj.accept()
        if left > 0:
            print("accepted %.6f" % time.time(), flush=True)
        left -= 1
        connection.close()
"""
_NODE = f"""
const ports = process.argv.slice(1).map(Number)
let left = {MAX_ARRIVALS}, open = 0
for (const port of ports) require("net").createServer(socket => {{
  if (left-- > 0) console.log("accepted " + (Date.now() / 1000).toFixed(6))
  socket.on("error", () => {{}})
  socket.destroy()
}}).listen(port, "0.0.0.0", () => {{ if (++open === ports.length) console.log("{LISTENS}") }})
"""
_PERL = f"""
use IO::Socket::INET; use IO::Select; use Time::HiRes;
$| = 1; my $left = {MAX_ARRIVALS};
my $all = IO::Select->new(map {{ IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => $_, Listen => 128, ReuseAddr => 1) or die }} @ARGV);
print "{LISTENS}\\n";
while (1) {{ for my $one ($all->can_read) {{ my $peer = $one->accept or next;
  printf "accepted %.6f\\n", Time::HiRes::time() if $left-- > 0; close $peer }} }}
"""
#: $1, $2, $3: the programs; the ports follow.
_SCRIPT = (
    'p=$1 n=$2 l=$3; shift 3; command -v python3 >/dev/null && exec python3 -c "$p" "$@"; '
    'command -v node >/dev/null && exec node -e "$n" -- "$@"; '
    'command -v perl >/dev/null && exec perl -e "$l" -- "$@"; exit 127'
)


def stand_in_name(service: str) -> str:
    """The name of what stands in for a service."""
    return f"readiness-stand-in-{service}"


def definition(
    service: str,
    *,
    image: Mapping[str, Any],
    networks: Mapping[str, Any],
    ports: Sequence[int],
    labels: Mapping[str, str],
    has_start_interval: bool,
) -> dict[str, Any]:
    """The compose service.

    Args:
        service: whose place it takes, and whose name it answers to.
        image: the service of the copy whose image it runs in.
        networks: of the service whose place it takes, as the copy has them.
        ports: where it listens.
        labels: on everything of the run.
        has_start_interval: whether this engine knows ``start_interval``.
    """
    listens = f"grep -qi ':{ports[0]:04X} 00000000:0000 0A' /proc/net/tcp"
    health = {"test": ["CMD-SHELL", listens], "interval": "1s", "timeout": "5s", "retries": 20}
    if has_start_interval:
        health |= {"start_period": "20s", "start_interval": "200ms"}
    command = ["/bin/sh", "-c", _SCRIPT, "sh", _PYTHON, _NODE, _PERL, *map(str, ports)]
    return {
        "image": image["image"],
        "pull_policy": image.get("pull_policy", "missing"),
        "entrypoint": [word.replace("$", "$$") for word in command],
        "networks": {
            name: {**(options or {}), "aliases": [*((options or {}).get("aliases") or []), service]}
            for name, options in networks.items()
        },
        "healthcheck": health,
        "restart": "no",
        # It has nothing to finish, and an interpreter that is a container's first process would not hear of SIGTERM.
        "stop_signal": "SIGKILL",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "labels": dict(labels),
    }


def arrivals_in(log: str) -> tuple[float, ...]:
    """When connections came, as its log tells: seconds since 1970, in order."""
    return tuple(sorted(float(found) for found in _ARRIVED.findall(log)))
