"""The course of a drill over two stacks that are folders: real commands of a shell, one store of files."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.backup_drill import BackupDrill
from readiness.facts.digest import DifferenceKind
from readiness.facts.model import ServiceModel, StackModel
from readiness.gather import backup_drill, gatherer_meta
from readiness.gather.backup_planting import CANARY, ROLE
from readiness.runtime import Capability, Completed, RanBeside, ServiceState, Variant
from readiness.target import Target
from readiness.verdict import Inconclusive

BACKUP = 'set=$BACKUP_DIR/$(date -u +%Y%m%d_%H%M%S); mkdir -p "$set"; tar -C "$DATA_PATH" -czf "$set/data.tar.gz" .'
RESTORE = 'tar -C "$DATA_PATH" -xzpf "$BACKUP_DIR/$0/data.tar.gz"'


@dataclass
class FolderStack:
    """A stack whose service keeps files, and a service beside it that backs them up."""

    root: Path
    runtime: str = "process"
    capabilities: frozenset[Capability] = frozenset(Capability) - {Capability.INSPECT}
    services: tuple[str, ...] = ("api", "backup")
    restarted: list[str] = field(default_factory=list)
    on_start: str = ""

    def __post_init__(self) -> None:
        (self.root / "data").mkdir(parents=True, exist_ok=True)
        (self.root / "data" / "own.txt").write_text("what the service wrote", "utf-8")

    def environment(self, service: str) -> Mapping[str, str]:
        return {
            "DATA_PATH": str(self.root / "data"),
            "BACKUP_DIR": str(self.root / "backups"),
            "CRON": "0 3 * * *",
            "API_PASSWORD": "a-long-password-of-the-copy",
        }

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **self.environment(service)}
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                check=False,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            return Completed(exit_code=127, output=str(error))
        except subprocess.TimeoutExpired as error:
            raise StackError(f"{command[0]} beside {service} still ran after {timeout_seconds:g} s") from error
        return Completed(exit_code=done.returncode, output=done.stdout.decode("utf-8", "replace"))

    def copy_out(self, service: str, path: str, to: Path) -> None:
        if not Path(path).is_dir():
            raise StackError(f"{path} of {service} is no folder")
        shutil.copytree(path, to, dirs_exist_ok=True)

    def copy_in(self, service: str, source: Path, path: str) -> None:
        if self.root not in Path(path).parents:
            raise StackError(f"{path} of {service} is not below its throw-away directory")
        shutil.copytree(source, path, dirs_exist_ok=True)

    def owners_directory(self, directory: str) -> Path:
        place = self.root / "of the run" / directory
        place.mkdir(parents=True, exist_ok=True)
        return place

    def run_owners(self, command: Sequence[str], *, timeout_seconds: float, **more: Any) -> RanBeside:
        words = ["env", f"BACKUP_DIR={self.owners_directory(more['directories'][0])}", *command]
        done = self.execute("host", words, timeout_seconds=timeout_seconds)
        return RanBeside(exit_code=done.exit_code, seconds=0.5, output=done.output)

    def state(self, service: str) -> ServiceState:
        return ServiceState(service=service, status="running", instance="1", started_at="")

    def stop(self, service: str) -> None:
        self.restarted.append(service)

    def start(self, service: str) -> None:
        if self.on_start:
            self.execute(service, ["sh", "-c", self.on_start])


class Gathering:
    """Runs the gatherer with stacks below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stacks: dict[str, FolderStack] = {}
        self.variants: list[Variant] = []
        self.said: list[str] = []
        self.refuses: str = ""
        self.shares: bool = False
        self.on_start = ""

    @contextlib.contextmanager
    def start(self, variant: Variant) -> Iterator[FolderStack]:
        if variant.name == self.refuses:
            raise Inconclusive(f"variant {variant.name} does not come up: api: unhealthy")
        self.variants.append(variant)
        stack = FolderStack(self.root / ("same" if self.shares else variant.name), on_start=self.on_start)
        self.stacks[variant.name] = stack
        yield stack
        for _ in range(0 if self.shares else 50):  # something may write yet
            shutil.rmtree(stack.root, ignore_errors=True)

    def gather(self, **declared: Any) -> BackupDrill:
        section = {
            "run": "backup",
            "command": BACKUP,
            "restore": ["sh", "-c", RESTORE, "{set}"],
            "directory": "/backups",
            "variables": {"directory": "BACKUP_DIR", "cron": "CRON"},
            "stores": [{"service": "api", "kind": "files", "path": "${DATA_PATH}"}],
            "schedule": {"service": "backup", "cron": "0 2 * * *"},
            **declared,
        }
        section = {name: value for name, value in section.items() if value is not None}
        target = Target(name="shop", folder=str(self.root), service="api", extra={"backup": section})
        meta = gatherer_meta(backup_drill.backup_drill._get_wrapped_function())

        class Runtime:
            def model(self) -> StackModel:
                return StackModel(services={"api": ServiceModel(name="api"), "backup": ServiceModel(name="backup")})

        assert meta is not None
        fact = meta.function(
            target=target,
            stack=FolderStack(self.root / "main"),
            runtime=Runtime(),
            variants=self.start,
            progress=lambda what, **_: self.said.append(what),
        )
        assert decode(BackupDrill, json.loads(json.dumps(encode(fact)))) == fact
        assert isinstance(fact, BackupDrill)
        return fact


