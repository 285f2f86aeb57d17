"""Keeping a run's facts for later: one folder that ``--readiness-replay`` judges again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import readiness
from readiness.facts._codec import encode

if TYPE_CHECKING:
    from pathlib import Path

    from readiness.audit.run import Run
    from readiness.scrub import Scrubber

__all__ = ["keep_recording"]

#: Raised when a recording of an older version can no longer be read.
RECORDING_VERSION = 1


def keep_recording(run: Run, folder: Path, scrubber: Scrubber) -> None:
    """Write the run's facts, scrubbed, and what is needed to judge them.

    Raises:
        OSError: the folder cannot be written.
    """
    facts = folder / "facts"
    facts.mkdir(parents=True, exist_ok=True)
    kept = set()
    for path in sorted(run.facts.glob("*.json")):
        if path.name.startswith("."):
            continue
        record = scrubber.clean(json.loads(path.read_text(encoding="utf-8")))
        (facts / path.name).write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
        kept.add(path.name)
    # An earlier recording in the same folder must not mix its facts with these.
    for stale in facts.glob("*.json"):
        if stale.name not in kept:
            stale.unlink()
    about = {
        "recording_version": RECORDING_VERSION,
        "tool_version": readiness.__version__,
        "run": run.id,
        "runtime": run.runtime,
        "target": scrubber.clean(encode(run.target)),
    }
    (folder / "recording.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
