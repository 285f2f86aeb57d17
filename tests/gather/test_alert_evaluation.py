from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from readiness.facts.alerts import Evaluation
from readiness.facts.metrics import Scrape
from readiness.gather.alert_evaluation import TOTAL_SECONDS, evaluate
from readiness.target import Target

RULES = """\
groups:
- name: a
  rules:
  - {alert: Errors, expr: 'rate(http_requests_total{status=~"5.."}[5m]) > 0'}
  - {alert: Typing, expr: 'rate(http_requests_total{status_code=~"5.."}[5m]) > 0'}
  - {alert: Twice, expr: 'http_requests_total / on () http_requests_total > 0'}
  - {alert: Recorded, expr: 'shop:requests:rate5m > 0'}
  - {record: 'shop:requests:rate5m', expr: 'sum(rate(http_requests_total[5m]))'}
  - {record: 'shop:bad', expr: 'http_requests_total / on () http_requests_total'}
"""
SHOWN = '# TYPE http_requests_total counter\nhttp_requests_total{status="200"} 5\nhttp_requests_total{status="500"} 1\n'
SCRAPE = Scrape(url="http://api:8000/metrics", status=200, text=SHOWN)
STOPPED = "  FAILED:\n    rule: shop:bad, time: 0s, err: found duplicate series\n"


class Tool:
    """Promtool's part: its answers one after the other, the last ever after."""

    def __init__(self, *answers: tuple[int | None, str]) -> None:
        self.answers = list(answers)
        self.given: list[tuple[dict[str, object], dict[str, object]]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int | None, str]:
        if command[1] == "--version":
            return 0, "promtool, version 2.42.0\n"
        test = Path(command[-1])
        document = json.loads(test.read_text())
        self.given.append((document, json.loads((test.parent / document["rule_files"][0]).read_text())))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def evaluated(folder: Path, tool: Tool | None, scrape: Scrape | None = SCRAPE) -> Evaluation:
    (folder / "alerts.yml").write_text(RULES)
    path = "promtool" if tool is not None else None
    return evaluate(Target(name="shop", folder=str(folder)), scrape, find=lambda _: path, run=tool)


def test_every_rule_is_evaluated_against_what_is_exposed(tmp_path: Path) -> None:
    tool = Tool((0, "  SUCCESS\n"))
    found = evaluated(tmp_path, tool)
    assert (found.tool, found.series, found.not_done) == ("promtool, version 2.42.0", 2, "")
    assert [rule.rule.removeprefix("alerts.yml: ") for rule in found.rules] == [
        "Errors",
        "Typing",
        "Twice",
        "Recorded",
        "shop:requests:rate5m",
        "shop:bad",
    ]
    assert found.rules[1].empty == ('http_requests_total{status_code=~"5.."}',)
    assert "shop:bad" in json.dumps(tool.given[0][1])


def test_a_recording_that_stops_the_tool_is_left_out(tmp_path: Path) -> None:
    tool = Tool((1, STOPPED), (0, "  SUCCESS\n"))
    assert evaluated(tmp_path, tool).not_done == ""
    assert [name in json.dumps(tool.given[1][1]) for name in ("shop:bad", "shop:requests")] == [False, True]


def test_in_the_end_no_recording_is_given(tmp_path: Path) -> None:
    tool = Tool((1, STOPPED))
    assert "what cannot be read" in evaluated(tmp_path, tool).not_done
    assert tool.given[-1][1] == {"groups": []}


def test_a_tool_that_does_not_end_is_asked_once(tmp_path: Path) -> None:
    tool = Tool((None, "timed out"))
    assert "did not come to an end" in evaluated(tmp_path, tool).not_done
    assert len(tool.given) == 1


def test_no_trial_is_begun_when_the_time_is_up(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES)
    tool, times = Tool((0, "")), iter([0.0, TOTAL_SECONDS])
    target = Target(name="shop", folder=str(tmp_path))
    found = evaluate(target, SCRAPE, find=lambda _: "promtool", run=tool, clock=lambda: next(times))
    assert found.not_done
    assert tool.given == []


def test_what_there_is_nothing_to_evaluate_with_is_said(tmp_path: Path) -> None:
    assert "no promtool" in evaluated(tmp_path, None).not_done
    assert "no metrics" in evaluated(tmp_path, Tool((0, "")), None).not_done
    assert "no metrics" in evaluated(tmp_path, Tool((0, "")), Scrape(url="", status=404)).not_done
    (tmp_path / "alerts.yml").unlink()
    assert "none found as files" in evaluate(Target(name="shop", folder=str(tmp_path)), SCRAPE).not_done


@pytest.mark.promtool
def test_promtool_itself_tells_the_rules_apart(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES)
    found = evaluate(Target(name="shop", folder=str(tmp_path)), SCRAPE)
    assert found.not_done == ""
    told = {rule.rule.removeprefix("alerts.yml: "): rule for rule in found.rules}
    assert told["Errors"].is_found
    assert told["Recorded"].is_found
    assert (told["Typing"].is_found, len(told["Typing"].empty)) == (False, 1)
    assert "duplicate series" in told["Twice"].error
