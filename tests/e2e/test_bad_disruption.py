"""Stacks that are odd to disturb: deaf to their stop signal, gone by themselves, alone, unwritable, on the host's network.

Every check of the families under disruption has its outcome here: none may blame a service for what it does not have, or
for what its copy lacks, and none may pass one that does nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Audited, run_audit
from tests.e2e.kinds import DISRUPTION, marker
from tests.e2e.other_make import compare

pytestmark = pytest.mark.docker

STACKS = Path(__file__).parent / "stacks"

#: Without a store: the checks that are about one.
NO_STORE = dict.fromkeys(
    (
        "db.dependency_versions",
        "db.pool_ceiling",
        "db.pool_configured",
        "db.pool_exhaustion_clean",
        "db.pool_fits_server",
        "db.pool_recycle",
        "db.pool_reuse",
        "db.pre_ping",
        "db.server_settings",
        "drain.cleanup_errors_tolerated",
        "drain.db_connections_closed",
        "persist.named_volumes",
        "persist.redis_crash",
        "persist.redis_restart",
        "persist.redis_save_points",
        "retry.db_backoff",
        "retry.db_late",
        "retry.exhausted_clear",
        "retry.logged",
        "startup.dependency_order",
        "startup.failed_dependency_blocks",
    ),
    "not_applicable",
)
#: What only its owner can say, and nobody does in these stacks.
UNDECLARED = dict.fromkeys(
    (
        "compose.limits_figures",
        "compose.reservations",
        "drain.grace_period_fits",
        "drain.ordered",
        "drain.rolling_zero_downtime",
        "drain.second_signal",
        "drain.timeout_30s",
        "drain.timeout_configurable",
        "drain.worker_finishes",
        "persist.idempotency_keys",
        "persist.queue_survives",
        "scale.failover",
        "startup.async_load",
        "startup.concurrent_inference",
        "startup.health_polling",
        "startup.health_polling_timeout",
        "startup.requests_while_loading",
        "startup.survives_corrupt_model",
        "startup.survives_disk_full",
        "startup.survives_download_failure",
    ),
    "inconclusive",
)
#: Neither limits nor a restart policy are set: seen in force, and in what becomes of the service.
CONTAINERS = {
    "compose.config_valid": "pass",
    "compose.cpu_limit_contains": "not_applicable",
    "compose.healthcheck_defined": "pass",
    "compose.healthcheck_truthful": "pass",
    "compose.limits_set": "fail",
    "compose.memory_limit_contains": "not_applicable",
    "compose.no_restart_loop": "pass",
    "compose.restart_after_reboot": "fail",
    "compose.restart_on_crash": "fail",
    "compose.restart_policy": "fail",
    "compose.totals_fit_host": "inconclusive",
}
#: Its compose file alone is given, so no request is known that writes or takes long.
DEAF = {
    **NO_STORE,
    **UNDECLARED,
    **CONTAINERS,
    "drain.all_containers": "fail",
    "drain.completion_logged": "inconclusive",
    "drain.exit_code": "fail",
    "drain.inflight_completes": "inconclusive",
    "drain.inflight_write_commits": "inconclusive",
    "drain.keepalive": "not_applicable",
    "drain.pid1_forwards": "fail",
    "drain.refuses_new": "fail",
    "drain.restart_no_data_loss": "inconclusive",
    "persist.recreate": "inconclusive",
    "scale.stateless": "inconclusive",
    "startup.no_fixed_sleep": "not_applicable",
    "startup.repeatable": "pass",
}
#: On a read-only file system and the host's network, beside a container that ends well and one that crashes by itself.
ODD = {
    **NO_STORE,
    **UNDECLARED,
    **CONTAINERS,
    "compose.healthcheck_defined": "fail",  # of the one that crashes; the one that ended needs none
    "compose.no_restart_loop": "fail",
    "drain.all_containers": "pass",
    "drain.completion_logged": "pass",
    "drain.exit_code": "pass",
    "drain.inflight_completes": "pass",
    "drain.inflight_write_commits": "pass",
    "drain.keepalive": "not_applicable",  # it closes after every answer
    "drain.pid1_forwards": "pass",
    "drain.refuses_new": "pass",
    "drain.restart_no_data_loss": "inconclusive",  # what runs beside the service may be a worker: its jobs are not declared
    "persist.recreate": "pass",
    "scale.stateless": "pass",
    "startup.no_fixed_sleep": "fail",
    "startup.repeatable": "pass",
}
#: The service itself crashes 10 s after every start. These are asked; the others have nothing new to say.
LEAVES = {
    "compose.no_restart_loop": "fail",
    "compose.restart_on_crash": "inconclusive",
    "drain.exit_code": "inconclusive",
    "drain.inflight_completes": "inconclusive",
    "drain.pid1_forwards": "inconclusive",
    "drain.refuses_new": "inconclusive",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One audit: what is given to it."""

    target: str = "readiness.yaml"
    files: str = "compose.yaml"
    mode: str = "sound"
    grace: str = "8s"
    arguments: tuple[str, ...] = ()


