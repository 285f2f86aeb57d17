"""Keeping a run's facts for later: one folder that ``--readiness-replay`` judges again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import readiness
from readiness.facts._codec import encode

if TYPE_CHECKING:
    from pathlib import Path

    from readiness.audit.run import Run
    from readiness.scrub import Scrubber

__all__ = ["earlier_facts", "keep_recording"]

#: Raised when a recording of an older version can no longer be read.
RECORDING_VERSION = 1


def keep_recording(run: Run, folder: Path, scrubber: Scrubber) -> None:
    """Write the run's facts, scrubbed, and what is needed to judge them.

    Raises:
        OSError: the folder cannot be written.
    """
    facts = folder / "facts"
    facts.mkdir(parents=True, exist_ok=True)
    kept = {path.name for path in run.facts.glob("*.json") if not path.name.startswith(".")}
    # An earlier recording in the same folder must not mix its facts with these; what it did not write is not ours.
    for stale in earlier_facts(folder) - kept:
        (facts / stale).unlink(missing_ok=True)
    for name in sorted(kept):
        record = scrubber.clean(json.loads((run.facts / name).read_text(encoding="utf-8")))
        (facts / name).write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    about = {
        "recording_version": RECORDING_VERSION,
        "tool_version": readiness.__version__,
        "run": run.id,
        "runtime": run.runtime,
        "facts": sorted(kept),
        "target": scrubber.clean(encode(run.target)),
    }
    (folder / "recording.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


def earlier_facts(folder: Path) -> set[str]:
    """The names of the facts that an earlier recording in this folder wrote, by its own account."""
    try:
        names = json.loads((folder / "recording.json").read_text(encoding="utf-8"))["facts"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # Only plain names: a recording that somebody edited must not lead out of its folder.
    return {name for name in names if isinstance(name, str) and re.fullmatch(r"[a-z0-9_]+\.json", name)}
