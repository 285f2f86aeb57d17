"""The demo's alert rules, and what the defects say of them otherwise."""

from __future__ import annotations

from pathlib import Path

from readiness.declared.alerts import alerts_of
from readiness.demo.defects import sections
from readiness.metrics.rules import read_rules
from readiness.target_file import load_target

DEMO = Path(__file__).parents[2] / "readiness" / "demo"


def test_every_published_threshold_has_its_alert() -> None:
    declared = alerts_of(load_target(DEMO / "readiness.yaml"))
    (file,) = declared.rules
    rules, faults = read_rules(file, (DEMO / file).read_text(encoding="utf-8"))
    assert faults == ()
    assert set(declared.thresholds) <= {rule.alert for rule in rules}


def test_a_defect_declares_other_rules_and_nothing_else() -> None:
    extra = load_target(DEMO / "readiness.yaml").extra
    changed = sections(["alert-threshold-differs"], extra)
    assert changed["alerts"]["rules"] == ["defects/alerts-loose.yml"]
    assert (DEMO / "defects" / "alerts-loose.yml").is_file()
    assert {**changed, "alerts": {**changed["alerts"], "rules": ["alerts.yml"]}} == extra
    assert sections([], extra) == extra
