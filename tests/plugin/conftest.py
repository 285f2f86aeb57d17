"""A small user's folder: a profile, two gatherers that count their runs, and checks of every outcome."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROFILE = """
name: small
title: A small profile for tests
include: ["own.*"]
gate: {fail_on: high, min_grade: null}
"""

# Never started: no gatherer here asks for the stack.
TARGET = """
name: small
processes: {api: {command: ["{python}", -m, http.server, "{port}"], port: 8000}}
"""

CONFTEST = """
from dataclasses import dataclass
from pathlib import Path
from readiness import Impact, Inconclusive
from readiness.gather import gatherer


@dataclass(frozen=True, kw_only=True)
class Seen:
    value: int


@gatherer(impact=Impact.OBSERVES)
def seen(progress) -> Seen:
    with Path("gathered.log").open("a") as log:
        log.write("seen\\n")
    progress("looking")
    return Seen(value=7)


@gatherer(impact=Impact.DISRUPTS)
def broken(progress) -> Seen:
    with Path("gathered.log").open("a") as log:
        log.write("broken\\n")
    raise Inconclusive("the target was silent", supply="probes: {live: /live}", undeclared="probes.live")


@gatherer(impact=Impact.PERTURBS)
def crashing(progress) -> Seen:
    raise ZeroDivisionError("ours")
"""

CHECKS = """
from dataclasses import dataclass
from readiness import Category, Evidence, Finding, Measurement, NotApplicable, Severity, Verdict, check


def declare(name, severity=Severity.MEDIUM):
    return check(id=f"own.{name}", title=f"{name} holds", category=Category.PROBE, severity=severity, why="it matters",
                 source="house rule", remediation="mend it")


@dataclass(frozen=True, kw_only=True)
class Limits:
    most: float = 10.0


@declare("passes")
def check_passes(seen, limits: Limits) -> Verdict:
    return Verdict(measured=[Measurement(name="value", value=seen.value, unit="count", at_most=limits.most)])


@declare("fails_low", Severity.LOW)
def check_fails_low(seen) -> Verdict:
    return Verdict(findings=[Finding(message="a small thing", evidence=(Evidence(source="here", text="seen 7"),))])


@declare("fails_high", Severity.HIGH)
def check_fails_high(seen) -> Verdict:
    return Verdict(findings=[Finding(message="a big thing")])


@declare("not_applicable")
def check_not_applicable(seen) -> Verdict:
    raise NotApplicable("there is no such thing here")


@declare("inconclusive", Severity.HIGH)
def check_inconclusive(broken) -> Verdict:
    raise AssertionError("never reached")


@declare("gatherer_crashes")
def check_gatherer_crashes(crashing) -> Verdict:
    raise AssertionError("never reached")


@declare("crashes", Severity.CRITICAL)
def check_crashes(seen) -> Verdict:
    raise KeyError("our bug")
"""


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """The user's folder, without configuration of its own."""
    pytester.makefile(".yaml", small=PROFILE, readiness=TARGET)
    audits = pytester.mkdir("audits")
    (audits / "conftest.py").write_text(CONFTEST)
    (audits / "check_own.py").write_text(CHECKS)
    return pytester.path


class Audit:
    """Runs pytest in the user's folder, in a process of its own, and reads the card."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "--readiness-profile=small.yaml"]
        command += ["--readiness-runtime=process", *(arguments or ("audits",))]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)

    @property
    def card(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "reports" / "scorecard.json").read_text())
        return data

    @property
    def outcomes(self) -> dict[str, str]:
        return {row["id"]: row["outcome"] for row in self.card["checks"]}

    @property
    def gathered(self) -> list[str]:
        return (self.folder / "gathered.log").read_text().split()


@pytest.fixture
def audit(folder: Path) -> Audit:
    """An audit of the user's folder."""
    return Audit(folder)
