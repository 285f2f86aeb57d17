from __future__ import annotations

import json
from pathlib import Path

import pytest

from readiness.cli import main
from readiness.render import render
from readiness.scorecard import from_json

SAMPLE = Path(__file__).parent.parent.parent / "reports" / "sample"
REBUILD = "rebuild it: python -m readiness render reports/sample/scorecard.json"


@pytest.mark.parametrize("name", ["json", "html"])
def test_the_sample_is_what_its_scorecard_renders_to(name: str) -> None:
    card = from_json(json.loads((SAMPLE / "scorecard.json").read_text(encoding="utf-8")))
    assert render(name, card) == (SAMPLE / f"scorecard.{name}").read_text(encoding="utf-8"), REBUILD


def test_one_command_rebuilds_the_sample(tmp_path: Path) -> None:
    assert main(["render", str(SAMPLE / "scorecard.json"), "--output", str(tmp_path)]) == 0
    for name in ("scorecard.json", "scorecard.html"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), REBUILD
