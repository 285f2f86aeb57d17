"""Every defect of the demo is caught by exactly the checks that its row names, and by no other.

One audit for each defect would say it in the plainest way, and ``READINESS_MATRIX=single`` runs them. To be quick enough
for every change, the default comes to the same result with packs of defects (see :mod:`tests.e2e.packs`), in audits where
no check of any of their families may change beside those that the pack names. ``READINESS_MATRIX=thorough`` does so
with all families, and then in other company, in audits of the defects' own family.

The demo runs as local processes, except where a check can be decided with an engine only. Several audits run at once:
they mostly wait.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from readiness.catalogue import load_checks
from readiness.demo.defects import DEFECTS, Defect
from tests.e2e.conftest import Audited, run_audit
from tests.e2e.kinds import TRAFFIC, is_in, marker
from tests.e2e.packs import Pack, pack, pairs_of

#: More at once would starve the latency measurements of two processors. An audit of most families has two workers and
#: keeps them busy; one of a few families that stop and start things mostly waits, and is quicker with one.
ROOM, ROOM_OF_CONTAINERS, OF_MANY, OF_FEW = 4, 2, 2, 1
#: Of so many families or fewer.
FEW = 3
#: Of a test without parameters.
NOTHING = SimpleNamespace(params={})
#: Checks that only an engine can decide; their defects are audited under compose.
NEEDS_ENGINE = {
    "drain.grace_period_fits",
    "drain.rolling_zero_downtime",
    "persist.named_volumes",
    "probe.disk_memory",
    "startup.dependency_order",
    "startup.failed_dependency_blocks",
    "startup.health_polling",
    "startup.health_polling_timeout",
    # Their defects are those of containers: an engine starts again what ends, and compose files are laid over others.
    "startup.no_fixed_sleep",
    "startup.repeatable",
    "startup.survives_disk_full",
} | {meta.id for meta in load_checks() if meta.id.startswith(("compose.", "scale."))}
#: The defects of this check leave no running stack that other checks could be judged on.
START = "start.stack"
LIMITER = {meta.id for meta in load_checks() if meta.id.startswith("ratelimit.")} - {"ratelimit.enforced"}
#: Defect -> checks whose premise it takes away: they say not applicable, neither a pass nor a finding.
PREMISES = {
    "basic-always-ok": {"probe.cache_10s"},  # a probe that never falls has no age to judge
    # Who waits for nothing shows no timeout, who says nothing no order, and who always drops connections no reason for it.
    "drain-cuts-requests": {"drain.second_signal", "drain.timeout_configurable"},
    "exit-at-once": {
        "drain.cleanup_errors_tolerated",
        "drain.ordered",
        "drain.refuses_new",
        "drain.second_signal",
        "drain.timeout_configurable",
    },
    "connections-left-open": {"drain.cleanup_errors_tolerated"},
    "shutdown-silent": {"drain.ordered"},
    # Who is killed anyway shows nothing of what a killing would be the sign of.
    "signal-ignored": {"drain.cleanup_errors_tolerated", "drain.keepalive", "drain.ordered"},
    "shutdown-never-ends": {"drain.cleanup_errors_tolerated", "drain.keepalive"},
    # Who is never refused shows nothing of how refusals are.
    "limiter-not-mounted": LIMITER,
    "exempt-prefix-slash": LIMITER,
    "pool-none": {"db.pre_ping", "db.pool_recycle"},  # no connection is kept that could break or become old
    # Who does not try again has neither pauses nor lines about them.
    "exits-when-database-late": {"retry.db_backoff", "retry.logged"},
}
#: Defect -> checks that it leaves nothing to be told by: where no restore brings anything back, nobody can say how long
#: one takes, how old what came back is, or what a restore of one store alone does to the others.
UNTOLD = {
    "backup-corrupt-archive": {
        "backup.restore_confirmation",
        "backup.restore_latest",
        "backup.restore_partial",
        "backup.rto_30m",
    },
    "backup-empty-exit-0": {
        "backup.consistent_under_load",
        "backup.disk_space_checked",  # a set of a few bytes finds room anywhere
        "backup.restore_confirmation",
        "backup.restore_latest",
        "backup.restore_partial",
        "backup.rpo_24h",
        "backup.rto_30m",
    },
    "restore-rolls-back-says-ok": {
        "backup.consistent_under_load",
        "backup.restore_partial",
        "backup.rpo_24h",
        "backup.rto_30m",
    },
}
#: Defects that disturb what is asked of others in the same audit; audited alone, with the checks of their family.
ALONE = {
    "errors-end-the-process",  # every unhandled error costs a restart, in which nothing answers
    "id-of-another-request",  # shows in the ids of concurrent requests alone, which other defects change
    "log-file-unbounded",  # shows in how much is logged, which other defects lessen
    "nul-in-text",  # shows in an answer of 503, which another defect turns into an apology
    # Every stop of the service takes as long as its grace period, in whatever scenario.
    "drain-unbounded",
    "idle-connections-hold-up",
    "shutdown-never-ends",
    "signal-ignored",
    "limit-per-token",  # a new login must get a new allowance, which other limits of the same pack hide
}
MODE = os.environ.get("READINESS_MATRIX", "")
IS_SINGLE = MODE == "single"

ENGINE = [d for d in DEFECTS if d.compose or NEEDS_ENGINE & set(d.detected_by)]
STARTLESS = [d for d in DEFECTS if START in d.detected_by]
PROCESS = [d for d in DEFECTS if d not in ENGINE and d not in STARTLESS]


def family(defect: Defect) -> str:
    """The family whose checks detect it."""
    return defect.detected_by[0].partition(".")[0]


def scope(defect: Defect) -> frozenset[str]:
    """The families that it meets; all, written as none, where that is asked for.

    Families that stop, kill and start what runs take minutes each: a defect that they see meets those that see it.
    """
    if MODE:
        return frozenset()
    families = seen_by((defect,))
    return TRAFFIC if families.issubset(TRAFFIC) else families


def seen_by(defects: Pack) -> frozenset[str]:
    """The families of all checks that detect them."""
    return frozenset(check.partition(".")[0] for d in defects for check in d.detected_by)


FAMILIES = sorted({family(d) for d in PROCESS})
SCOPES = sorted({scope(d) for d in PROCESS}, key=marker)
#: A stack of containers takes its time, so these meet once: what two of them did to each other would show as well.
ENGINE_PACKS: list[Pack] = [
    found
    for name in sorted({family(d) for d in ENGINE})
    for found in (
        [(d,) for d in ENGINE if family(d) == name] if IS_SINGLE else pack([d for d in ENGINE if family(d) == name])
    )
]
TOGETHER = [d for d in PROCESS if d.name not in ALONE]
#: Packed before those that are audited alone are taken out, so that one more of them changes no other pack.
WHOLE: list[Pack] = (
    [(d,) for d in PROCESS]
    if IS_SINGLE
    else [
        tuple(d for d in found if d.name not in ALONE)
        for families in SCOPES
        for found in pack([d for d in PROCESS if scope(d) == families])
        if any(d.name not in ALONE for d in found)
    ]
)
OWN: list[Pack] = [(d,) for d in PROCESS if d.name in ALONE and not IS_SINGLE]
if MODE == "thorough":
    OWN += [p for name in FAMILIES for p in pack([d for d in TOGETHER if family(d) == name], apart=pairs_of(WHOLE))]


class Matrix:
    """The audits of one runtime, begun at once, each waited for where it is judged."""

    def __init__(self, folder: Path, runtime: str, pool: ThreadPoolExecutor, *, room: int) -> None:
        self._folder, self._runtime, self._pool = folder, runtime, pool
        self._room, self._entrance = threading.BoundedSemaphore(room), threading.Lock()
        self._audits: dict[tuple[str, frozenset[str]], Future[Audited]] = {}

    def begin(self, defects: Pack, families: frozenset[str], *, narrow: bool = False) -> None:
        """Audit the demo with these defects and the checks of these families, unless that is under way.

        ``narrow`` asks those checks alone that detect them, and others of their nouns.
        """
        key = (names(defects), families)
        if key not in self._audits:
            folder = self._folder / str(len(self._audits))
            folder.mkdir()
            demo = "--readiness-demo" + (f"={','.join(d.name for d in defects)}" if defects else "")
            arguments = ["--readiness-profile=production", demo, f"--readiness-runtime={self._runtime}"]
            arguments += ["--readiness-format=json", *(["-m", marker(families)] if families else [])]
            nouns = sorted({check.partition(".")[2] for d in defects for check in d.detected_by})
            arguments += ["-k", " or ".join(nouns)] if narrow else []
            is_small = bool(families) and len(families) <= FEW
            arguments += [] if is_small else ["-n", "2"]
            self._audits[key] = self._pool.submit(self._run, folder, arguments, OF_FEW if is_small else OF_MANY)

    def _run(self, folder: Path, arguments: list[str], takes: int) -> Audited:
        with self._entrance:
            for _ in range(takes):
                self._room.acquire()
        try:
            return run_audit(folder, *arguments)
        finally:
            for _ in range(takes):
                self._room.release()

    def ended(self, defects: Pack, families: frozenset[str]) -> Audited:
        """The audit of these, waited for."""
        self.begin(defects, families)
        return self._audits[names(defects), families].result()

    def sound(self) -> Audited:
        """The demo without any defect."""
        return self.ended((), frozenset())

    def changes(self, defects: Pack, families: frozenset[str]) -> tuple[dict[str, str], Audited]:
        """Check id -> outcome, of the checks that end otherwise than on the sound stack."""
        sound, defective = self.sound(), self.ended(defects, families)
        assert sound.outcomes, sound.explain()
        assert sound.code == 0, sound.explain()
        noise = sound.crowded_out | defective.crowded_out
        ran = {i: o for i, o in defective.outcomes.items() if is_in(i, families)}
        changed = {i: o for i, o in ran.items() if o != sound.outcomes.get(i)}
        return {i: o for i, o in changed.items() if o == "fail" or i not in noise}, defective

    def close(self) -> None:
        for audit in self._audits.values():
            audit.cancel()


def expected(defects: Pack, families: frozenset[str]) -> dict[str, str]:
    """What the defects' rows promise of the checks of these families, taken together."""
    premises = {check: "not_applicable" for d in defects for check in PREMISES.get(d.name, ())}
    untold = {check: "inconclusive" for d in defects for check in UNTOLD.get(d.name, ())}
    every = premises | untold | {check: "fail" for d in defects for check in d.detected_by}
    return {check: outcome for check, outcome in every.items() if is_in(check, families)}


