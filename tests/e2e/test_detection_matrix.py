"""Every defect of the demo is caught by exactly the checks that its row names, and by no other.

Each defect is one whole audit of the demo as local processes; those that need what only an engine offers run under
compose. Several audits run at once: they mostly wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from readiness.demo.defects import DEFECTS, Defect
from tests.e2e.conftest import Audited, run_audit

#: More at once would starve the latency measurements of two processors.
AT_ONCE = 3
#: Checks that only an engine can decide; their defects are audited under compose.
NEEDS_ENGINE = {"probe.disk_memory"}


def _audit(folder: Path, defect: str, runtime: str) -> Audited:
    folder.mkdir()
    demo = f"--readiness-demo={defect}" if defect else "--readiness-demo"
    return run_audit(folder, "--readiness-profile=production", demo, f"--readiness-runtime={runtime}", "--readiness-format=json")


class Matrix:
    """The audits of one runtime, all begun at once, each waited for where it is judged."""

    def __init__(self, folder: Path, runtime: str, pool: ThreadPoolExecutor, names: list[str]) -> None:
        self._audits: dict[str, Future[Audited]] = {
            name: pool.submit(_audit, folder / (name or "healthy"), name, runtime) for name in ("", *names)
        }

    def changes(self, name: str) -> tuple[dict[str, str], Audited]:
        """Check id -> outcome, of the checks that end otherwise than on the sound stack."""
        sound, defective = self._audits[""].result(), self._audits[name].result()
        assert sound.outcomes, sound.explain()
        return {i: o for i, o in defective.outcomes.items() if o != sound.outcomes.get(i)}, defective

    def close(self) -> None:
        for audit in self._audits.values():
            audit.cancel()


def _needs_engine(defect: Defect) -> bool:
    return bool(NEEDS_ENGINE & set(defect.detected_by))


def _matrix(tmp_path_factory: pytest.TempPathFactory, runtime: str, defects: list[Defect]) -> Iterator[Matrix]:
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        matrix = Matrix(tmp_path_factory.mktemp(runtime), runtime, pool, [d.name for d in defects])
        yield matrix
        matrix.close()


PROCESS = [d for d in DEFECTS if not _needs_engine(d) and "start.stack" not in d.detected_by]
COMPOSE = [d for d in DEFECTS if _needs_engine(d)]
STARTLESS = [d for d in DEFECTS if "start.stack" in d.detected_by]


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    yield from _matrix(tmp_path_factory, "process", [*PROCESS, *STARTLESS])


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    yield from _matrix(tmp_path_factory, "compose", COMPOSE)


@pytest.mark.slow
@pytest.mark.parametrize("defect", PROCESS, ids=lambda d: d.name)
def test_a_defect_flips_its_checks_and_no_other(processes: Matrix, defect: Defect) -> None:
    changes, audited = processes.changes(defect.name)
    assert changes == dict.fromkeys(defect.detected_by, "fail"), audited.explain()


@pytest.mark.docker
@pytest.mark.parametrize("defect", COMPOSE, ids=lambda d: d.name)
def test_a_defect_that_needs_an_engine_flips_its_checks_and_no_other(compose: Matrix, defect: Defect) -> None:
    changes, audited = compose.changes(defect.name)
    assert changes == dict.fromkeys(defect.detected_by, "fail"), audited.explain()


@pytest.mark.slow
@pytest.mark.parametrize("defect", STARTLESS, ids=lambda d: d.name)
def test_a_stack_that_does_not_start_is_a_scorecard_with_the_cause(processes: Matrix, defect: Defect) -> None:
    changes, audited = processes.changes(defect.name)
    assert audited.code == 1
    assert audited.card["grade"] in {"F", None}
    assert changes["start.stack"] == "fail"
    assert set(changes.values()) <= {"fail", "inconclusive", "not_applicable"}
    assert [i for i, outcome in changes.items() if outcome == "fail"] == ["start.stack"]


def test_every_check_names_a_defect_that_the_demo_has_and_the_other_way_round() -> None:
    from readiness.catalogue import load_checks

    by_check = {meta.id: set(meta.defects) for meta in load_checks()}
    by_defect: dict[str, set[str]] = {check: set() for check in by_check}
    for defect in DEFECTS:
        for check in defect.detected_by:
            by_defect[check].add(defect.name)
    assert by_check == by_defect
    assert all(by_check.values()), [check for check, defects in by_check.items() if not defects]