@pytest.fixture
def gathering(tmp_path: Path) -> Gathering:
    return Gathering(tmp_path)


@pytest.fixture(autouse=True)
def short_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_drill, "BEAT_SECONDS", 0.5)


def test_a_backup_is_restored_into_an_empty_stack(gathering: Gathering) -> None:
    fact = gathering.gather()
    assert fact.run is not None
    assert fact.restore is not None
    assert (fact.run.exit_code, fact.restore.exit_code, fact.not_done) == (0, 0, {})
    assert [file.path for file in fact.files] == [f"{fact.set_name}/data.tar.gz"]
    assert [(each.kind, each.problem) for each in fact.artifacts] == [("gzip", "")]
    (trip,) = fact.stores
    assert (trip.label, trip.planted) == ("${DATA_PATH} of api", (f"folder {CANARY}",))
    assert (trip.differences, trip.untold, trip.problem) == ((), {}, "")
    assert trip.rows > 10
    assert (fact.cron, fact.marks, fact.api) == ("0 3 * * *", (), None)
    assert fact.ready_seconds is not None
    assert [variant.name for variant in gathering.variants] == ["backup", "restored"]
    assert gathering.stacks["backup"].restarted == ["api"]
    assert any("restore command" in said for said in gathering.said)


def test_nothing_is_done_to_the_main_stack(gathering: Gathering) -> None:
    gathering.gather()
    main = gathering.root / "main"
    assert sorted(path.name for path in main.rglob("*")) == ["data", "own.txt"]


def test_what_the_backup_leaves_out_is_named(gathering: Gathering) -> None:
    fact = gathering.gather(command=BACKUP.replace(" .", f" --exclude={CANARY}/script --exclude='*.bin' ."))
    (trip,) = fact.stores
    assert [(one.place, one.lost) for one in trip.differences] == [
        ("rows of files", (f"{CANARY}/bytes.bin", f"{CANARY}/script"))
    ]


def test_modes_that_do_not_come_back_are_named(gathering: Gathering) -> None:
    fact = gathering.gather(restore=["sh", "-c", f"{RESTORE}; chmod 0777 $DATA_PATH/{CANARY}/plain.txt", "{set}"])
    (trip,) = fact.stores
    assert [(one.kind, one.columns, one.changed) for one in trip.differences] == [
        (DifferenceKind.ROWS, ("mode",), (f"{CANARY}/plain.txt",))
    ]


def test_what_the_service_changes_when_it_starts_is_no_loss(gathering: Gathering) -> None:
    gathering.on_start = 'date +%s%N > "$DATA_PATH/started"; rm -f "$DATA_PATH/own.txt"'
    fact = gathering.gather(
        command=f'{BACKUP}; rm "$DATA_PATH/own.txt"',
        restore=["sh", "-c", f'{RESTORE}; rm -f "$DATA_PATH/own.txt"', "{set}"],
    )
    (trip,) = fact.stores
    assert (trip.differences, trip.moved_keys) == ((), 2)
    assert trip.problem == ""


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("echo no room >&2; exit 3", 3, "no room"),
        (["no-such-command"], 127, "no-such-command"),
        ("read -r answer < /dev/tty && exit 0; exit 9", 9, "tty"),
        ("read -r answer || exit 8", 8, ""),
    ],
)
def test_a_command_that_fails_is_told_with_its_words(
    gathering: Gathering, command: object, code: int, said: str
) -> None:
    fact = gathering.gather(command=command)
    assert fact.run is not None
    assert fact.run.exit_code == code
    assert said in "\n".join(fact.run.lines)
    assert fact.not_done["backup"] == f"the backup command ended with {code}"
    assert [variant.name for variant in gathering.variants] == ["backup"]
    assert fact.restore is None
    assert [trip.service for trip in fact.stores] == ["api"]


def test_a_command_that_hangs_is_ended(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_drill, "BACKUP_SECONDS", 0.5)
    fact = gathering.gather(command="sleep 60")
    assert fact.run is not None
    assert fact.run.exit_code is None
    assert fact.run.seconds >= fact.run_at_most_seconds >= 0.5
    assert "did not end by itself" in fact.not_done["backup"]
    assert fact.refused is None  # it would hang again


def test_a_command_that_stumbles_over_the_canaries_is_run_without_them(gathering: Gathering) -> None:
    fact = gathering.gather(command=f'[ ! -e "$DATA_PATH/{CANARY}" ] || exit 4; {BACKUP}')
    assert fact.refused is not None
    assert fact.run is not None
    assert (fact.refused.exit_code, fact.run.exit_code, fact.not_done) == (4, 0, {})
    (trip,) = fact.stores
    assert (trip.planted, trip.differences, trip.rows) == ((), (), 2)


