"""The demo as local processes, for machines without an engine: pip alone is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import run_audit

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


@pytest.mark.slow
def test_without_an_engine_the_processes_are_chosen(tmp_path: Path) -> None:
    arguments = ["--readiness-profile=personal", "--readiness-demo", "-m", "start or headers"]
    audited = run_audit(tmp_path, *arguments, environment=NO_ENGINE)
    assert audited.code == 0, audited.explain()
    assert audited.card["target"]["runtime"] == "process"
