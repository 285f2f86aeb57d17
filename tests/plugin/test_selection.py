"""What pytest users expect keeps working: -k, -m, -x, --lf, -n, and nothing happens without the option."""

from __future__ import annotations

import subprocess
import sys

from tests.plugin.conftest import Audit


def test_the_order_is_observing_perturbing_disrupting(audit: Audit) -> None:
    done = audit("audits", "--collect-only", "-q")
    names = [line.rpartition("::")[2] for line in done.stdout.splitlines() if "::" in line]
    assert names[-2:] == ["check_gatherer_crashes", "check_inconclusive"]


def test_markers_select_by_impact(audit: Audit) -> None:
    audit("audits", "-m", "not disrupts and not perturbs")
    assert "broken" not in audit.gathered


def test_a_partial_run_says_so_and_gives_no_letter_for_what_it_did_not_see(audit: Audit) -> None:
    audit("audits", "-k", "passes")
    assert audit.card["run"]["partial"] == "6 of 7 checks in scope did not run"
    assert audit.card["grade"] is None
    assert audit.outcomes["own.crashes"] == "inconclusive"


def test_last_failed_runs_the_failed_checks_alone(audit: Audit) -> None:
    audit("audits")
    done = audit("audits", "--lf")
    assert "1 failed" in done.stdout
    assert "passed" not in done.stdout


def test_exitfirst_stops_and_the_rest_did_not_run(audit: Audit) -> None:
    audit("audits", "-x")
    assert "did not run" in {row["reason"] for row in audit.card["checks"]}


def test_workers_share_facts_and_agree_with_a_serial_run(audit: Audit) -> None:
    audit("audits")
    serial = audit.outcomes
    (audit.folder / "gathered.log").unlink()
    done = audit("audits", "-n", "3")
    assert audit.outcomes == serial
    assert sorted(audit.gathered) == ["broken", "seen"]
    assert done.returncode == 1


def test_a_profile_leaves_checks_out_with_its_reason(audit: Audit) -> None:
    profile = audit.folder / "small.yaml"
    profile.write_text(profile.read_text() + '\nexclude: {"own.fails_*": out of scope}\n')
    done = audit("audits")
    assert "own.fails_high" not in audit.outcomes
    assert audit.card["profile"]["excluded"] == {"own.fails_*": "out of scope"}
    assert "2 deselected" in done.stdout


def test_other_tests_run_beside_checks_and_their_failure_counts(audit: Audit) -> None:
    (audit.folder / "test_own.py").write_text("def test_it():\n    assert False\n")
    done = audit("audits", "test_own.py", "-k", "passes or test_it")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout


def test_without_the_option_nothing_happens(audit: Audit) -> None:
    (audit.folder / "test_own.py").write_text("def test_it():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly"]
    done = subprocess.run(command, cwd=audit.folder, capture_output=True, text=True, timeout=60, check=False)
    assert "1 passed" in done.stdout
    assert not (audit.folder / "reports").exists()


def test_without_the_option_nothing_heavy_is_imported(audit: Audit) -> None:
    (audit.folder / "test_own.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    heavy = {'httpx', 'docker', 'testcontainers', 'jinja2', 'jsonschema', 'yaml', 'psutil', 'readiness.audit'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    # Plugins of other packages may import what they like: only ours is loaded.
    command = [sys.executable, "-m", "pytest", "-p", "readiness.plugin", "test_own.py"]
    done = subprocess.run(
        command,
        cwd=audit.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
