"""What a command of the owner's shows while it runs: its command lines and those of all that it starts, and secrets in them."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from readiness.facts.backup import CommandRun
from readiness.facts.backup_upkeep import Shown
from readiness.facts.probe_body import mask
from readiness.gather.backup_shelf import Shelf
from readiness.instruments.owners_backup import LINE_CHARS, OwnersBackup

__all__ = ["Watched", "masked", "secrets_in", "watch"]

MOST_BYTES = 512 * 1024
AROUND_CHARS = 80
#: Its own processes are known by a variable that they inherit; a process of somebody else's is nobody's business. No
#: pause between two looks: a client program that asks one question lives for milliseconds.
_WATCH = """
mark=$1 seen=$2; shift 2
look() {
  while :; do
    for found in $(grep -ls "READINESS_WATCHED=$mark" /proc/[0-9]*/environ 2>/dev/null); do
      tr '\\0' ' ' <"${found%environ}cmdline" 2>/dev/null && echo
    done >>"$seen"
  done
}
look </dev/null >/dev/null 2>&1 & looking=$!
READINESS_WATCHED=$mark "$@"
code=$?
kill "$looking" 2>/dev/null
exit "$code"
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A run, and what was seen of it.

    Attributes:
        run: its output masked.
        output: unmasked.
        command_lines: unmasked, each once.
    """

    run: CommandRun
    output: str
    command_lines: tuple[str, ...]


def watch(
    owners: OwnersBackup,
    shelf: Shelf,
    command: Sequence[str],
    *,
    timeout_seconds: float,
    variables: Mapping[str, str] | None = None,
    also_ports: Sequence[int] = (),
) -> Watched:
    """Run a command and look at its processes; those of a command on this machine are hidden by what confines it.

    Args:
        owners: how; its secrets are masked in ``run``.
        shelf: of the same copy.
        command: as :meth:`OwnersBackup.run` takes it, with ``timeout_seconds`` and ``variables``.
        timeout_seconds: as above.
        variables: as above.
        also_ports: as above.

    Raises:
        GatherError, StackError: there is no place to note what was seen.
    """
    plain = dataclasses.replace(owners, secrets={})
    if owners.backup.is_on_host:
        run = plain.run(command, timeout_seconds=timeout_seconds, variables=variables, also_ports=also_ports)
        return Watched(run=masked(run, owners.secrets), output="\n".join(run.lines), command_lines=())
    seen = shelf.shell("mktemp").strip()
    words = ("sh", "-c", _WATCH, "sh", secrets.token_hex(8), seen, *command)
    run = plain.run(words, timeout_seconds=timeout_seconds, variables=variables)
    lines = shelf.shell('sort -u "$1" | head -c "$2"; rm -f "$1"', seen, str(MOST_BYTES)).splitlines()
    output = "\n".join(run.lines)
    shown = masked(dataclasses.replace(run, command=" ".join(command)), owners.secrets)
    return Watched(run=shown, output=output, command_lines=tuple(line.strip() for line in lines if line.strip()))


def masked(run: CommandRun, known: Mapping[str, str]) -> CommandRun:
    """A run without secrets in its words."""
    values = dict(known)
    return dataclasses.replace(
        run,
        command=mask(run.command, values)[:LINE_CHARS],
        lines=tuple(mask(line, values) for line in run.lines),
        problem=mask(run.problem, values),
    )


def secrets_in(texts: Iterable[str], known: Mapping[str, str], *, where: str) -> tuple[Shown, ...]:
    """Where secrets stand in texts, each once."""
    found: dict[str, Shown] = {}
    for text in texts:
        for name, value in known.items():
            at = text.find(value)
            if at >= 0 and name not in found:
                around = text[max(0, at - AROUND_CHARS) : at + len(value) + AROUND_CHARS]
                found[name] = Shown(name=name, where=where, text=mask(around, dict(known)))
    return tuple(found.values())