def packs_of(items: Sequence[pytest.Item]) -> list[Pack]:
    """The packs of the tests that are to run."""
    return [item.callspec.params["defects"] for item in items if "defects" in getattr(item, "callspec", NOTHING).params]


def names(defects: Pack) -> str:
    return "+".join(d.name for d in defects)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Matrix]:
    chosen = packs_of(request.session.items)
    with ThreadPoolExecutor(max_workers=ROOM) as pool:
        matrix = Matrix(tmp_path_factory.mktemp("matrix"), "process", pool, room=ROOM)
        matrix.begin((), frozenset())
        for defects in (pack for pack in WHOLE if pack in chosen):
            matrix.begin(defects, scope(defects[0]))
        for defects in (pack for pack in OWN if pack in chosen):
            matrix.begin(defects, frozenset({family(defects[0])}))
        yield matrix
        matrix.close()


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Matrix]:
    chosen = packs_of(request.session.items)
    with ThreadPoolExecutor(max_workers=ROOM_OF_CONTAINERS) as pool:
        matrix = Matrix(tmp_path_factory.mktemp("containers"), "compose", pool, room=ROOM_OF_CONTAINERS)
        for defects in (pack for pack in ENGINE_PACKS if pack in chosen):
            matrix.begin(defects, seen_by(defects), narrow=not MODE)
        yield matrix
        matrix.close()


