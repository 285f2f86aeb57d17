"""A run that somebody kills: starts the reaper and a stack, says how far it is, and waits for the end.

Arguments: run id, work folder, stack, and until which moment to go: build, up, healthy, paused, down.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from readiness.runtime import Variant
from readiness.runtime.compose import ComposeRuntime
from readiness.runtime.reaper import register_process, start_reaper
from readiness.target import Compose, Entry, Target


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _progress(what: str, *, at_most_seconds: float | None = None) -> None:
    _say({"building": "build", "starting": "up"}.get(what.split(maxsplit=1)[0], what))


def main() -> None:
    run_id, work, stack, moment = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    guard = start_reaper(run_id, work)
    process = subprocess.Popen(["sleep", "300"], start_new_session=True)
    register_process(work, process.pid)
    entries = () if moment == "build" else (Entry(name="direct", service="api", port=8000),)
    target = Target(name=stack, folder=stack, compose=Compose(files=("compose.yaml",)), service="api", entries=entries)
    copy = ComposeRuntime(target, run_id=run_id, work=work).start(Variant(), progress=_progress)
    _say("healthy")
    if moment == "paused":
        copy.pause("db")
        _say("paused")
    elif moment == "down":
        _say("down")
        copy.close()
    elif moment == "close":
        copy.close()
        process.kill()
        process.wait()
        guard.close()
        _say("closed")
        return
    elif moment == "keep":
        guard.close(keep=True)
        _say("kept")
        return
    time.sleep(300)


main()
