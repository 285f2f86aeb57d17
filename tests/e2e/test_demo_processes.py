"""The sound demo as local processes, for machines without an engine: pip alone is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Audited, run_audit

pytestmark = pytest.mark.slow
RUNTIME = "process"
WORKERS = 2
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


def test_the_healthy_demo_fails_nothing(healthy: Audited) -> None:
    assert healthy.code == 0, healthy.explain()
    assert "fail" not in healthy.outcomes.values(), healthy.explain()


def test_most_of_the_weight_is_decided(healthy: Audited) -> None:
    assert healthy.card["coverage"] >= 0.8, healthy.explain()
    assert healthy.card["grade"] in {"A+", "A"}, healthy.explain()


def test_what_needs_an_engine_says_so(healthy: Audited) -> None:
    rows = [row for row in healthy.card["checks"] if row["id"] not in healthy.crowded_out]
    reasons = [row["reason"] for row in rows if row["outcome"] == "inconclusive"]
    assert reasons
    assert all("needs" in reason for reason in reasons), reasons


def test_without_an_engine_the_processes_are_chosen(tmp_path: Path) -> None:
    arguments = ["--readiness-profile=personal", "--readiness-demo", "-m", "start or headers"]
    audited = run_audit(tmp_path, *arguments, environment=NO_ENGINE)
    assert audited.code == 0, audited.explain()
    assert audited.card["target"]["runtime"] == "process"
