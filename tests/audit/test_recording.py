"""A recording replaces an earlier one of its own and touches nothing else in the folder."""

from __future__ import annotations

import json
from pathlib import Path

from readiness.audit.recording import earlier_facts, keep_recording
from readiness.audit.run import Run
from readiness.audit.settings import Settings
from readiness.profile import Profile
from readiness.scrub import Scrubber
from readiness.target import Target


def run_with(folder: Path, *facts: str) -> Run:
    (folder / "facts").mkdir(parents=True)
    for name in facts:
        (folder / "facts" / f"{name}.json").write_text(json.dumps({"fact": {"said": "hunter-2-secret"}}))
    settings = Settings(
        rootdir=str(folder),
        profile="small",
        target=None,
        url=None,
        demo=None,
        runtime="auto",
        report=str(folder),
        formats=("json",),
        min_grade=None,
        record=None,
        replay=None,
        keep=False,
        allow=(),
        own_hosts=(),
    )
    return Run(
        id="r1",
        folder=str(folder),
        runtime="process",
        began=0.0,
        started_at="2027-01-15T08:00:00+00:00",
        settings=settings,
        profile=Profile(name="small"),
        target=Target(name="shop", folder=str(folder)),
    )


def test_an_earlier_recording_is_replaced_and_strangers_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    keep_recording(run_with(tmp_path / "one", "seen", "old"), folder, Scrubber(()))
    (folder / "facts" / "mine.json").write_text("precious")
    keep_recording(run_with(tmp_path / "two", "seen"), folder, Scrubber(()))
    assert sorted(path.name for path in (folder / "facts").iterdir()) == ["mine.json", "seen.json"]
    assert (folder / "facts" / "mine.json").read_text() == "precious"


def test_secrets_do_not_reach_a_recording(tmp_path: Path) -> None:
    keep_recording(run_with(tmp_path / "one", "seen"), tmp_path / "kept", Scrubber(["hunter-2-secret"]))
    assert "hunter" not in (tmp_path / "kept" / "facts" / "seen.json").read_text()


def test_an_edited_recording_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text(json.dumps({"facts": ["../../etc/passwd", "fine.json", 7]}))
    assert earlier_facts(tmp_path) == {"fine.json"}
