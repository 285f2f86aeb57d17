from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from readiness.facts._codec import decode, encode
from readiness.facts.alerts import AlertRules
from readiness.gather.alert_rules import MAX_BYTES, collect, run_tool
from readiness.target import Target
from readiness.verdict import Inconclusive, NotApplicable

RULES = "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up == 0\n"


def target(folder: Path, **alerts: Any) -> Target:
    return Target(name="shop", folder=str(folder), extra={"alerts": alerts})


class Tool:
    """Promtool's part."""

    def __init__(self, *, code: int | None = 0, version: str = "promtool, version 2.42.0\n") -> None:
        self.code, self.version = code, version
        self.asked: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int | None, str]:
        self.asked.append(list(command))
        return (0, self.version) if command[1] == "--version" else (self.code, f"Checking {command[-1]}\n")


def test_declared_files_are_read_and_checked(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES)
    (tmp_path / "other.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    tool = Tool()
    found = collect(target(tmp_path, rules=["alerts.yml"], scrape_config="prometheus.yml"), tool="promtool", run=tool)
    assert (found.is_declared, found.tool) == (True, "promtool, version 2.42.0")
    (file,) = found.files
    assert (file.path, file.text, file.tool_code, file.tool_words) == ("alerts.yml", RULES, 0, "Checking alerts.yml\n")
    assert found.scrape_config is not None
    assert found.scrape_config.text == "scrape_configs: []\n"
    assert len(tool.asked) == 2
    assert decode(AlertRules, json.loads(json.dumps(encode(found)))) == found


def test_undeclared_files_are_found(tmp_path: Path) -> None:
    for name in ("monitoring/rules/shop.yaml", "node_modules/x/alerts.yml", ".git/alerts.yml", "a/b/c/d/e/deep.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(RULES)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    found = collect(target(tmp_path), tool="")
    assert [file.path for file in found.files] == ["monitoring/rules/shop.yaml"]
    assert (found.is_declared, found.tool, found.files[0].tool_code) == (False, "", None)


RECORDING = "groups:\n- name: r\n  rules:\n  - record: shop:errors:ratio\n    expr: a / b\n"


def test_files_that_record_are_found_beside_those_that_alert(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES)
    (tmp_path / "records.yml").write_text(RECORDING)
    assert [file.path for file in collect(target(tmp_path), tool="").files] == ["alerts.yml", "records.yml"]


def test_what_other_files_record_is_known_where_rules_are_declared(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES)
    (tmp_path / "records.yml").write_text(RECORDING)
    found = collect(target(tmp_path, rules=["alerts.yml"]), tool="")
    assert ([file.path for file in found.files], found.recorded) == (["alerts.yml"], ("shop:errors:ratio",))


def test_recordings_alone_alert_nobody(tmp_path: Path) -> None:
    (tmp_path / "records.yml").write_text(RECORDING)
    with pytest.raises(Inconclusive, match="none found as files"):
        collect(target(tmp_path), tool="")


def test_without_rules_it_says_what_to_declare(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="none found as files") as caught:
        collect(target(tmp_path), tool="")
    assert caught.value.undeclared == "alerts.rules"


def test_what_the_owner_declines_is_not_looked_for(tmp_path: Path) -> None:
    declined = Target(name="shop", folder=str(tmp_path), declined={"alerts": "nobody is on call"})
    with pytest.raises(NotApplicable, match="nobody is on call"):
        collect(declined, tool="")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "long.yml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "latin.yml").write_bytes(b"\xe4")
    (tmp_path / "folder.yml").mkdir()
    found = collect(target(tmp_path, rules=["nope.yml", "long.yml", "latin.yml", "folder.yml"]), tool="")
    problems = [file.problem for file in found.files]
    assert problems[0] == problems[3] == "there is no such file"
    assert "more than" in problems[1]
    assert "decode" in problems[2]


def test_the_operators_form_is_not_shown_to_the_tool(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(f"kind: PrometheusRule\n{RULES}")
    tool = Tool(code=1)
    found = collect(target(tmp_path, rules=["a.yml"]), tool="promtool", run=tool)
    assert found.files[0].tool_code is None


def test_a_tool_that_does_not_work_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULES)
    found = collect(target(tmp_path, rules=["a.yml"]), tool="promtool", run=lambda _: (None, "timed out"))
    assert (found.tool, found.files[0].tool_code) == ("", None)


def test_a_program_is_run_with_both_its_outputs() -> None:
    code, words = run_tool([sys.executable, "-c", "import sys; print('a'); sys.stderr.write('b'); sys.exit(3)"])
    assert code == 3
    assert {"a", "b"} <= set(words)


def test_a_program_that_is_not_there_has_no_code() -> None:
    assert run_tool(["/nowhere/promtool"])[0] is None
