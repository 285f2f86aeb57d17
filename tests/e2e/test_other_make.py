"""A stack of other make: another language, another proxy, other conventions; the same verdicts where the truth is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import run_audit

pytestmark = pytest.mark.docker

STACK = Path(__file__).parent / "stacks" / "fastify"

SOUND = {
    "start.stack": "pass",
    "headers.cookies": "not_applicable",  # callers have keys
    "headers.csp": "pass",
    "headers.frame_deny": "pass",
    "headers.hsts_absent_nonprod": "pass",
    "headers.hsts_production": "pass",
    "headers.isolation": "pass",
    "headers.leaks": "pass",
    "headers.nosniff": "pass",
    "headers.on_error_responses": "pass",
    "headers.permissions_policy": "pass",
    "headers.private_cache": "pass",
    "headers.referrer_policy": "pass",
    "headers.toggle": "pass",
    "headers.xss_protection": "pass",
    "probe.aggregates_backends": "not_applicable",  # as all that it declares to be none
    "probe.alerts_field": "not_applicable",
    "probe.basic_503": "pass",
    "probe.cache_10s": "pass",
    "probe.detailed": "not_applicable",
    "probe.detailed_truthful": "not_applicable",
    "probe.disk_memory": "not_applicable",
    "probe.error_sanitised": "pass",
    "probe.fast": "pass",
    "probe.hang_bounded": "pass",
    "probe.health_ok": "pass",
    "probe.legacy_shallow": "not_applicable",
    "probe.live": "not_applicable",  # 204 says all
    "probe.live_no_deps": "pass",
    "probe.loading_503": "not_applicable",
    "probe.ready": "pass",
    "probe.ready_503_db": "pass",
    "probe.ready_503_redis": "pass",
    "probe.recovers": "pass",
    "probe.startup": "not_applicable",
    "probe.status_ok_body": "pass",
    "probe.system_metrics": "not_applicable",
}

#: Variable that switches the defect on -> what it must flip, and nothing else.
DEFECTS = {
    "READY_IGNORES_DB": {"probe.ready_503_db"},
    "LIVE_CHECKS_DB": {"probe.live_no_deps"},
    "NO_HELMET_ON_ERRORS": {"headers.on_error_responses"},
}


def test_a_sound_stack_of_other_make_is_judged_sound(tmp_path: Path) -> None:
    audited = run_audit(tmp_path, "--readiness-profile=production", f"--readiness-target={STACK}", "-n", "2")
    assert audited.outcomes == SOUND | dict.fromkeys(audited.crowded_out, "inconclusive"), audited.explain()
    assert audited.code == 0, audited.explain()


@pytest.mark.parametrize("defect", sorted(DEFECTS))
def test_a_defect_fails_its_check_and_no_other(defect: str, tmp_path: Path) -> None:
    audited = run_audit(
        tmp_path,
        "--readiness-profile=production",
        f"--readiness-target={STACK}",
        "-n",
        "2",
        environment={defect: "1"},
    )
    crowded_out = dict.fromkeys(audited.crowded_out, "inconclusive")
    assert audited.outcomes == SOUND | crowded_out | dict.fromkeys(DEFECTS[defect], "fail"), audited.explain()
    assert audited.code == 1, audited.explain()


def test_without_a_declaration_nothing_is_accused(tmp_path: Path) -> None:
    compose_file = STACK / "compose.yaml"
    audited = run_audit(tmp_path, "--readiness-profile=personal", f"--readiness-target={compose_file}", "-n", "2")
    assert audited.code == 0, audited.explain()
    assert "fail" not in audited.outcomes.values(), audited.explain()
    found = {row["key"]: row["value"] for row in audited.card["target"]["discovered"]}
    assert found["service"] == "tasks"
    assert found["entry.proxy"] == "https://edge:9443"
    assert found["entry.direct"] == "http://tasks:3000"
    assert (found["roles.proxy"], found["roles.db"], found["roles.redis"]) == ("edge", "db", "store")
    assert found["probes.live"].startswith("/livez")
    assert found["probes.ready"].startswith("/readyz")
    assert found["probes.health"].startswith("/healthz")
    judged = ["headers.hsts_production", "probe.live_no_deps", "probe.ready_503_db", "probe.ready_503_redis"]
    assert {check: audited.outcomes[check] for check in judged} == dict.fromkeys(judged, "pass"), audited.explain()