@pytest.mark.slow
def test_the_sound_demo_fails_nothing_as_processes(processes: Matrix) -> None:
    sound = processes.sound()
    assert sound.code == 0, sound.explain()
    assert "fail" not in sound.outcomes.values(), sound.explain()
    assert sound.card["coverage"] >= 0.8, sound.explain()
    assert sound.card["grade"] in {"A+", "A"}, sound.explain()


@pytest.mark.slow
def test_what_needs_an_engine_says_so(processes: Matrix) -> None:
    sound = processes.sound()
    rows = [row for row in sound.card["checks"] if row["id"] not in sound.crowded_out]
    reasons = [row["reason"] for row in rows if row["outcome"] == "inconclusive"]
    assert reasons
    assert all("needs" in reason for reason in reasons), reasons


@pytest.mark.slow
@pytest.mark.parametrize("defects", WHOLE, ids=names)
def test_defects_flip_their_checks_and_no_other(processes: Matrix, defects: Pack) -> None:
    families = scope(defects[0])
    changes, audited = processes.changes(defects, families)
    if len(defects) > 1:
        # So many defects at once also take away what others of their checks stand on, which is told, and no finding.
        changes = {check: outcome for check, outcome in changes.items() if outcome == "fail"}
        failing = {check: outcome for check, outcome in expected(defects, families).items() if outcome == "fail"}
        assert changes == failing, audited.explain()
    else:
        assert changes == expected(defects, families), audited.explain()
    assert audited.code == 1, audited.explain()


@pytest.mark.slow
@pytest.mark.parametrize("defects", OWN, ids=names)
def test_defects_flip_their_checks_and_no_other_of_their_family(processes: Matrix, defects: Pack) -> None:
    changes, audited = processes.changes(defects, frozenset({family(defects[0])}))
    assert changes == expected(defects, frozenset({family(defects[0])})), audited.explain()
    assert audited.code == 1, audited.explain()


@pytest.mark.docker
@pytest.mark.parametrize("defects", ENGINE_PACKS, ids=names)
def test_defects_that_need_an_engine_fail_their_checks_and_no_other(containers: Matrix, defects: Pack) -> None:
    # That the sound demo fails nothing under compose is seen in test_demo_compose.
    audited = containers.ended(defects, seen_by(defects))
    failed = {check for check, outcome in audited.outcomes.items() if outcome == "fail"}
    expected_to = {check for d in defects for check in d.detected_by}
    assert failed == expected_to - audited.crowded_out, audited.explain()


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
