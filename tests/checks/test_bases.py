"""The recorded bases are what their builders write."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

BASES = Path(__file__).with_name("bases")
BUILDERS = sorted(BASES.glob("build_*.py"))


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda path: path.stem)
def test_base_is_what_its_builder_writes(builder: Path) -> None:
    recorded = builder.with_name(builder.stem.removeprefix("build_") + ".json")
    assert runpy.run_path(str(builder))["build"]() == json.loads(recorded.read_text("utf-8"))


def test_there_are_builders() -> None:
    assert BUILDERS
