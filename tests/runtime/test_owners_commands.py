"""A backup program of the owner's, confined: what it can do to the copy, and that it can do nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.runtime import Endpoint, RanBeside
from readiness.runtime.docker_doing import Copied
from readiness.runtime.engine import Finished
from readiness.runtime.owners_commands import CopysEngine, directory_inside, run_owners
from readiness.runtime.owners_words import Known, OwnersWords

pytestmark = pytest.mark.namespaces

#: A docker command of the test's own making: the folder ``$ROOT`` stands for every container, and calls are written down.
DOCKER = """#!/bin/sh
echo "$*" >> "$ROOT.calls"
case "$1 $2" in
"exec "*)
  shift; while [ "${1#-}" != "$1" ]; do [ "$1" = -e ] && shift && export "$1"; shift; done
  shift; cd "$ROOT" && exec "$@" ;;
"cp -") exec tar -C "$ROOT${3#*:}" -xf - ;;
"cp "*) path=${2#*:}
  case $path in
  */.) [ -d "$ROOT$path" ] || { echo "Could not find the file" >&2; exit 1; }
    exec tar -C "$ROOT$path" -cf - . ;;
  *) [ -e "$ROOT$path" ] || { echo "Could not find the file" >&2; exit 1; }
    exec tar -C "$(dirname "$ROOT$path")" -cf - "$(basename "$path")" ;;
  esac ;;
"create "*) for word; do [ "$word" = unknown ] && { echo "No such image" >&2; exit 1; }; done
  mkdir -p "$ROOT/backup"; echo made ;;
"start "*) cd "$ROOT/backup" && tar -cf data.tar -C "$ROOT/data" . && rm -f old.tar; echo archived ;;
"rm "*) rm -rf "$ROOT/backup" ;;
esac
"""
OWN = OwnersWords(projects=("shop",), files=("/target/compose.yaml",), env_files=("/target/.env",))
COPIED = Copied(
    project="readiness-1",
    containers=(
        Known(name="readiness-1-db-1", ids=("ba9876543210",), owners=("shop-db-1",), service="db"),
        Known(name="readiness-1-api-1", ids=("0123456789ab",), owners=("shop-api-1",), service="api"),
    ),
    volumes=(Known(name="readiness-1_data", owners=("shop_data",)),),
    networks=(Known(name="readiness-1_default", owners=("shop_default",)),),
    places=("/target", "/backups"),
)
MANY = 40 * 1024 * 1024

Run = Callable[..., RanBeside]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {}")
    return folder


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    kept = tmp_path / "kept"
    kept.mkdir()
    return kept


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for the containers' files."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER, encoding="utf-8")
    (tmp_path / "bin" / "docker").chmod(0o755)
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (root / "data" / "rows").write_text("rows\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("ROOT", str(root))
    monkeypatch.setenv("PGPASSWORD", "the audit's own")
    return root


@pytest.fixture
def run(folder: Path, kept: Path, root: Path, tmp_path: Path) -> Run:
    """Run a script of the owner's; afterwards their folder is as it was, and nothing else is left."""
    asked: list[Sequence[str]] = []

    def compose(words: Sequence[str], seconds: float) -> Finished:
        assert seconds > 0
        asked.append(words)
        return Finished(exit_code=0, stdout="Container readiness-1-db-1  Stopped\n", stderr="")

    def go(script: str, **more: Any) -> RanBeside:
        (folder / "backup.sh").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "backup.sh").chmod(0o755)
        before = sorted(str(path) for path in folder.rglob("*"))
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        options: Mapping[str, Any] = {
            "folder": folder,
            "run_id": "test",
            "work": work,
            "project": "readiness-1",
            "variables": {"PGPASSWORD": "theirs"},
            "own": OWN,
            "kept": {"/backups": kept},
            "cwd": "",
            "stdin": "",
            "engine": CopysEngine(copied=lambda: COPIED, compose=compose, labels={"run": "test"}),
            "ports": {},
            "timeout_seconds": 60.0,
            **more,
        }
        done = run_owners(["./backup.sh"], **options)  # type: ignore[arg-type]  # of a table
        assert sorted(str(path) for path in folder.rglob("*")) == before
        assert [path.name for path in work.iterdir() if path.name != "pids"] == []
        return done

    go.asked = asked  # type: ignore[attr-defined]  # for tests that look
    return go


