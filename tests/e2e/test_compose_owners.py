"""Folders carried between copies, and backup scripts on their owner's machine, with a real engine."""

from __future__ import annotations

import shutil
import stat
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from readiness.exceptions import StackError
from readiness.runtime import Variant
from readiness.runtime.compose import ComposeRuntime, ComposeStack
from readiness.runtime.reaper import LABEL_RUN
from readiness.target import Compose, Target

pytestmark = [pytest.mark.docker, pytest.mark.namespaces]

STACK = Path(__file__).parent / "stacks" / "kept"


def _quiet(what: str, *, at_most_seconds: float | None = None) -> None:
    """Nobody watches."""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ComposeRuntime]:
    run_id = uuid.uuid4().hex[:8]
    target = Target(name="kept", folder=str(STACK), compose=Compose(files=("compose.yaml",)))
    made = ComposeRuntime(target, run_id=run_id, work=tmp_path)
    before = sorted(str(path) for path in STACK.rglob("*"))
    yield made
    made.close()
    for listing in (["ps", "-aq"], ["volume", "ls", "-q"]):
        command = ["docker", *listing, "--filter", f"label={LABEL_RUN}={run_id}"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""
    assert sorted(str(path) for path in STACK.rglob("*")) == before


def _start(runtime: ComposeRuntime, name: str = "base") -> ComposeStack:
    stack = runtime.start(Variant(name=name), progress=_quiet)
    assert stack.report.is_up, stack.report
    return stack


def _ok(stack: ComposeStack, service: str, script: str) -> str:
    done = stack.execute(service, ["sh", "-c", script], timeout_seconds=60)
    assert done.exit_code == 0, done
    return done.output


def _sql(stack: ComposeStack, statement: str) -> str:
    return _ok(stack, "db", f'PGPASSWORD=shop-secret psql -h 127.0.0.1 -U shop -d shop -XAtc "{statement}"')


def test_folders_are_carried_with_modes_and_owners(runtime: ComposeRuntime, tmp_path: Path) -> None:
    stack = _start(runtime)
    _ok(
        stack,
        "cache",
        "mkdir -p /srv/kept/a; echo x > /srv/kept/a/b; chmod 640 /srv/kept/a/b; ln -s /etc /srv/kept/link; ln -s a /srv/kept/latest",
    )
    stack.copy_out("cache", "/srv/kept", tmp_path / "out")
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")) == [
        "a",
        "a/b",
        "latest",
    ]
    assert stat.S_IMODE((tmp_path / "out" / "a" / "b").stat().st_mode) == 0o640

    stack.copy_in("cache", tmp_path / "out", "/srv/kept/new/er")
    assert _ok(stack, "cache", "cat /srv/kept/new/er/a/b") == "x\n"
    _ok(stack, "db", "mkdir /var/lib/postgresql/data/sets; chown 1234:1235 /var/lib/postgresql/data/sets")
    stack.copy_in("db", tmp_path / "out", "/var/lib/postgresql/data/sets")
    assert _ok(stack, "db", "stat -c '%u %g %a' /var/lib/postgresql/data/sets/a/b") == "1234 1235 640\n"
    _ok(stack, "db", "rm -r /var/lib/postgresql/data/sets")

    # A disk in memory, which the engine's own copying does not see; a read-only one; one that is not there.
    stack.copy_in("cache", tmp_path / "out", "/small")
    assert _ok(stack, "cache", "cat /small/a/b") == "x\n"
    stack.copy_out("cache", "/small", tmp_path / "small")
    assert (tmp_path / "small" / "a" / "b").read_text() == "x\n"
    with pytest.raises(StackError, match="read-only"):
        stack.copy_in("cache", tmp_path / "out", "/opt/new")
    with pytest.raises(StackError, match="/missing"):
        stack.copy_out("cache", "/missing", tmp_path / "missing")
    stack.stop("cache")
    stack.copy_out("cache", "/srv/kept", tmp_path / "stopped")
    assert (tmp_path / "stopped" / "a" / "b").read_text() == "x\n"


def test_scripts_on_the_host_back_up_one_copy_and_restore_another(runtime: ComposeRuntime) -> None:
    first = _start(runtime)
    image = first.containers("cache")[0].image
    _sql(first, "CREATE TABLE items AS SELECT generate_series(1, 50000) AS id, repeat(chr(228), 200) AS name")
    _ok(first, "cache", "echo kept > /srv/kept/file; echo upload > /uploads/one; echo both > /uploads/two")
    given = {"IMAGE": image, "SETS": "sets"}
    backup = first.run_owners(["./backup.sh"], variables=given, timeout_seconds=300, directories=("sets",))
    assert (backup.exit_code, backup.problem, backup.refused, backup.lacked) == (0, "", (), ()), backup
    kept = first.owners_directory("sets")
    (made,) = kept.iterdir()
    sizes = {path.relative_to(made).as_posix(): path.stat().st_size for path in made.rglob("*") if path.is_file()}
    assert {"db.dump", "copied/file", "volume.tar.gz", "uploads.tar.gz"} <= set(sizes)
    assert all(sizes.values())
    assert "host.sql" in sizes or shutil.which("pg_dump", path="/usr/local/bin:/usr/bin:/bin") is None

    second = _start(runtime, "restored")
    _ok(second, "cache", "echo stale > /uploads/stale; echo stale > /srv/kept/stale")
    others = second.owners_directory("sets")
    subprocess.run(["cp", "-a", f"{kept}/.", str(others)], check=True)
    no = second.run_owners(
        ["./restore.sh", made.name], variables=given, timeout_seconds=300, directories=("sets",), stdin="no\n"
    )
    assert (no.exit_code, no.refused) == (3, ())
    done = second.run_owners(
        ["./restore.sh", made.name], variables=given, timeout_seconds=300, directories=("sets",), stdin="yes\n"
    )
    assert (done.exit_code, done.problem, done.refused, done.lacked) == (0, "", (), ()), done
    whole = "SELECT count(*), sum(id), md5(string_agg(name, '' ORDER BY id)) FROM items"
    assert _sql(second, whole) == _sql(first, whole)
    assert _ok(second, "cache", "cd /srv/kept && ls && cat file") == "file\nkept\n"
    assert _ok(second, "cache", "cd /uploads && ls && cat one two") == "one\ntwo\nupload\nboth\n"
    assert _sql(first, "SELECT count(*) FROM items") == "50000\n"


def test_a_script_reaches_no_other_container_and_no_other_port(runtime: ComposeRuntime) -> None:
    first, second = _start(runtime), _start(runtime, "other")
    theirs = next(known.name for known in second._known() if known.service == "db")
    script = f"docker exec {theirs} true; docker stop {theirs}; docker rm -f {theirs}; docker volume rm kept-by-name"
    done = first.run_owners(["sh", "-c", script], variables={}, timeout_seconds=60)
    assert [text.split(": ")[0] for text in done.refused] == script.split("; ")
    assert second.state("db").is_running
    port = second.endpoint("db", 5432).port
    ways = f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo theirs; (exec 3<>/dev/tcp/127.0.0.1/15432) && echo ours"
    done = first.run_owners(["bash", "-c", ways], variables={}, timeout_seconds=60)
    assert (done.output, done.lacked) == ("ours\n", ("the network",))
