"""Replicas in a Docker Swarm that the audit makes of this machine's engine, and leaves again however it ends.

They need the engine for themselves: it can be in one swarm only, and leaving it, it forgets the names of all containers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import readiness.demo
from readiness.runtime.reaper import LABEL_RUN
from tests.e2e.conftest import run_audit

pytestmark = [pytest.mark.docker, pytest.mark.swarm]

DEMO = Path(readiness.demo.__file__).parent
CHECKS = ("drain.rolling_zero_downtime", "scale.failover", "scale.stateless")
CHOSEN = ["-m", "drain or scale", "-k", "rolling or failover or stateless"]
#: The promise: after this time nothing of a killed run is left.
WITHIN_SECONDS = 30.0
GATEWAY = "docker_gwbridge"


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def _state() -> str:
    return _docker("info", "--format", "{{.Swarm.LocalNodeState}}")


def _left(gateway: str, run_ids: list[str]) -> list[str]:
    """What is not as it was: the engine's state, its gateway, and what bears the runs' labels."""
    found = [] if _state() == "inactive" else [f"a swarm: {_state()}"]
    found += [] if _gateway() == gateway else [GATEWAY]
    for run_id in run_ids:
        for listing in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"], ["image", "ls", "-q"]):
            names = _docker(*listing, "--filter", f"label={LABEL_RUN}={run_id}").split()
            found += [f"{listing[0]} {name}" for name in names]
    return found


def _gateway() -> str:
    return _docker("network", "ls", "-q", "--filter", f"name=^{GATEWAY}$")


@pytest.fixture
def gateway() -> str:
    """The bridge that an earlier swarm of this machine may have left; an engine that is in a swarm tests nothing."""
    assert _state() == "inactive", "these tests were asked for, and this machine's engine is in somebody's swarm"
    return _gateway()


def _shop(folder: Path) -> Path:
    """The demo, whose owner deploys it to a swarm without virtual addresses: not every kernel has them."""
    shutil.copytree(DEMO, folder / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    declaration = folder / "shop" / "readiness.yaml"
    text = declaration.read_text(encoding="utf-8")
    declaration.write_text(f"{text}\nscaling: {{engine: swarm, endpoint_mode: dnsrr}}\n", encoding="utf-8")
    return folder / "shop"


def _arguments(shop: Path) -> list[str]:
    return ["--readiness-profile=production", f"--readiness-target={shop}", "--readiness-runtime=compose", *CHOSEN]


def test_replicas_in_a_swarm_are_updated_and_lost_without_a_failed_request(tmp_path: Path, gateway: str) -> None:
    audited = run_audit(tmp_path, *_arguments(_shop(tmp_path)), "--readiness-format=json")
    outcomes = {check: audited.outcomes[check] for check in CHECKS if check not in audited.crowded_out}
    assert set(outcomes.values()) <= {"pass"}, audited.explain()
    rolled = next(row for row in audited.card["checks"] if row["id"] == CHECKS[0])
    if rolled["outcome"] == "pass":
        assert "by Docker Swarm's update" in rolled["summary"]
    assert _left(gateway, [audited.card["run"]["id"]]) == []


@pytest.mark.parametrize("moment", ["handing api over to Docker Swarm", "replicas are replaced under load"])
def test_a_killed_audit_leaves_no_swarm(moment: str, tmp_path: Path, gateway: str) -> None:
    shop, place = _shop(tmp_path), tmp_path / "place"
    place.mkdir()
    command = [sys.executable, "-u", "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *_arguments(shop)]
    with subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if re.search(moment, line):
                    break
            else:
                raise AssertionError(f"the audit never said {moment!r}:\n{''.join(seen)}")
            assert _state() == "active", "there must be something to leave, or this proves nothing"
            run_ids = [path.name.split("-")[1] for path in place.glob("readiness-????????-*")]
            listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.laddr.port in {2377, 7946}}
        finally:
            process.kill()
    assert run_ids
    assert listening <= {"127.0.0.1"}
    deadline = time.monotonic() + WITHIN_SECONDS
    while (left := _left(gateway, run_ids)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == []


def test_an_engine_that_is_in_a_swarm_stays_in_it(tmp_path: Path, gateway: str) -> None:
    try:
        _docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        node = _docker("info", "--format", "{{.Swarm.NodeID}}")
        audited = run_audit(tmp_path, *_arguments(_shop(tmp_path)), "--readiness-format=json")
        rows = {row["id"]: row for row in audited.card["checks"]}
        for check in CHECKS:
            assert rows[check]["outcome"] == "inconclusive", audited.explain()
            assert "it is in a swarm already (active, manager), which is left alone" in rows[check]["reason"]
        assert json.loads(_docker("info", "--format", "{{json .Swarm}}"))["NodeID"] == node
    finally:
        _docker("swarm", "leave", "--force")
        if not gateway:
            _docker("network", "rm", GATEWAY)
