"""Housekeeping, against scripts that are really run, and servers of ours that they really reach."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.backup import SetFile
from readiness.facts.backup_upkeep import BackupUpkeep, ScheduleSeen
from readiness.gather import backup_upkeep as module
from readiness.gather import gatherer_meta
from readiness.gather.backup_scripts import documents_naming, owner_scripts, script_of
from readiness.gather.backup_upkeep import Clock, Sinks, Upkeep
from readiness.instruments.mail_sink import MailSink
from readiness.instruments.stub import Stub, Stubs
from readiness.runtime import Completed, Variant
from readiness.target import Target
from readiness.verdict import Inconclusive
from tests.gather.backup_copy import SECRET, Copy, backup, owners, shelf, target_of


def copy_at(folder: Path, defects: str = "", **more: Any) -> Copy:
    return Copy(folder / "run" / "stack" / "copy", defects=defects, **more)


def upkeep(
    copy: Copy, sinks: Sinks | None = None, monkeypatch: pytest.MonkeyPatch | None = None, **changed: Any
) -> BackupUpkeep:
    if monkeypatch is not None:
        monkeypatch.setattr(module, "ARRIVES_SECONDS", 0.2)
    fact = Upkeep(
        target=target_of(**changed),
        owners=owners(copy, **changed),
        shelf=shelf(copy, **changed),
        sinks=sinks or Sinks(),
        progress=lambda *_, **__: None,
        sleep=lambda _: None,
    ).run()
    assert decode(BackupUpkeep, json.loads(json.dumps(encode(fact)))) == fact
    assert SECRET not in json.dumps(encode(fact))
    return fact


def test_a_sound_backup_is_kept_reported_and_closed(tmp_path: Path) -> None:
    fact = upkeep(copy_at(tmp_path))
    assert fact.not_done == {}
    assert (fact.set_name, fact.report) == ("20250601_000001", "20250601_000001/report.txt")
    assert "store cache: cache.rdb 6000 bytes" in fact.report_text
    assert {(mode.path, mode.mode) for mode in fact.modes if "/" in mode.path or mode.path.startswith("2")} == {
        ("20250601_000001", "0700"), ("20250601_000001/cache.rdb", "0600"), ("20250601_000001/uploads.tar", "0600"),
        ("20250601_000001/manifest.sha256", "0600"), ("20250601_000001/report.txt", "0600"),
    }  # fmt: skip
    assert (fact.searched, fact.shown) == (("REDIS_PASSWORD",), ())
    declared, other = fact.retention
    assert (declared.days, sorted(declared.ages.values())) == (30, [1.0, 29.0, 31.5, 90.0])
    assert sorted(declared.ages[name] for name in declared.gone) == [31.5, 90.0]
    assert declared.others_gone == ()
    assert (other.days, sorted(other.ages[name] for name in other.gone)) == (7, [8.5, 29.0])
    assert fact.last_good is not None
    assert (fact.last_good.run.exit_code, fact.last_good.gone) == (1, ())
    assert [(script.use, script.is_executable, script.by_shell, script.syntax) for script in fact.scripts] == [
        ("backup", True, "sh", ""), ("restore", True, "sh", ""),
    ]  # fmt: skip


def test_who_may_read_a_set_is_seen(tmp_path: Path) -> None:
    fact = upkeep(copy_at(tmp_path, "world-readable"))
    assert ("20250601_000001/cache.rdb", "0644") in {(mode.path, mode.mode) for mode in fact.modes}


def test_a_password_on_a_command_line_and_in_the_output_is_seen(tmp_path: Path) -> None:
    fact = upkeep(copy_at(tmp_path, "password-in-argv,password-in-log"))
    assert {(shown.name, shown.where) for shown in fact.shown} == {
        ("REDIS_PASSWORD", "a command line"), ("REDIS_PASSWORD", "the output of the backup"),
    }  # fmt: skip
    assert all("***" in shown.text for shown in fact.shown)
    assert fact.command_lines > 0


def test_sets_that_are_kept_for_ever_and_a_last_one_that_is_not_are_seen(tmp_path: Path) -> None:
    fact = upkeep(copy_at(tmp_path, "keeps-all"))
    assert [kept.gone for kept in fact.retention] == [(), ()]
    fact = upkeep(copy_at(tmp_path / "other", "prunes-first"))
    assert fact.last_good is not None
    assert (list(fact.last_good.ages.values()), len(fact.last_good.gone)) == ([40.0], 1)


def test_mails_and_posts_of_both_runs_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stub("127.0.0.1") as stub, MailSink("127.0.0.1") as mail:
        fact = upkeep(copy_at(tmp_path), Sinks(stub=stub, mail=mail), monkeypatch)
    good, failing = fact.told
    assert [(len(told.mails), len(told.posts)) for told in fact.told] == [(1, 1), (1, 1)]
    assert good.mails[0].to == ("owner@readiness.test",)
    assert "The run says: backup done" in good.mails[0].text
    assert "backup failed: the cache cannot be reached" in failing.mails[0].text
    assert "POST /readiness-webhook\nbackup failed" in failing.posts[0].text
    assert fact.is_reachable is True


def test_commands_of_this_machine_reach_servers_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copy_at(tmp_path, "world-readable")
    with Stub("127.0.0.1") as stub, MailSink("127.0.0.1") as mail:
        fact = upkeep(copy, Sinks(stub=stub, mail=mail), monkeypatch, run="host")
        assert {given["also_ports"] for given in copy.given} == {(), (stub.port, mail.port)}
    assert [(len(told.mails), len(told.posts)) for told in fact.told] == [(1, 1), (1, 1)]
    assert (fact.set_name, fact.report) == ("20250601_000001", "20250601_000001/report.txt")
    assert ("20250601_000001/cache.rdb", "0644") in {(mode.path, mode.mode) for mode in fact.modes}
    assert len(fact.retention) == 2
    assert (fact.command_lines, fact.is_reachable) == (0, True)


def test_silence_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stub("127.0.0.1") as stub, MailSink("127.0.0.1") as mail:
        fact = upkeep(copy_at(tmp_path, "mails-nothing"), Sinks(stub=stub, mail=mail), monkeypatch)
    assert [(told.what, told.mails, told.posts) for told in fact.told] == [
        ("good run", (), ()),
        ("failing run", (), ()),
    ]
    assert fact.is_reachable is True  # processes of this machine


def test_what_is_uploaded_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moto.server")
    from readiness.instruments.object_store import ObjectStore  # noqa: PLC0415

    with Stub("127.0.0.1") as stub, ObjectStore("127.0.0.1", bucket="readiness-offsite") as store:
        fact = upkeep(copy_at(tmp_path), Sinks(stub=stub, store=store), monkeypatch)
        assert fact.copied is not None
        assert len(fact.copied.files) == 4
        assert sorted(fact.copied.files.values()) == sorted(fact.copied.objects.values())
        assert all(key.startswith("shop/2025") for key in fact.copied.objects)
    with Stub("127.0.0.1") as stub, ObjectStore("127.0.0.1", bucket="readiness-offsite") as store:
        fact = upkeep(copy_at(tmp_path / "two", "skips-upload"), Sinks(stub=stub, store=store), monkeypatch)
        assert fact.copied is not None
        assert fact.copied.objects == {}
    assert fact.offsite_set == {"S3_ENDPOINT": False, "S3_BUCKET": False, "S3_KEY": False, "S3_SECRET": False}


def test_a_backup_that_fails_leaves_nothing_to_look_at(tmp_path: Path) -> None:
    copy = copy_at(tmp_path)
    copy.script("shop-backup", '#!/bin/sh\necho "no to $REDIS_PASSWORD"; exit 7\n')
    fact = upkeep(copy)
    assert [(shown.name, shown.where) for shown in fact.shown] == [("REDIS_PASSWORD", "the output of the backup")]
    assert set(fact.not_done) == {"first", "retention", "told", "failing"}
    assert "ended with 7" in fact.not_done["retention"]
    assert fact.scripts != ()


def test_what_is_not_declared_is_told(tmp_path: Path) -> None:
    fact = upkeep(copy_at(tmp_path), retention=None, report=None, offsite=None)
    assert fact.not_done == {"retention": "not configured: backup.retention"}
    assert (fact.report, fact.last_good, fact.offsite_set) == ("", None, {})


def test_scripts_are_looked_at_without_being_run(tmp_path: Path) -> None:
    copy = copy_at(tmp_path)
    copy.script("shop-backup", "#!/bin/bash\nif\n")
    (copy.folder / "bin/shop-restore").chmod(0o644)
    (tmp_path / "README.md").write_text("Run shop-restore.")
    scripts = owner_scripts(copy, backup(partial={"cache": ["absent", "{set}"]}), folder=tmp_path)  # type: ignore[arg-type]
    assert [(script.word, script.is_executable, script.documents) for script in scripts] == [
        ("shop-backup", True, ()), ("shop-restore", False, ("README.md",)), ("absent", False, ()),
    ]  # fmt: skip
    assert "syntax error" in scripts[0].syntax
    assert scripts[2].path == ""
    assert not any("shop-backup" in words[0] for words in copy.ran)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["./backup.sh", "--all"], ("./backup.sh", "")),
        (["bash", "-e", "/srv/backup.sh"], ("/srv/backup.sh", "bash")),
        (["python3", "-u", "backup.py"], ("backup.py", "none")),
        (["sh", "-c", "set -e; cd /srv && A=1 ./backup.sh > log"], ("./backup.sh", "")),
        (["env", "A=1", "/srv/backup.sh"], ("/srv/backup.sh", "none")),
    ],
)
def test_the_owners_program_is_found_in_a_command(command: list[str], expected: tuple[str, str]) -> None:
    assert script_of(command) == expected


def test_only_documents_name_scripts(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/operations.md").write_text("See backup.sh")
    (tmp_path / "compose.yaml").write_text("command: backup.sh")
    (tmp_path / "link.md").symlink_to(tmp_path / "docs/operations.md")
    assert documents_naming(tmp_path, {"backup.sh"}) == ("docs/operations.md",)


def test_crontabs_of_a_container_are_read_and_those_of_this_machine_are_not(tmp_path: Path) -> None:
    copy = copy_at(tmp_path, more={"BACKUP_CRON": " 0 2 * * * "})
    changed = {
        "schedule": {"service": "backup", "cron": "0 2 * * *"},
        "variables": {"directory": "BACKUP_DIR", "cron": "BACKUP_CRON"},
    }
    assert upkeep(copy, **changed).schedule == ScheduleSeen(service="backup", value="0 2 * * *")
    assert not any("/etc/crontab" in word for words in copy.ran for word in words)
    real = copy.execute

    def execute(service: str, command: list[str], *, timeout_seconds: float = 30.0) -> Completed:
        if "/etc/crontab" in command[2]:
            text = "#in /etc/crontabs/root\n# a comment\nMAILTO=x\n0 2 * * *\t/srv/backup.sh >/dev/null\n@reboot /x\n"
            return Completed(exit_code=0, output=text)
        return real(service, command, timeout_seconds=timeout_seconds)

    copy.runtime, copy.execute = "compose", execute  # type: ignore[method-assign,assignment]
    seen = upkeep(copy, **changed).schedule
    assert seen is not None
    assert seen.crons == {"0 2 * * *": "/etc/crontabs/root: /srv/backup.sh >/dev/null"}


def test_a_set_that_nobody_asked_for_proves_the_schedule(tmp_path: Path) -> None:
    copy, declared = copy_at(tmp_path), backup(schedule={"service": "backup", "cron": "0 2 * * *"})
    assert declared.schedule is not None
    now = [time.time() - 10]
    clock = Clock(
        shelf=shelf(copy),
        schedule=declared.schedule,
        before=set(),
        began=now[0],
        clock=lambda: now[0],
        sleep=lambda s: None,
    )

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] - clock.began > 5:
            copy.execute("backup", ["shop-backup"])

    clock.sleep = sleep
    seen = clock.seen(None)
    assert seen.new_set.startswith("20250601")
    assert seen.fired_seconds == pytest.approx(10, abs=5)
    silent = Clock(
        shelf=shelf(copy), schedule=declared.schedule, before={each.name for each in shelf(copy).sets()}, began=now[0],
        clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds),
    )  # fmt: skip
    seen = silent.seen(ScheduleSeen(service="backup", value="x"))
    assert (seen.fired_seconds, seen.value) == (None, "x")
    assert seen.waited_seconds > 100


def gather(target: Target, copy: Any) -> tuple[BackupUpkeep, list[Variant]]:
    given: list[Variant] = []

    @contextlib.contextmanager
    def variants(variant: Variant) -> Iterator[Any]:
        given.append(variant)
        if isinstance(copy, Exception):
            raise copy
        yield copy

    meta = gatherer_meta(module.backup_upkeep._get_wrapped_function())  # type: ignore[attr-defined]  # pytest's
    assert meta is not None
    fact = meta.function(target=target, variants=variants, stubs=Stubs("process"), progress=lambda *_, **__: None)
    return fact, given


def test_everything_is_done_in_copies_of_its_own(tmp_path: Path) -> None:
    copy = copy_at(tmp_path)
    copy.script("shop-backup", "#!/bin/sh\nexit 7\n")
    target = target_of(schedule={"service": "backup"}, offsite=None)
    fact, given = gather(target, copy)
    assert [variant.name for variant in given] == ["upkeep"]
    assert "no variable" in fact.not_done["schedule"]


@pytest.mark.parametrize("error", [StackError("no engine"), Inconclusive("variant upkeep does not come up")])
def test_a_copy_that_does_not_come_up_is_told(error: Exception) -> None:
    target = target_of(schedule={"service": "backup"}, variables={"cron": "BACKUP_CRON"}, offsite=None, mail=None)
    fact, given = gather(target, error)
    assert fact.not_done == {"everything": str(error), "schedule": str(error)}
    assert [(v.name, v.environment) for v in given] == [
        ("everyminute", {"backup": {"BACKUP_CRON": "* * * * *"}}), ("upkeep", {}),
    ]  # fmt: skip


def test_without_a_declaration_nothing_is_started() -> None:
    fact, given = gather(Target(name="shop", folder="/nowhere"), None)
    assert (fact.not_done, given) == ({"everything": "not configured: backup"}, [])


def test_a_file_of_a_set_knows_its_set() -> None:
    assert SetFile(path="20250101/db.dump", size_bytes=1).set_name == "20250101"
