"""Targets and declarations that tell nothing under traffic: one clear finding or none, and the lines that would help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Audited, run_audit

pytestmark = pytest.mark.slow

SERVE = Path(__file__).parent / "stacks" / "ways" / "serve.py"
SERVED = """\
name: tiny
processes:
  web: {{command: ["{{python}}", {serve}, "{{port}}", {way}], port: 8000}}
service: web
entry: [{{name: direct, service: web, port: 8000}}]
paths: {{ok: /, private: /me}}
probes: {{live: {{path: /live, timeout_seconds: 2}}, ready: {{path: /ready, timeout_seconds: 2}}}}
"""
# So long a window that the burst is met in it on the busiest machine.
FEW = "limit: {path: /, requests: 10, window_seconds: 60, key: address}\n"
MANY = "limit: {path: /, requests: 100000, window_seconds: 60, key: address}\n"
OF_USERS = "limit: {path: /, requests: 10, window_seconds: 5, key: user}\n"
LOGIN = """\
login:
  request: {method: POST, path: /login, json: {name: "{name}", password: "{password}"}}
  token: access_token
  users: [{name: alice, password: wonderland-7}]
"""


def audit(folder: Path, way: str, declared: str, families: str) -> Audited:
    """The service that answers in this way, and the checks of these families."""
    (folder / "readiness.yaml").write_text(SERVED.format(serve=SERVE, way=way) + declared, encoding="utf-8")
    ended = run_audit(folder, "--readiness-profile=production", "-m", families, "-n", "2", "--readiness-format=json")
    assert "our bug" not in json.dumps(ended.card), ended.explain()
    return ended


def judged(ended: Audited, families: str) -> dict[str, str]:
    """The outcomes of these families' checks, but for those that do not apply."""
    names = tuple(f"{name}." for name in families.split(" or "))
    return {i: o for i, o in ended.outcomes.items() if i.startswith(names) and o != "not_applicable"}


def test_a_target_that_refuses_everything_has_one_thing_wrong(tmp_path: Path) -> None:
    ended = audit(tmp_path, "429 to everything", FEW, "ratelimit")
    outcomes = judged(ended, "ratelimit")
    assert {check for check, outcome in outcomes.items() if outcome == "fail"} == {"ratelimit.enforced"}
    assert "pass" not in outcomes.values(), ended.explain()


def test_a_limit_that_does_not_exist_is_one_finding(tmp_path: Path) -> None:
    ended = audit(tmp_path, "200 to everything", FEW, "ratelimit")
    outcomes = judged(ended, "ratelimit")
    assert {check for check, outcome in outcomes.items() if outcome == "fail"} == {"ratelimit.enforced"}
    assert "pass" not in outcomes.values(), ended.explain()


@pytest.mark.parametrize(
    ("way", "declared", "families", "helps"),
    [
        ("200 to everything", MANY, "ratelimit", "requests:"),
        ("401 to everything", OF_USERS + LOGIN, "ratelimit or auth", "login"),
        ("200 to everything", OF_USERS + LOGIN, "ratelimit", "token: "),
        ("200 to everything", "", "ratelimit or auth or validate or cors", "limit:"),
    ],
    ids=["too large to be met", "a login that is refused", "a login without a token", "nothing is declared"],
)
def test_what_cannot_be_told_is_no_verdict_and_says_what_would_help(
    tmp_path: Path, way: str, declared: str, families: str, helps: str
) -> None:
    ended = audit(tmp_path, way, declared, families)
    outcomes = judged(ended, families)
    # That a path which needs a login answers without one is true of the services that answer everything.
    assert {check for check, outcome in outcomes.items() if outcome == "fail"} <= {"auth.required"}, ended.explain()
    untold = [row for row in ended.card["checks"] if row["id"] in outcomes and row["outcome"] == "inconclusive"]
    assert untold
    assert [row["id"] for row in untold if not row["supply"]] == []
    assert any(helps in row["supply"] for row in untold), ended.explain()