def test_a_command_that_writes_nothing_leaves_no_set(gathering: Gathering) -> None:
    fact = gathering.gather(command="true")
    assert "wrote nothing new" in fact.not_done["set"]
    assert fact.set_name == ""


def test_without_a_restore_command_the_set_is_read_alone(gathering: Gathering) -> None:
    fact = gathering.gather(restore=None)
    assert fact.not_done == {"restore": "not configured: backup.restore"}
    assert len(fact.artifacts) == 1
    assert [variant.name for variant in gathering.variants] == ["backup"]


def test_a_restore_that_fails_is_compared_all_the_same(gathering: Gathering) -> None:
    fact = gathering.gather(restore=["sh", "-c", "echo broken; exit 2", "{set}"])
    assert fact.restore is not None
    assert (fact.restore.exit_code, fact.restore.lines) == (2, ("broken",))
    (trip,) = fact.stores
    assert f"{CANARY}/empty" in trip.differences[0].lost


def test_a_restore_gets_the_confirmation_that_it_asks_for(gathering: Gathering) -> None:
    restore = ["sh", "-c", f'read -r answer; [ "$answer" = yes ] || exit 5; {RESTORE}', "{set}"]
    assert gathering.gather(restore=restore, stdin="yes").restore.exit_code == 0  # type: ignore[union-attr]
    assert gathering.gather(restore=restore).restore.exit_code == 5  # type: ignore[union-attr]


def test_a_second_stack_that_is_not_empty_is_not_restored_into(gathering: Gathering) -> None:
    gathering.shares = True
    fact = gathering.gather()
    assert "not empty" in fact.not_done["restored"]
    assert fact.restore is None
    assert fact.stores[0].leaked == (f"folder {CANARY}",)


def test_a_second_stack_that_does_not_come_up_is_told(gathering: Gathering) -> None:
    gathering.refuses = "restored"
    assert gathering.gather().not_done == {"restored": "variant restored does not come up: api: unhealthy"}


def test_a_store_that_cannot_be_read_is_told(gathering: Gathering) -> None:
    fact = gathering.gather(
        stores=[{"service": "api", "kind": "files", "path": "/no/such/folder"}, {"service": "api", "kind": "mongo"}]
    )
    assert "no folder" in fact.stores[0].problem
    assert "mongo" in fact.stores[1].problem
    assert "not below its throw-away directory" in fact.stores[0].refused[f"folder {CANARY}"]


def test_a_service_that_is_not_there_is_told(gathering: Gathering) -> None:
    assert "no service 'cron'" in gathering.gather(run="cron").not_done["backup"]
    assert gathering.variants == []


def test_secrets_are_not_kept(gathering: Gathering) -> None:
    fact = gathering.gather(command='echo "with $API_PASSWORD"; exit 1')
    assert "a-long-password" not in str(fact)


def test_a_restore_that_stumbles_over_the_audits_role_is_tried_with_it(gathering: Gathering) -> None:
    words = f'pg_restore: error: ERROR:  role "{ROLE}" does not exist'
    restore = f"mkdir \"$BACKUP_DIR/../../tried\" 2>/dev/null && {{ echo '{words}'; exit 1; }}; {RESTORE}"
    fact = gathering.gather(restore=["sh", "-c", restore, "{set}"])
    assert [variant.name for variant in gathering.variants] == ["backup", "restored", "restoredrole"]
    assert fact.without_role is not None
    assert fact.restore is not None
    assert (fact.without_role.exit_code, fact.without_role.lines, fact.restore.exit_code) == (1, (words,), 0)
    assert fact.stores[0].differences == ()


def test_what_goes_on_by_itself_in_the_restored_stack_is_no_loss(gathering: Gathering) -> None:
    beat = 'while [ -e "$DATA_PATH/own.txt" ]; do date +%N > "$DATA_PATH/own.txt"; sleep 0.1; done >/dev/null 2>&1 &'
    fact = gathering.gather(restore=["sh", "-c", f"{RESTORE}; {beat}", "{set}"])
    (trip,) = fact.stores
    assert (trip.differences, trip.moved_keys) == ((), 1)


def test_what_cannot_be_taken_out_again_is_not_held_against_the_command(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_drill, "uproot", lambda place: None)
    fact = gathering.gather(command="exit 4")
    assert fact.run is None
    assert fact.not_done["backup"] == (
        "the backup command ended with 4 while the stores held what the audit had put there, and that could not be taken "
        f"out again: folder {CANARY} in api"
    )


def test_commands_on_the_host_have_a_directory_of_the_runs(gathering: Gathering) -> None:
    fact = gathering.gather(run="host", directory="sets", variables=None)
    assert fact.not_done == {}
    (trip,) = fact.stores
    assert (trip.differences, trip.problem) == ((), "")
    assert [artifact.kind for artifact in fact.artifacts] == ["gzip"]
