"""What a confined script may ask of the engine, and what it gets."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from readiness.exceptions import StackError
from readiness.runtime import RanBeside
from readiness.runtime.beside import run_beside
from readiness.runtime.docker_stand_in import Question, understood
from readiness.runtime.engine import Finished

CONTAINERS = {"readiness-1-api-1", "0123456789ab"}


def asked(line: str) -> Question | str:
    return understood(line.split()[1:], project="readiness-1", containers=CONTAINERS)


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("docker compose ps --all --format json", Question(compose=("ps", "--all", "--format", "json"))),
        ("docker compose ps -q api", Question(compose=("ps", "-q", "api"))),
        ("docker compose logs --tail=20 api", Question(compose=("logs", "--tail=20", "api"))),
        ("docker compose config --services", Question(compose=("config", "--services"))),
        ("docker compose up -d --build", Question()),
        ("docker compose build", Question()),
        ("docker inspect -f {{.State.Health.Status}} readiness-1-api-1",
         Question(docker=("inspect", "-f", "{{.State.Health.Status}}", "readiness-1-api-1"))),
        ("docker logs --tail 5 0123456789ab", Question(docker=("logs", "--tail", "5", "0123456789ab"))),
        ("docker ps -a", Question(docker=("ps", "-a", "--filter", "label=com.docker.compose.project=readiness-1"))),
        ("docker version", Question(docker=("version",))),
    ],
)  # fmt: skip
def test_what_reads_the_copy_is_asked(line: str, question: Question) -> None:
    assert asked(line) == question


@pytest.mark.parametrize(
    "line",
    [
        "docker",
        "docker -H unix:///var/run/docker.sock ps",
        "docker --context other compose ps",
        "docker compose",
        "docker compose -p shop ps",
        "docker compose --file compose.yaml up -d",
        "docker compose --project-directory /srv ps",
        "docker compose ps -p shop",
        "docker compose ps --project-name=shop",
        "docker compose logs -f",
        "docker compose logs -f other.yaml",
        "docker compose logs --file=other.yaml",
        "docker compose down -v",
        "docker compose up",
        "docker compose up -d --wait",
        "docker compose config",
        "docker compose exec api sh",
        "docker compose run api sh",
        "docker compose restart",
        "docker compose cp api:/etc/passwd .",
        "docker inspect shop-db-1",
        "docker inspect",
        "docker inspect --format",
        "docker logs -f readiness-1-api-1",
        "docker logs shop-db-1",
        "docker ps -H tcp://127.0.0.1:2375",
        "docker rm -f shop-db-1",
        "docker volume rm shop_database",
        "docker system prune -af",
        "docker run --privileged -v /:/host alpine",
        "docker exec readiness-1-api-1 sh",
        "docker login",
    ],
)
def test_everything_else_is_refused(line: str) -> None:
    refusal = asked(line)
    assert isinstance(refusal, str)
    assert refusal.startswith(line)


def beside(
    tmp_path: Path, script: str, *, seconds: float = 60.0, answer_seconds: float = 0.0
) -> tuple[RanBeside, list[Sequence[str]]]:
    folder, work, seen = tmp_path / "folder", tmp_path / "work", list[Sequence[str]]()
    folder.mkdir()
    work.mkdir()
    (folder / "start.sh").write_text(f"#!/bin/sh\n{script}")
    (folder / "start.sh").chmod(0o755)

    def compose(words: Sequence[str]) -> Finished:
        seen.append(words)
        time.sleep(answer_seconds)
        return Finished(exit_code=3, stdout="api running healthy\n", stderr="a warning\n")

    try:
        done = run_beside(
            ["./start.sh"],
            folder=folder,
            run_id="test",
            work=work,
            project="readiness-1",
            variables={"LIMIT": "7"},
            containers=lambda: CONTAINERS,
            compose=compose,
            timeout_seconds=seconds,
        )
    except StackError as error:
        pytest.skip(str(error))
    if done.problem:
        pytest.skip(done.problem)
    assert [path.name for path in folder.iterdir()] == ["start.sh"]
    assert [path for path in work.iterdir() if path.name.startswith("beside-")] == []
    return done, seen


def test_a_script_gets_answers_about_the_copy(tmp_path: Path) -> None:
    script = 'echo "$LIMIT $COMPOSE_PROJECT_NAME"; docker compose up -d && docker-compose ps --format "{{.Service}} x"; exit $?'
    done, seen = beside(tmp_path, script)
    assert done.exit_code == 3
    assert done.output == "7 readiness-1\napi running healthy\na warning\n"
    assert done.refused == ()
    assert seen == [("ps", "--format", "{{.Service}} x")]


def test_the_output_is_kept_without_colours(tmp_path: Path) -> None:
    script = r"printf '\033]0;title\007\033[1;32mapi\033[0m: \033(Bhealthy\n'"
    assert beside(tmp_path, script)[0].output == "api: healthy\n"


def test_the_time_for_answers_is_told(tmp_path: Path) -> None:
    done, _ = beside(tmp_path, "docker compose ps; docker compose ps", answer_seconds=0.3)
    assert 0.6 <= done.asked_seconds <= done.seconds


@pytest.mark.parametrize(
    ("script", "lacked"),
    [
        ("docker compose ps; exit 0", ()),
        ("getent passwd root; exit 0", ()),
        ("curl -s -u me:secret http://localhost:8000/health", ("the network (curl)",)),
        ("bash -c '</dev/tcp/127.0.0.1/8000' 2>/dev/null; exit 0", ("the network",)),
        ("sudo -n true 2>/dev/null", ("sudo",)),
        ("chown 12345 start.sh 2>/dev/null; exit 1", ("chown",)),
        ("no-such-program; exit 1", ("./start.sh: 2: no-such-program: not found",)),
    ],
)
def test_what_is_not_there_is_remembered(tmp_path: Path, script: str, lacked: tuple[str, ...]) -> None:
    if script.startswith(("curl", "bash")) and not shutil.which(script.split(maxsplit=1)[0]):
        pytest.skip("this machine has not even that")
    assert beside(tmp_path, script)[0].lacked == lacked


def test_when_it_asked_how_healthy_a_service_is_is_told(tmp_path: Path) -> None:
    done, _ = beside(
        tmp_path, "docker compose up -d; docker compose ps; docker compose logs api; sleep 0.5; docker ps -H x"
    )
    assert len(done.asked_at) == 1
    assert 0 < done.asked_at[0] < done.seconds - 0.4


def test_what_is_refused_fails_and_is_remembered(tmp_path: Path) -> None:
    done, seen = beside(tmp_path, "docker compose -p shop down -v; echo $?; docker compose -p shop down -v\nexit 0")
    assert done.exit_code == 0
    assert [text.split(":")[0] for text in done.refused] == ["docker compose -p shop down -v"]
    assert "readiness: docker compose -p shop down -v" in done.output
    assert "\n125\n" in done.output
    assert seen == []


def test_a_script_that_does_not_end_is_ended(tmp_path: Path) -> None:
    done, _ = beside(tmp_path, "echo begun; sleep 600", seconds=3.0)
    assert done.exit_code is None
    assert done.output == "begun\n"


def test_calls_that_are_none_hold_nobody_up(tmp_path: Path) -> None:
    script = """
ln -s /etc/passwd /readiness/calls/words; mkdir /readiness/calls/aaaa; ln -s /etc/passwd /readiness/calls/aaaa/words
mkdir /readiness/calls/bbbb; mkfifo /readiness/calls/bbbb/words; mkdir "/readiness/calls/a b"
docker compose ps
"""
    done, seen = beside(tmp_path, script)
    assert (done.exit_code, seen) == (3, [("ps",)])