CASES = {
    "deaf": Case(target="compose.yaml", mode="deaf", grace="4s"),
    "odd": Case(files="compose.yaml, odd.yaml"),
    "leaves": Case(mode="leaves", arguments=("-k", " or ".join(check.partition(".")[2] for check in LEAVES))),
}


def _audit(place: Path, case: Case) -> Audited:
    for part in ("images", "small", "lone"):
        shutil.copytree(STACKS / part, place / part)
    declaration = place / "lone" / "readiness.yaml"
    declaration.write_text(declaration.read_text().replace("[compose.yaml]", f"[{case.files}]"))
    temporary = place / "tmp"
    temporary.mkdir(mode=0o711)
    audited = run_audit(
        place,
        "--readiness-profile=production",
        f"--readiness-target={place / 'lone' / case.target}",
        "--readiness-runtime=compose",
        f"--readiness-record={place / 'record'}",
        "--readiness-format=json",
        *("-m", marker(DISRUPTION)),
        *("-n", "2"),
        *case.arguments,
        environment={"TMPDIR": str(temporary), "MODE": case.mode, "GRACE": case.grace},
    )
    assert [path.name for path in temporary.iterdir() if path.name.startswith("readiness")] == [], audited.explain()
    return audited


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Audited]:
    """All of them, two at once: they mostly wait."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        ran = {name: pool.submit(_audit, tmp_path_factory.mktemp(name), case) for name, case in CASES.items()}
    return {name: each.result() for name, each in ran.items()}


def _rows(audited: Audited) -> dict[str, str]:
    """Check -> its reason, and what it found."""
    return {
        row["id"]: f"{row['reason']} {'; '.join(found['message'] for found in row['findings'])}"
        for row in audited.card["checks"]
    }


def test_a_lone_service_that_ignores_its_stop_signal(audits: dict[str, Audited]) -> None:
    compare(audits["deaf"], DEAF, families=DISRUPTION)
    rows = _rows(audits["deaf"])
    assert "SIGTERM changed nothing" in rows["drain.pid1_forwards"]
    assert "did not end by itself and was killed 4 s after SIGTERM" in rows["drain.exit_code"]
    assert "no service of the stack has the role db" in rows["drain.db_connections_closed"]


def test_an_unwritable_service_on_the_hosts_network_beside_some_that_end_by_themselves(
    audits: dict[str, Audited],
) -> None:
    audited = audits["odd"]
    compare(audited, ODD, families=DISRUPTION)
    rows = _rows(audited)
    assert "ticker" in rows["compose.no_restart_loop"]
    assert "seed" not in " ".join(rows[check] for check, outcome in ODD.items() if outcome == "fail")
    changed = {change["what"]: change for change in audited.card["target"]["changes"] if change["service"] == "web"}
    assert changed["network_mode: host replaced by a network of this run"]["why"]
    assert changed["network_mode: host replaced by a network of this run"]["supply"]
    record = audited.report.parent / "record" / "facts" / "containers_at_rest.json"
    containers = json.loads(record.read_text())["fact"]["containers"]
    assert all(container["network_mode"] != "host" for container in containers)
    assert [each["service"] for each in containers if each["is_read_only"]] == ["web"]


def test_a_service_that_crashes_by_itself_is_blamed_for_that_alone(audits: dict[str, Audited]) -> None:
    audited = audits["leaves"]
    found = {check: outcome for check, outcome in audited.outcomes.items() if check in LEAVES}
    assert found == LEAVES, audited.explain()
    assert "web ends by itself" in _rows(audited)["drain.exit_code"]


@pytest.mark.parametrize("case", CASES)
def test_it_ends_as_a_failed_gate_and_every_reason_says_what_would_help(audits: dict[str, Audited], case: str) -> None:
    audited = audits[case]
    assert audited.code == 1, audited.explain()
    assert "Traceback" not in audited.output
    assert "our bug" not in json.dumps(audited.card)
    ran = [row for row in audited.card["checks"] if row["reason"] != "did not run"]
    undecided = [row for row in ran if row["outcome"] == "inconclusive" and row["id"] not in audited.crowded_out]
    assert [row["id"] for row in undecided if not row["reason"] or not row["supply"]] == []
    assert [row["id"] for row in ran if row["outcome"] == "not_applicable" and not row["reason"]] == []


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_it_is_left(audits: dict[str, Audited], case: str) -> None:
    run_id = audits[case].card["run"]["id"]
    listings = (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"], ["image", "ls", "-q"])
    for listing in listings:
        command = ["docker", *listing, "--filter", f"label=io.readiness.run={run_id}"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""
