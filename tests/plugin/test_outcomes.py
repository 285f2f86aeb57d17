"""Checks are ordinary items with outcomes of their own; the gate decides the exit status."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

from tests.plugin.conftest import Audit

EXPECTED = {
    "own.passes": "pass",
    "own.fails_low": "fail",
    "own.fails_high": "fail",
    "own.not_applicable": "not_applicable",
    "own.inconclusive": "inconclusive",
    "own.gatherer_crashes": "inconclusive",
    "own.crashes": "inconclusive",
}


def test_every_outcome_reaches_the_card_and_the_terminal(audit: Audit) -> None:
    done = audit("audits")
    assert audit.outcomes == EXPECTED
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "1 passed" in done.stdout
    assert "1 below the gate" in done.stdout
    assert "3 inconclusive" in done.stdout
    assert "1 not applicable" in done.stdout


def test_a_failure_below_the_gate_does_not_fail_the_run(audit: Audit) -> None:
    done = audit("audits", "-k", "fails_low or passes")
    assert done.returncode == 0, done.stdout
    assert audit.outcomes["own.fails_low"] == "fail"


def test_a_failure_at_the_gate_is_shown_without_a_traceback(audit: Audit) -> None:
    done = audit("audits", "-k", "fails_high")
    assert done.returncode == 1
    assert "own.fails_high: a big thing" in done.stdout
    assert "Traceback" not in done.stdout


def test_crashes_are_inconclusive_and_called_our_bug(audit: Audit) -> None:
    audit("audits")
    reasons = {row["id"]: row["reason"] for row in audit.card["checks"]}
    assert "our bug" in reasons["own.crashes"]
    assert "KeyError" in reasons["own.crashes"]
    assert "our bug" in reasons["own.gatherer_crashes"]


def test_an_inconclusive_check_says_what_to_add(audit: Audit) -> None:
    audit("audits", "-k", "inconclusive")
    row = next(row for row in audit.card["checks"] if row["id"] == "own.inconclusive")
    assert row["supply"] == "probes: {live: /live}"


def test_an_optional_check_without_its_declaration_is_not_applicable(audit: Audit) -> None:
    profile = audit.folder / "small.yaml"
    profile.write_text(profile.read_text() + '\noptional: ["own.inconclusive"]\n')
    audit("audits", "-k", "own")
    assert audit.outcomes["own.inconclusive"] == "not_applicable"


def test_a_required_inconclusive_check_fails_the_run(audit: Audit) -> None:
    profile = audit.folder / "small.yaml"
    profile.write_text(
        profile.read_text().replace("min_grade: null", 'min_grade: null, required: ["own.inconclusive"]')
    )
    done = audit("audits", "-k", "check_inconclusive or passes")
    assert done.returncode == 1


def test_the_profile_sets_limits(audit: Audit) -> None:
    profile = audit.folder / "small.yaml"
    profile.write_text(profile.read_text() + "\nlimits: {own.passes: {most: 5}}\n")
    audit("audits", "-k", "passes")
    assert audit.outcomes["own.passes"] == "fail"


def test_an_unknown_limit_is_named(audit: Audit) -> None:
    profile = audit.folder / "small.yaml"
    profile.write_text(profile.read_text() + "\nlimits: {own.passes: {least: 5}}\n")
    audit("audits", "-k", "passes")
    assert "there is no limit `least`, valid here: most" in json.dumps(audit.card)


def test_results_reach_junit_xml(audit: Audit) -> None:
    audit("audits", "--junitxml=junit.xml")
    tree = ET.parse(audit.folder / "junit.xml")  # noqa: S314  # written by our own pytest a moment ago
    found = {json.loads(p.get("value"))["id"]: p.get("name") for p in tree.iter("property")}
    assert set(found) == set(EXPECTED)
    assert len(list(tree.iter("failure"))) == 1


def test_a_duplicate_id_is_a_usage_error(audit: Audit) -> None:
    (audit.folder / "audits" / "check_more.py").write_text((audit.folder / "audits" / "check_own.py").read_text())
    done = audit("audits")
    assert done.returncode == 4
    assert "two checks are called own." in done.stderr + done.stdout
