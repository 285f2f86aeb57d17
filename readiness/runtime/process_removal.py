"""How the owner of a kept stack of processes removes it, when nothing of the audit runs any more: a script of a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from readiness.runtime.reaper import RUN_VARIABLE, Owner

__all__ = ["removal_script"]

_SCRIPT = """\
# Ends what the kept stack (--readiness-keep) still runs, and removes its files.
# Whatever bears the mark of the run in its environment is the stack's.
found=$(grep -lsz '^{variable}={run_id}$' /proc/[0-9]*/environ | cut -d/ -f3)
# Servers that write their state into their command line (nginx, Redis) write over their environment too. They are known by
# their session, but numbers are used again: only in the same boot, and while its leader is the process that was started.
if [ "$(cat /proc/sys/kernel/random/boot_id)" = "{boot}" ]; then
    for kept in {leaders}; do
        leader=${{kept%:*}}
        started=$(sed -n 's/^.*) //p' "/proc/$leader/stat" 2>/dev/null | cut -d' ' -f20)
        [ "$started" = "${{kept#*:}}" ] || continue
        found="$found $(sed -nE "s/^([0-9]+) .*\\) . [0-9]+ [0-9]+ $leader .*/\\1/p" /proc/[0-9]*/stat 2>/dev/null)"
    done
fi
for pid in $found; do
    kill -s "${{1:-TERM}}" "$pid" 2>/dev/null
done
rm -rf {folder}
"""


def removal_script(leaders: Sequence[Owner], *, run_id: str, folder: Path) -> str:
    """A shell script; its one argument is the signal to send, where it is not to be TERM.

    Args:
        leaders: of the sessions in which the stack runs.
        run_id: of the run that started them.
        folder: everything that the stack has on disk.
    """
    return _SCRIPT.format(
        variable=RUN_VARIABLE,
        run_id=run_id,
        boot=next((leader.boot for leader in leaders), ""),
        leaders=" ".join(f"{leader.pid}:{leader.started}" for leader in leaders),
        folder=shlex.quote(str(folder)),
    )
