"""A signal to a container's processes that its engine does not know of.

``docker kill`` counts as a wish: no restart policy applies afterwards, and SIGKILL from inside does not reach a
container's first process. So a short-lived container that sees the engine's machine's processes sends it. That works for
users without root's rights, and where the engine runs in a machine of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from readiness.exceptions import UnsupportedError
from readiness.runtime.compose_start import engine_words

if TYPE_CHECKING:
    import docker

__all__ = ["signal_past_engine"]

#: $1 signal, $2 the container's id, which stands in the mounts of its processes alone: a number that went to somebody
#: else meanwhile is left in peace; the rest are the numbers, of which the first one must take the signal.
SCRIPT = """
signal=$1 id=$2 main=$3
shift 2
for pid; do
  code=3
  while read -r line; do
    case $line in *"$id"*) kill -s "$signal" "$pid" && code=0 || code=4; break ;; esac
  done 2>/dev/null <"/proc/$pid/mountinfo"
  [ "$pid" = "$main" ] && [ "$code" != 0 ] && exit "$code"
done
exit 0
"""
#: The least it needs: see another user's mounts, and signal its process.
CAPABILITIES = ["SYS_PTRACE", "DAC_READ_SEARCH", "KILL"]


def signal_past_engine(
    client: docker.DockerClient,
    *,
    container: str,
    pids: Sequence[int],
    signal: str,
    images: Sequence[str],
    labels: Mapping[str, str],
) -> None:
    """Send a signal to processes of the engine's machine, if they are that container's.

    Args:
        client: of the engine.
        container: the container's id.
        pids: its main process, and others of its processes; as the engine's machine counts.
        signal: its name, without SIG.
        images: images of the stack, the first with a shell is used.
        labels: for whoever removes what a dead run left.

    Raises:
        UnsupportedError: no image of the stack has a shell, or the engine forbids it.
    """
    import docker.errors  # noqa: PLC0415  # 0.2 s; never at import of this package

    problem = "no image of the stack has a shell"
    for image in dict.fromkeys(images):
        with engine_words(f"signalling {container[:12]} past the engine"):
            try:
                client.containers.run(
                    image,
                    entrypoint=["/bin/sh", "-c", SCRIPT, "sh", signal, container, *map(str, pids)],
                    command=[],
                    pid_mode="host",
                    network_mode="none",
                    user="0",
                    cap_drop=["ALL"],
                    cap_add=CAPABILITIES,
                    read_only=True,
                    remove=True,
                    labels=dict(labels),
                )
            except docker.errors.ContainerError as error:
                problem = f"{image}: exit code {error.exit_status}"
            except docker.errors.APIError as error:
                problem = f"{image}: {error.explanation}"
            else:
                return
    raise UnsupportedError(
        "to signal a main process past its engine",
        runtime="compose",
        hint=f"this engine or stack does not let us ({problem})",
    )
