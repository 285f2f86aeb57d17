"""Every defect of the demo is caught by exactly the checks that its row names, and by no other.

Whole audits would say it in the plainest way, and ``READINESS_MATRIX=whole`` runs them. To be quick enough for every
change, the default comes to the same result in two steps: each defect alone against the checks of its own family, and
all defects of a family at once against the checks of the other families, none of which may change.

The demo runs as local processes, except where a check can be decided with an engine only. Several audits run at once:
they mostly wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from readiness.catalogue import load_checks
from readiness.demo.defects import DEFECTS, Defect
from tests.e2e.conftest import Audited, run_audit

#: More at once would starve the latency measurements of two processors; each audit has two workers besides.
AT_ONCE = 2
#: Checks that only an engine can decide; their defects are audited under compose.
NEEDS_ENGINE = {"probe.disk_memory"}
#: The defects of this check leave no running stack that other checks could be judged on.
START = "start.stack"
#: Defect -> checks whose premise it takes away: they say not applicable, neither a pass nor a finding.
PREMISES = {"basic-always-ok": {"probe.cache_10s"}}  # a probe that never falls has no age to judge
IS_WHOLE = os.environ.get("READINESS_MATRIX") == "whole"


def family(defect: Defect) -> str:
    """The family whose checks detect it."""
    return defect.detected_by[0].partition(".")[0]


class Matrix:
    """The audits of one runtime, begun at once, each waited for where it is judged."""

    def __init__(self, folder: Path, runtime: str, pool: ThreadPoolExecutor) -> None:
        self._folder, self._runtime, self._pool = folder, runtime, pool
        self._audits: dict[tuple[str, str], Future[Audited]] = {}

    def begin(self, defects: str, marker: str) -> None:
        """Audit the demo with these defects and the checks of this marker, unless that is under way."""
        if (defects, marker) not in self._audits:
            folder = self._folder / str(len(self._audits))
            folder.mkdir()
            demo = f"--readiness-demo={defects}" if defects else "--readiness-demo"
            arguments = ["--readiness-profile=production", demo, f"--readiness-runtime={self._runtime}", "-n", "2"]
            arguments += ["--readiness-format=json", *(["-m", marker] if marker else [])]
            self._audits[defects, marker] = self._pool.submit(run_audit, folder, *arguments)

    def changes(self, defects: str, marker: str) -> tuple[dict[str, str], Audited]:
        """Check id -> outcome, of the checks that end otherwise than on the sound stack."""
        self.begin("", marker)
        self.begin(defects, marker)
        sound, defective = self._audits["", marker].result(), self._audits[defects, marker].result()
        assert sound.outcomes, sound.explain()
        assert sound.code == 0, sound.explain()
        noise = sound.crowded_out | defective.crowded_out
        changed = {i: o for i, o in defective.outcomes.items() if o != sound.outcomes.get(i)}
        return {i: o for i, o in changed.items() if o == "fail" or i not in noise}, defective

    def close(self) -> None:
        for audit in self._audits.values():
            audit.cancel()


ENGINE = [d for d in DEFECTS if NEEDS_ENGINE & set(d.detected_by)]
STARTLESS = [d for d in DEFECTS if START in d.detected_by]
PROCESS = [d for d in DEFECTS if d not in ENGINE and d not in STARTLESS]
FAMILIES = sorted({family(d) for d in PROCESS})


def marker_of(defect: Defect) -> str:
    return "" if IS_WHOLE else family(defect)


def defects_of(name: str) -> str:
    """All defects of a family, as the option takes them."""
    return ",".join(defect.name for defect in PROCESS if family(defect) == name)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        matrix = Matrix(tmp_path_factory.mktemp("matrix"), "process", pool)
        for defect in PROCESS:
            matrix.begin("", marker_of(defect))
            matrix.begin(defect.name, marker_of(defect))
        for name in () if IS_WHOLE else FAMILIES:
            matrix.begin("", f"not {name}")
            matrix.begin(defects_of(name), f"not {name}")
        yield matrix
        matrix.close()


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        matrix = Matrix(tmp_path_factory.mktemp("matrix"), "compose", pool)
        yield matrix
        matrix.close()


@pytest.mark.slow
@pytest.mark.parametrize("defect", PROCESS, ids=lambda d: d.name)
def test_a_defect_flips_its_checks_and_no_other(processes: Matrix, defect: Defect) -> None:
    changes, audited = processes.changes(defect.name, marker_of(defect))
    expected = dict.fromkeys(PREMISES.get(defect.name, ()), "not_applicable")
    assert changes == expected | dict.fromkeys(defect.detected_by, "fail"), audited.explain()
    assert audited.code == 1, audited.explain()


@pytest.mark.slow
@pytest.mark.skipif(IS_WHOLE, reason="every audit is a whole one")
@pytest.mark.parametrize("name", FAMILIES)
def test_the_defects_of_a_family_change_no_other_family(processes: Matrix, name: str) -> None:
    changes, audited = processes.changes(defects_of(name), f"not {name}")
    assert changes == {}, audited.explain()


@pytest.mark.docker
@pytest.mark.parametrize("defect", ENGINE, ids=lambda d: d.name)
def test_a_defect_that_needs_an_engine_flips_its_checks_and_no_other(compose: Matrix, defect: Defect) -> None:
    changes, audited = compose.changes(defect.name, marker_of(defect))
    assert changes == dict.fromkeys(defect.detected_by, "fail"), audited.explain()


@pytest.mark.slow
@pytest.mark.parametrize("defect", STARTLESS, ids=lambda d: d.name)
def test_a_stack_that_does_not_start_is_a_scorecard_with_the_cause(tmp_path: Path, defect: Defect) -> None:
    demo = f"--readiness-demo={defect.name}"
    audited = run_audit(tmp_path, "--readiness-profile=production", demo, "--readiness-runtime=process")
    assert audited.code == 1, audited.explain()
    assert audited.card["grade"] == "F"
    failed = {i for i, outcome in audited.outcomes.items() if outcome == "fail"}
    assert failed == {START}, audited.explain()
    row = next(row for row in audited.card["checks"] if row["id"] == START)
    assert row["findings"][0]["evidence"], row


def test_every_check_names_a_defect_that_the_demo_has_and_the_other_way_round() -> None:
    by_check = {meta.id: set(meta.defects) for meta in load_checks()}
    by_defect: dict[str, set[str]] = {check: set() for check in by_check}
    for defect in DEFECTS:
        for check in defect.detected_by:
            by_defect[check].add(defect.name)
    assert by_check == by_defect
    assert all(by_check.values()), [check for check, defects in by_check.items() if not defects]