def calls(root: Path) -> list[str]:
    return root.with_suffix(".calls").read_text().splitlines()


def test_what_is_in_its_directory_outlives_it_and_is_seen_again(run: Run, kept: Path) -> None:
    done = run(
        'echo dump > /backups/a.dump; chmod 640 /backups/a.dump; echo "$PWD $HOME $COMPOSE_PROJECT_NAME"; exit 3'
    )
    assert (done.exit_code, done.output, done.problem) == (3, "/target /home shop\n", "")
    assert (kept / "a.dump").read_text() == "dump\n"
    assert (kept / "a.dump").stat().st_mode & 0o777 == 0o640
    assert run("cat /backups/a.dump").output == "dump\n"


def test_a_directory_below_the_folder_hides_the_owners_own_backups(run: Run, folder: Path, kept: Path) -> None:
    (folder / "backups").mkdir()
    (folder / "backups" / "precious.dump").write_text("x")
    done = run("ls backups; rm -rf backups/* ; echo new > backups/new.dump", kept={"backups": kept})
    assert (done.exit_code, done.output) == (0, "")
    assert [path.name for path in kept.iterdir()] == ["new.dump"]
    assert (folder / "backups" / "precious.dump").read_text() == "x"


def test_a_link_in_the_folder_does_not_lead_the_directory_elsewhere(run: Run, folder: Path, kept: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (folder / "backups").symlink_to(outside)
    assert run("echo new > backups/new.dump", kept={"backups": kept}).exit_code == 0
    assert list(outside.iterdir()) == []
    assert [path.name for path in kept.iterdir()] == ["new.dump"]


def test_a_directory_is_known_by_any_of_its_names(folder: Path) -> None:
    assert directory_inside(f"{folder}/backups", folder=folder) == "/target/backups"
    assert directory_inside("../backups", folder=folder) == "/backups"
    for directory in (".", "/", str(folder), str(folder.parent), "/target"):
        with pytest.raises(StackError, match="no directory of its own"):
            directory_inside(directory, folder=folder)


def test_input_variables_and_place_are_as_asked(run: Run, folder: Path) -> None:
    (folder / "ops").mkdir()
    shutil.copy(folder / "compose.yaml", folder / "ops" / "x")
    script = 'read -r answer; echo "$answer $PGPASSWORD $PWD"'
    (folder / "ops" / "backup.sh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ops" / "backup.sh").chmod(0o755)
    assert run("true", cwd="ops", stdin="yes\n").output == "yes theirs /target/ops\n"
    assert run("read -r answer || echo nothing").output == "nothing\n"


def test_time_that_is_up_ends_it_with_what_it_asked_for(run: Run) -> None:
    began = time.monotonic()
    done = run("echo begun; docker exec shop-db-1 sleep 600; echo never", timeout_seconds=4.0)
    assert (done.exit_code, done.output, done.problem, done.refused) == (None, "begun\n", "", ())
    assert time.monotonic() - began < 30


def test_a_dump_streams_out_and_in_whole(run: Run, root: Path, kept: Path) -> None:
    data = os.urandom(1024 * 1024) * (MANY // 1024 // 1024)
    (root / "big").write_bytes(data)
    script = """
docker exec shop-db-1 cat big > /backups/big.dump || exit 1
docker exec -i shop-db-1 sh -c 'cat > again' < /backups/big.dump || exit 2
docker compose exec -T db cat big | docker-compose exec -T db sha256sum || exit 3
gzip -c /backups/big.dump | gzip -dc | docker exec -i shop-db-1 sha256sum
"""
    done = run(script)
    assert (done.exit_code, done.refused, done.lacked) == (0, (), ())
    assert done.output == f"{hashlib.sha256(data).hexdigest()}  -\n" * 2
    assert (kept / "big.dump").read_bytes() == (root / "again").read_bytes() == data
    assert calls(root)[0] == "exec readiness-1-db-1 cat big"
    assert calls(root)[-1] == "exec -i readiness-1-db-1 sha256sum"


def test_codes_and_streams_are_the_commands_own(run: Run) -> None:
    script = """
out=$(docker exec shop-db-1 sh -c 'echo out; echo err >&2; exit 7' 2>/tmp/err); echo "$? $out $(cat /tmp/err)"
printf 'a\\nb\\n' | while read -r name; do docker exec shop-db-1 echo "$name"; done
docker exec shop-db-1 yes | head -n 1
docker exec -i shop-db-1 true < /dev/zero; echo $?
"""
    assert run(script).output == "7 out err\na\nb\ny\n0\n"


def test_a_variable_that_is_named_alone_is_the_programs_and_not_the_audits(run: Run, root: Path) -> None:
    assert run("docker exec -e PGPASSWORD -e ROOT -e A=b shop-db-1 sh -c 'echo $PGPASSWORD $A'").output == "theirs b\n"
    assert calls(root) == ["exec -e PGPASSWORD=theirs -e A=b readiness-1-db-1 sh -c echo $PGPASSWORD $A"]


def test_files_are_copied_from_a_container(run: Run, kept: Path) -> None:
    script = """
docker cp shop-db-1:/data/rows /backups/rows.txt || exit 1
docker cp shop-db-1:/data /backups || exit 2
docker cp shop-db-1:/data/. /backups/content || exit 3
docker compose cp db:/data /backups/named || exit 4
docker cp shop-db-1:/data - | tar -tf - > /dev/null || exit 5
docker cp shop-db-1:/missing /backups/missing; echo $?
"""
    done = run(script)
    assert (done.exit_code, done.output, done.refused) == (0, "Could not find the file\n1\n", ())
    found = sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file())
    assert found == ["content/rows", "data/rows", "named/rows", "rows.txt"]


def test_files_are_copied_to_a_container(run: Run, root: Path) -> None:
    script = """
echo dump > /backups/a.dump; mkdir -p /backups/set/in; echo x > /backups/set/in/x
docker cp /backups/a.dump shop-db-1:/data/new.dump || exit 1
docker cp /backups/a.dump shop-db-1:/data || exit 2
docker cp /backups/set shop-db-1:/data || exit 3
docker cp /backups/set/. shop-db-1:/data/made || exit 4
tar -C /backups -cf - a.dump | docker cp - shop-db-1:/ || exit 5
docker cp /backups/missing shop-db-1:/data
"""
    done = run(script)
    assert done.exit_code == 125
    assert [text.split(":")[0] for text in done.refused] == ["docker cp /backups/missing shop-db-1"]
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert found == ["a.dump", "data/a.dump", "data/made/in/x", "data/new.dump", "data/rows", "data/set/in/x"]


def test_a_volume_is_packed_by_a_container_that_goes(run: Run, root: Path, kept: Path) -> None:
    (kept / "old.tar").write_text("old")
    (kept / "other.tar").write_text("other")
    script = 'docker run --rm -v shop_data:/data:ro -v "/backups":/backup alpine tar -cf /backup/data.tar -C /data .'
    done = run(script)
    assert (done.exit_code, done.output, done.refused) == (0, "archived\n", ())
    # What the container took away is gone; what it left alone is there.
    assert sorted(path.name for path in kept.iterdir()) == ["data.tar", "other.tar"]
    assert calls(root)[0] == (
        "create --pull never --label run=test -v readiness-1_data:/data:ro -v /backup --network none -- "
        "alpine tar -cf /backup/data.tar -C /data ."
    )
    assert calls(root)[-1] == "rm --force --volumes made"


def test_an_image_that_is_not_there_is_no_finding(run: Run) -> None:
    done = run("docker run --rm unknown true")
    assert (done.exit_code, done.refused) == (125, ("docker run --rm unknown true: No such image",))


def test_services_are_stopped_and_started_by_compose(run: Run) -> None:
    done = run("docker compose stop -t 5 db; docker compose up -d db; docker compose -f compose.yaml start db")
    assert done.output == "Container shop-db-1  Stopped\n" * 3
    assert run.asked == [  # type: ignore[attr-defined]  # the fixture's
        ("stop", "-t", "5", "db"), ("up", "--detach", "--no-build", "db"), ("start", "db"),
    ]  # fmt: skip


def test_what_would_harm_is_refused_and_remembered(run: Run, root: Path) -> None:
    lines = [
        "docker compose down -v",
        "docker rm -f shop-db-1",
        "docker volume rm shop_data",
        "docker exec other-db-1 true",
        "docker -H tcp://127.0.0.1:2375 ps",
        "docker run --rm -v /:/host alpine rm -rf /host/home",
        "docker run --rm -v /backups/../etc:/x alpine true",
        "docker system prune -af",
    ]
    done = run("\n".join(f"{line}; echo $?" for line in lines))
    assert [text.split(": ")[0] for text in done.refused] == lines
    assert done.output.count("\n125\n") == len(lines)
    assert not root.with_suffix(".calls").exists()


def test_nothing_of_this_machine_is_written_or_read(run: Run, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    script = f"""
echo x > /usr/readiness-was-here; echo x > {tmp_path}/readiness-was-here; echo x > compose.yaml; rm -f compose.yaml
cat {secret} ~/.ssh/id_rsa {Path.home()}/.bashrc /root/.bashrc; ls -A ~ {Path.home()}
ln -s {secret} /backups/link; cat /backups/link
exit 0
"""
    done = run(script)
    assert "secret\n" not in done.output.replace(str(secret), "")
    assert (folder / "compose.yaml").read_text() == "services: {}"
    assert not (tmp_path / "readiness-was-here").exists()
    assert not Path("/usr/readiness-was-here").exists()


def test_room_is_on_the_disk_and_not_in_memory(run: Run, tmp_path: Path) -> None:
    here = shutil.disk_usage(tmp_path).total // 1024
    assert run("df -k /tmp . | awk 'NR > 1 { print $2 }'").output.split() == [str(here)] * 2


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets, once all is there."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                came, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(came,), daemon=True).start()

    def answer(came: socket.socket) -> None:
        with came:
            seen = hashlib.sha256()
            while data := came.recv(65536):
                seen.update(data)
            came.sendall(seen.hexdigest().encode() + b"\n" + b"\0" * 1000)

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def endpoint(port: int) -> Callable[[], Endpoint]:
    return lambda: Endpoint(host="127.0.0.1", port=port)


#: A client of the port 5432: sends a file, and prints the first line of what comes back.
CLIENT = """
python3 - "$1" <<'END'
import socket, sys
with socket.create_connection(("localhost", 5432), timeout=20) as s, open(sys.argv[1], "rb") as f:
    s.sendfile(f)
    s.shutdown(socket.SHUT_WR)
    answer = b""
    while data := s.recv(65536):
        answer += data
print(answer.partition(b"\\n")[0].decode(), len(answer))
END
"""
needs_python = pytest.mark.skipif(
    shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") is None,
    reason="this machine has no Python of its own, and the audit's need not be seen in the confinement",
)


@needs_python
def test_a_published_port_leads_to_the_copys(run: Run, echo: int, kept: Path) -> None:
    data = os.urandom(1024 * 1024) * 20
    (kept / "big").write_bytes(data)
    done = run(f"set -- /backups/big{CLIENT}", ports={5432: endpoint(echo)})
    assert (done.exit_code, done.lacked) == (0, ())
    assert done.output == f"{hashlib.sha256(data).hexdigest()} 1065\n"


def test_no_other_port_is_reached(run: Run, echo: int) -> None:
    if not shutil.which("bash"):
        pytest.skip("this machine has no bash")
    script = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{echo}' 2>/dev/null && echo reached; exit 0"
    done = run(script, ports={5432: endpoint(echo)})
    assert (done.output, done.lacked) == ("", ("the network",))
    for way in ("</dev/tcp/10.255.255.1/80", "</dev/tcp/example.org/80"):
        assert run(f"bash -c '{way}' 2>/dev/null; exit 0", ports={5432: endpoint(echo)}).lacked == ("the network",)


def test_a_port_whose_service_is_gone_is_closed_and_no_lack(run: Run) -> None:
    if not shutil.which("bash"):
        pytest.skip("this machine has no bash")

    def gone() -> Endpoint:
        raise StackError("it has no container")

    done = run("bash -c 'exec 3<>/dev/tcp/127.0.0.1/5432; cat <&3'; echo $?", ports={5432: gone})
    assert (done.output, done.lacked) == ("0\n", ())


def test_where_a_directory_cannot_be_put_nothing_is_run(run: Run, kept: Path) -> None:
    done = run("echo ran", kept={"/proc/backups": kept})
    assert done.exit_code is None
    assert "not confined" in done.problem
    assert done.output == ""


def test_what_a_program_takes_for_granted_is_there(run: Run) -> None:
    script = """
echo one; echo two > /dev/stderr; echo three > /dev/stdout; echo log >> /var/log/backup.log
exec 9> /var/lock/backup.lock; ls /var/tmp /srv /mnt; echo four
"""
    done = run(script)
    assert (done.exit_code, done.lacked) == (0, ())
    assert [line for line in done.output.splitlines() if not line.endswith(":") and line] == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_of_a_long_output_the_last_is_kept(run: Run) -> None:
    done = run("yes 123456789 | head -c 20000000; echo end")
    assert done.exit_code == 0
    assert done.output.endswith("\nend\n")
    assert 4_000_000 < len(done.output) <= 4 * 1024 * 1024


def test_sudo_runs_what_it_is_told_and_nobody_elses(run: Run) -> None:
    done = run(
        "sudo -E A=b docker exec shop-db-1 echo hello && sudo sh -c 'echo $0 $A' && sudo id -u; sudo -u postgres true"
    )
    assert (done.output.splitlines()[0], done.lacked) == ("hello", ("sudo",))
    assert "is not understood here" in done.output


def test_the_folder_is_found_under_its_own_name(run: Run, folder: Path, root: Path, kept: Path) -> None:
    script = f"""
cd {folder} || exit 1
echo x > {folder}/backups/here
docker compose -f {folder}/compose.yaml stop db > /dev/null || exit 2
docker run --rm -v {folder}/backups:/backup alpine true || exit 3
"""
    done = run(script, kept={f"{folder}/backups": kept})
    assert (done.exit_code, done.output, done.refused) == (0, "archived\n", ())
    assert sorted(path.name for path in kept.iterdir()) == ["data.tar", "here"]


def test_trouble_of_the_audits_own_is_no_failure_of_the_program(run: Run) -> None:
    def lost() -> Copied:
        raise StackError("no engine answers")

    engine = CopysEngine(copied=lost, compose=lambda *_: Finished(exit_code=0, stdout="", stderr=""), labels={})
    done = run("docker exec shop-db-1 true", engine=engine)
    assert (done.exit_code, done.refused) == (125, ("docker exec shop-db-1 true: no engine answers",))
