"""Bad days, against scripts that are really run on stores that are files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness.exceptions import GatherError, StackError
from readiness.facts._codec import decode, encode
from readiness.facts.backup_days import BackupDays
from readiness.facts.model import ServiceModel, StackModel
from readiness.gather import backup_days as module
from readiness.gather import backup_words, gatherer_meta
from readiness.gather.backup_days import Days, without_set
from readiness.gather.backup_shelf import shelf_of
from readiness.runtime import Variant
from readiness.target import Target
from readiness.verdict import Inconclusive
from tests.gather.backup_copy import BACKUP, SECRET, Copy, owners, shelf, stores, target_of

ALL, SET = ("one", "two", "three"), ("one", "two")


def through(folder: Path, monkeypatch: pytest.MonkeyPatch, defects: str = "", **changed: Any) -> BackupDays:
    copy = Copy(folder / "run" / "stack" / "copy", defects=defects)
    return days(copy, monkeypatch, **changed)


def days(copy: Copy, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> BackupDays:
    monkeypatch.setattr(backup_words, "ask_redis", copy.ask_redis)
    monkeypatch.setattr(backup_words, "open_side", copy.open_side)
    monkeypatch.setattr(backup_words, "BACK_SECONDS", 0.0)
    fact = Days(
        owners=owners(copy, **changed),
        shelf=shelf(copy, **changed),
        stores=stores(copy, **changed),
        progress=lambda *_, **__: None,
        sleep=lambda _: None,
    ).run()
    assert decode(BackupDays, json.loads(json.dumps(encode(fact)))) == fact
    assert SECRET not in json.dumps(encode(fact))
    return fact


def test_a_sound_backup_goes_through_every_bad_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = through(tmp_path, monkeypatch)
    assert fact.not_done == {}
    assert fact.stores == {"cache": "redis", "api:${DATA}": "files"}
    assert list(fact.sets.values())[1] == {"cache": SET, "api:${DATA}": SET}
    assert [(t.run.exit_code, set(t.holds.values()), t.wrong) for t in fact.good] == [(0, {SET}, {})] * 2
    assert [(t.what, t.run.exit_code, t.is_unchanged) for t in fact.confirmation] == [
        ("no", 2, True), ("an empty line", 2, True), ("an empty input", 2, True),
    ]  # fmt: skip
    assert {t.run.exit_code for t in fact.damaged} == {3}
    assert len(fact.damaged) == 5
    assert all(t.is_unchanged for t in fact.damaged)
    assert fact.latest is not None
    assert set(fact.latest.holds.values()) == {SET}
    assert fact.partial["cache"].holds == {"cache": SET, "api:${DATA}": ALL}
    assert fact.after_interruption is not None
    assert set(fact.after_interruption.holds.values()) == {SET}
    assert [(f.what, f.run.exit_code, f.lost, f.left) for f in fact.failing] == [
        ("cache stopped", 1, (), ()), ("wrong REDIS_PASSWORD", 1, (), ()), ("wrong THE_PASSWORD", 1, (), ()),
    ]  # fmt: skip
    assert fact.crowded is not None
    assert fact.crowded.run.exit_code not in {0, None}
    assert fact.crowded.left == ()


def test_commands_of_this_machine_go_through_the_same_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = through(tmp_path, monkeypatch, "without-asking", run="host", env={"REDIS_PASSWORD": SECRET})
    assert fact.not_done == {}
    assert [set(trial.holds.values()) for trial in fact.confirmation] == [{SET}] * 3
    assert {trial.run.exit_code for trial in fact.damaged} == {3}
    assert [(f.what, f.run.exit_code) for f in fact.failing] == [("cache stopped", 1), ("wrong REDIS_PASSWORD", 1)]
    assert fact.crowded is not None
    assert fact.crowded.what == "no room for the largest file"


def test_a_restore_that_does_not_ask_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = through(tmp_path, monkeypatch, "without-asking")
    assert [(t.run.exit_code, set(t.holds.values()), t.is_unchanged) for t in fact.confirmation] == [
        (0, {SET}, False)
    ] * 3


def test_a_restore_that_takes_the_oldest_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = through(tmp_path, monkeypatch, "oldest")
    assert fact.latest is not None
    assert set(fact.latest.holds.values()) == {("one",)}
    # What was tried after it began as if nothing had happened.
    assert fact.partial["cache"].held["cache"] == ALL


def test_a_partial_restore_that_takes_all_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = through(tmp_path, monkeypatch, "always-all")
    assert fact.partial["cache"].holds == {"cache": SET, "api:${DATA}": SET}


def test_a_restore_that_does_not_verify_is_seen_and_its_damage_put_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = through(tmp_path, monkeypatch, "skips-verify")
    first = fact.damaged[0]
    assert (first.what, first.run.exit_code, first.is_unchanged) == ("uploads.tar cut to half", 0, False)
    assert any(first.wrong.values())
    assert all(set(trial.held.values()) == {ALL} for trial in fact.damaged)


def test_a_backup_that_hides_its_failure_and_what_it_leaves_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = through(tmp_path, monkeypatch, "hides-failure")
    stopped = fact.failing[0]
    assert (stopped.run.exit_code, stopped.short) == (
        0, ("cache.rdb is missing", "uploads.tar is missing"),
    )  # fmt: skip
    assert stopped.report == "result: failed\n"
    assert stopped.then is not None
    assert stopped.then.run.exit_code == 3


@pytest.mark.parametrize("ways", [module._APART, ()], ids=["disk", "limit"])
def test_a_backup_that_ignores_a_full_disk_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: tuple[tuple[str, ...], ...]
) -> None:
    monkeypatch.setattr(module, "_APART", ways)
    fact = through(tmp_path, monkeypatch, "ignores-full-disk")
    assert fact.crowded is not None
    assert (fact.crowded.run.exit_code, fact.crowded.left) == (0, (fact.crowded.left[0],))
    assert any("uploads.tar" in short for short in fact.crowded.short)
    assert fact.crowded.what in {"disk full", "no room for the largest file"}
    left = tmp_path / "run/stack/copy/backup/state" / fact.crowded.left[0]
    assert not left.exists() or fact.crowded.what != "disk full"


def test_a_small_disk_that_the_backup_refuses_with_room_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL", str(tmp_path / "small"))
    (tmp_path / "small").mkdir()
    monkeypatch.setattr(Days, "_has_small_disk", lambda _: True)
    monkeypatch.setattr(module, "_FILL", "true")
    copy = Copy(tmp_path / "run" / "stack" / "copy")
    copy.runtime = "compose"
    fact = days(copy, monkeypatch)
    assert fact.crowded is not None
    assert fact.crowded.what == "disk full"
    assert (tmp_path / "small/sets").is_dir()
    copy = Copy(tmp_path / "two" / "stack" / "copy")
    copy.runtime = "compose"
    copy.script("shop-backup", f"#!/bin/sh\ncase $BACKUP_DIR in */small/*) echo no; exit 1;; esac\n{BACKUP}")
    fact = days(copy, monkeypatch)
    assert fact.crowded is not None
    assert fact.crowded.what == "no room for the largest file"


def test_restores_that_never_work_keep_no_backup_from_being_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Copy(tmp_path / "run" / "stack" / "copy")
    copy.script("shop-restore", '#!/bin/sh\necho broken\n: >"$CACHE/kv"\nexit 9\n')
    fact = days(copy, monkeypatch)
    assert [(trial.run.exit_code, trial.holds["cache"]) for trial in fact.good] == [(9, ())]
    assert set(fact.not_done) == {"confirmation", "latest", "damaged", "partial", "interrupted"}
    assert [run.run.exit_code for run in fact.failing] == [1, 1, 1]
    assert fact.crowded is not None


def test_a_store_that_does_not_come_back_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(tmp_path / "run" / "stack" / "copy")
    monkeypatch.setattr(copy, "start", lambda service: None)
    fact = days(copy, monkeypatch)
    assert fact.not_done == {
        "failing": "cache did not come back after it was stopped",
        "crowded": "the stores could not be brought back to what they held",
    }
    assert fact.failing == ()


def test_what_is_not_declared_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = through(tmp_path, monkeypatch, "without-asking", stdin=None, partial=None)
    assert (fact.confirmation, fact.partial) == ((), {})
    assert set(fact.not_done) == {"confirmation", "partial"}
    bare = through(tmp_path / "bare", monkeypatch, restore=None)
    assert {"good", "latest", "damaged", "interrupted"} <= set(bare.not_done)
    assert bare.failing


def test_a_backup_that_fails_on_a_good_day_has_no_bad_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(tmp_path / "run" / "stack" / "copy")
    copy.script("shop-backup", "#!/bin/sh\necho no; exit 7\n")
    fact = days(copy, monkeypatch)
    assert fact.not_done == {"everything": "no set of the words up to one: the backup ended with 7 (no)"}
    assert fact.damaged == ()


def test_a_store_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(tmp_path / "run" / "stack" / "copy")
    fact = days(copy, monkeypatch, stores=["cache", {"service": "api", "path": "/etc"}])
    assert "not below the copy's own folder" in fact.not_done["words in api:/etc"]
    assert fact.stores == {"cache": "redis"}


def test_a_folder_that_may_be_the_owners_is_not_touched(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "run" / "stack" / "copy", more={"BACKUP_DIR": "/var/backups"})
    with pytest.raises(GatherError, match="not below the copy's own folder"):
        shelf_of(owners(copy))
    copy = Copy(tmp_path / "two" / "stack" / "copy", more={"BACKUP_DIR": f"{tmp_path}/two/stack/copy/../../.."})
    with pytest.raises(GatherError, match="not below the copy's own folder"):
        shelf_of(owners(copy))


def gather(
    target: Target, copy: Any, monkeypatch: pytest.MonkeyPatch, name: str = "process"
) -> tuple[BackupDays, list[Variant]]:
    given: list[Variant] = []

    @contextlib.contextmanager
    def variants(variant: Variant) -> Iterator[Any]:
        given.append(variant)
        if isinstance(copy, Exception):
            raise copy
        yield copy

    class Runtime:
        def __init__(self) -> None:
            self.name = name

        def model(self) -> StackModel:
            return StackModel(services={"cache": ServiceModel(name="cache", image="redis:7")})

    meta = gatherer_meta(module.backup_days._get_wrapped_function())  # type: ignore[attr-defined]  # pytest's
    assert meta is not None
    fact = meta.function(target=target, runtime=Runtime(), variants=variants, progress=lambda *_, **__: None)
    return fact, given


def test_everything_is_done_in_a_copy_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Copy(tmp_path / "run" / "stack" / "copy")
    copy.script("shop-backup", "#!/bin/sh\nexit 7\n")
    monkeypatch.setattr(backup_words, "ask_redis", copy.ask_redis)
    monkeypatch.setattr(backup_words, "open_side", copy.open_side)
    monkeypatch.setattr(module, "REST_SECONDS", 0.0)
    fact, given = gather(target_of(run="host"), copy, monkeypatch, name="compose")
    assert [(v.name, v.tmpfs) for v in given] == [("baddays", {})]
    fact, given = gather(target_of(), copy, monkeypatch, name="compose")
    assert "ended with 7" in fact.not_done["everything"]
    assert [(v.name, v.tmpfs) for v in given] == [("baddays", {"backup": {"/readiness-small": 25165824}})]


@pytest.mark.parametrize("error", [StackError("no engine"), Inconclusive("variant baddays does not come up")])
def test_a_copy_that_does_not_come_up_is_told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    fact, _ = gather(target_of(), error, monkeypatch)
    assert fact.not_done == {"everything": str(error)}


def test_without_a_declaration_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    fact, given = gather(Target(name="shop", folder="/nowhere"), None, monkeypatch)
    assert (fact.not_done, given) == ({"everything": "not configured: backup"}, [])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("restore", "{set}"), ("restore",)),
        (("restore", "--set={set}", "-v"), ("restore", "-v")),
        (("sh", "-c", "cd /srv && ./restore.sh '{set}'"), ("sh", "-c", "cd /srv && ./restore.sh")),
        (("restore",), ("restore",)),
    ],
)
def test_the_word_with_the_sets_name_is_left_out(command: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert without_set(command) == expected
