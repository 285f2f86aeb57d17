"""Graceful shutdown of services without database, cache or login; what must be seen, and that it is seen every time."""

from __future__ import annotations

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from readiness.demo.defects import DEFECTS
from tests.e2e.conftest import Audited, run_audit

pytestmark = pytest.mark.slow

SERVICE = Path(__file__).parent / "stacks" / "small" / "serve.py"
DECLARATION = """
name: small
processes:
  web:
    command: ["{{python}}", serve.py, "{{state}}", "{{port}}"]
    port: 8000
    ready: /health
    env: {{MODE: {mode}, LEAVES_AFTER_SECONDS: "{leaves_after}"}}
    stop_signal: {signal}
    stop_grace_seconds: {grace}
service: web
entry: {{service: web, port: 8000}}
roles: {{app: web, db: none, redis: none}}
probes: {{live: /health, ready: /health}}
login: none
record:
  create: {{method: POST, path: /records, json: {{text: tea}}, expect: 201, id: id}}
  read: "/records/{{id}}"
why: {{login: it is behind another service, roles.db: it keeps a file, roles.redis: it keeps a file}}
"""
#: What the two stops of one service show, without those of other parts and of whole stacks.
OF_ONE_STOP = (
    "completion_logged",
    "db_connections_closed",
    "exit_code",
    "inflight_completes",
    "inflight_write_commits",
    "keepalive",
    "ordered",
    "pid1_forwards",
    "refuses_new",
)
#: Of the repeats; an audit of one stop mostly waits.
AT_ONCE = 3
#: How often the same verdicts are asked for; 20 is the acceptance figure.
REPEATS = int(os.environ.get("READINESS_DRAIN_REPEATS", "0"))


def small(folder: Path, mode: str, *, signal: str = "SIGTERM", grace: int = 8, leaves_after: int = 4) -> Audited:
    target = folder / "target"
    target.mkdir()
    shutil.copy(SERVICE, target)
    declared = DECLARATION.format(mode=mode, signal=signal, grace=grace, leaves_after=leaves_after)
    (target / "readiness.yaml").write_text(declared)
    arguments = ["--readiness-profile=production", f"--readiness-target={target}", "--readiness-runtime=process"]
    return run_audit(folder, *arguments, "-m", "drain", "-n", "2", "--readiness-format=json")


SOUND = {
    "cleanup_errors_tolerated": "not_applicable",
    "completion_logged": "pass",
    "db_connections_closed": "not_applicable",
    "exit_code": "pass",
    "grace_period_fits": "inconclusive",
    "inflight_completes": "pass",
    "inflight_write_commits": "pass",
    "keepalive": "not_applicable",  # it closes after every answer
    "ordered": "inconclusive",
    "pid1_forwards": "pass",
    "refuses_new": "pass",
    "second_signal": "inconclusive",
    "timeout_30s": "inconclusive",
    "timeout_configurable": "inconclusive",
}


def drained(audited: Audited) -> dict[str, str]:
    """The checks of one service's stop; those of a whole stack's have tests of their own."""
    return {i.removeprefix("drain."): o for i, o in audited.outcomes.items() if i.removeprefix("drain.") in SOUND}


def test_a_service_without_stores_and_login_is_judged(tmp_path: Path) -> None:
    audited = small(tmp_path, "sound")
    assert drained(audited) == SOUND, audited.explain()
    row = next(row for row in audited.card["checks"] if row["id"] == "drain.inflight_completes")
    lanes = {lane["label"] for lane in row["charts"][0]["lanes"]}
    assert "50 of 50 requests in flight finished" in row["summary"]
    assert ", 0 of " in row["summary"]
    assert {"SIGTERM", "web", "readiness", "POST /records, half sent (50)", "new connections"} <= lanes


def test_killing_instead_of_stopping_cuts_what_is_in_flight(tmp_path: Path) -> None:
    """The control: were this not seen, a pass would say nothing."""
    audited = small(tmp_path, "sound", signal="SIGKILL")
    outcomes = drained(audited)
    assert outcomes["inflight_completes"] == "fail", audited.explain()
    assert outcomes["inflight_write_commits"] == "pass", audited.explain()
    assert outcomes["exit_code"] == "fail", audited.explain()


def test_a_deaf_service_finishes_its_requests_and_is_killed(tmp_path: Path) -> None:
    audited = small(tmp_path, "deaf")
    told = {"completion_logged": "inconclusive", "keepalive": "not_applicable", "ordered": "inconclusive"}
    failed = dict.fromkeys(("exit_code", "pid1_forwards", "refuses_new"), "fail")
    assert drained(audited) == SOUND | told | failed, audited.explain()


def test_a_service_that_ends_on_the_spot_cuts(tmp_path: Path) -> None:
    audited = small(tmp_path, "cuts")
    outcomes = drained(audited)
    assert outcomes["inflight_completes"] == "fail", audited.explain()
    assert outcomes["exit_code"] == "pass", audited.explain()  # 143 is what a signal leaves


@pytest.mark.parametrize("leaves_after", [4, 10], ids=["before the stop", "about the stop"])
def test_a_service_that_leaves_by_itself_is_told_and_not_blamed_for_the_stop(tmp_path: Path, leaves_after: int) -> None:
    audited = small(tmp_path, "leaves", leaves_after=leaves_after)
    outcomes = drained(audited)
    # A quick machine stops it before it leaves, and it stops well.
    is_sound = outcomes == SOUND and leaves_after > 4  # seconds
    assert is_sound or set(outcomes.values()) <= {"inconclusive", "not_applicable"}, audited.explain()
    reasons = {row["reason"] for row in audited.card["checks"] if row["id"] == "drain.exit_code"}
    assert all(re.search("exited|ended|ends by itself|not up", reason) for reason in reasons), reasons


@pytest.mark.skipif(not REPEATS, reason="an acceptance run of half an hour: READINESS_DRAIN_REPEATS=20")
@pytest.mark.parametrize("defect", ["", "drain-cuts-requests", "drain-loses-writes", "connections-left-open"])
def test_the_verdicts_are_the_same_every_time(tmp_path: Path, defect: str) -> None:
    def once(number: int) -> Audited:
        folder = tmp_path / str(number)
        folder.mkdir()
        demo = f"--readiness-demo{f'={defect}' if defect else ''}"
        arguments = ["--readiness-profile=production", demo, "--readiness-runtime=process", "-m", "drain"]
        return run_audit(folder, *arguments, "-k", " or ".join(OF_ONE_STOP), "--readiness-format=json")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        audits = list(pool.map(once, range(REPEATS)))
    seen = [{name: audited.outcomes[f"drain.{name}"] for name in OF_ONE_STOP} for audited in audits]
    failed = {frozenset(name for name, outcome in outcomes.items() if outcome == "fail") for outcomes in seen}
    detected_by = {
        check.removeprefix("drain.") for each in DEFECTS if each.name == defect for check in each.detected_by
    }
    assert failed == {frozenset(detected_by.intersection(OF_ONE_STOP))}, seen
    assert all(outcomes == seen[0] for outcomes in seen), seen
