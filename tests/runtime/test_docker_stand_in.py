"""What a confined script may ask of the engine, and what it gets."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from readiness.runtime import RanBeside
from readiness.runtime.beside import run_beside
from readiness.runtime.docker_stand_in import Question, understood
from readiness.runtime.engine import Finished
from readiness.runtime.owners_words import Known, OwnersWords
from readiness.target import Compose, Target

CONTAINERS = (Known(name="readiness-1-api-1", ids=("0123456789ab",)),)
OWN = OwnersWords(
    projects=("shop",), files=("/target/compose.yaml", "/target/compose.prod.yaml"), env_files=("/target/.env",)
)
OWNED = (
    Known(name="readiness-1-api-1", ids=("0123456789ab",), owners=("shop-api-1",)),
    Known(name="readiness-1-db-1", ids=("ba9876543210",), owners=("shop-db",)),
    Known(name="readiness-1-db-init-1", ids=("fedcba987654",), owners=("shop-db-init",)),
)
OF_COPY = ("--filter", "label=com.docker.compose.project=readiness-1")


def asked(line: str) -> Question | str:
    return understood(line.split()[1:], project="readiness-1", containers=CONTAINERS)


def asked_of_own(line: str, cwd: str = "/target") -> Question | str:
    return understood(line.split()[1:], project="readiness-1", containers=OWNED, own=OWN, cwd=cwd)


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
        "docker ps --filter name=shop-db",
        "docker ps --filter label=com.docker.compose.project=shop",
        "docker ps --filter label=com.docker.compose.project.working_dir=/srv/shop",
        "docker ps --filter network=shop_default",
        "docker ps --filter ancestor=postgres",
        "docker ps --filter name=(a*)*b",
        "docker ps api",
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


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("docker compose -f compose.yaml -f ./compose.prod.yaml up -d", Question()),
        ("docker compose --file=/target/compose.yaml --env-file .env -p shop ps -aq", Question(compose=("ps", "-aq"))),
        ("docker compose --file compose.yaml:compose.prod.yaml ps", Question(compose=("ps",))),
        ("docker compose --project-directory . --project-name=readiness-1 ps", Question(compose=("ps",))),
        ("docker inspect -f shop-db shop-db", Question(docker=("inspect", "-f", "shop-db", "readiness-1-db-1"))),
        ("docker inspect readiness-1-db-1 fedcba987654",
         Question(docker=("inspect", "readiness-1-db-1", "fedcba987654"))),
        ("docker logs --tail 5 shop-api-1", Question(docker=("logs", "--tail", "5", "readiness-1-api-1"))),
        ("docker ps -f name=^/shop-db$ --format x",
         Question(docker=("ps", "--filter", r"name=^/?(readiness\-1\-db\-1)$", "--format", "x", *OF_COPY))),
        ("docker ps --filter=name=shop-db -n 5",
         Question(docker=("ps", "--filter", r"name=^/?(readiness\-1\-db\-1|readiness\-1\-db\-init\-1)$", "-n", "5",
                          *OF_COPY))),
        ("docker ps --filter label=com.docker.compose.project=shop -q --filter health=healthy",
         Question(docker=("ps", "-q", "--filter", "health=healthy", *OF_COPY))),
        ("docker ps --filter label=com.docker.compose.service=db",
         Question(docker=("ps", "--filter", "label=com.docker.compose.service=db", *OF_COPY))),
    ],
)  # fmt: skip
def test_what_is_the_owners_own_is_the_copys(line: str, question: Question) -> None:
    assert asked_of_own(line) == question


@pytest.mark.parametrize(
    "line",
    [
        "docker compose -f other.yaml ps",
        "docker compose -f compose.yaml:other.yaml ps",
        "docker compose -f ../compose.yaml ps",
        "docker compose -f",
        "docker compose -f compose.yaml",
        "docker compose -f compose.yaml down -v",
        "docker compose -p blog ps",
        "docker compose --env-file prod.env ps",
        "docker compose --project-directory /srv ps",
        "docker compose --profile debug ps",
        "docker inspect blog-db",
        "docker ps --filter name=blog",
        "docker ps --filter label=com.docker.compose.project=blog",
    ],
)
def test_what_is_not_the_owners_own_is_refused(line: str) -> None:
    assert str(asked_of_own(line)).startswith(line)


def test_what_is_own_is_as_declared() -> None:
    target = Target(name="The shop", folder="/srv/Shop.2", compose=Compose(files=("deploy/compose.yaml",)))
    assert OwnersWords.of(target) == OwnersWords(
        projects=("theshop", "shop2"), files=("/target/deploy/compose.yaml",), env_files=("/target/.env",)
    )
    assert OwnersWords.of(target).names_of("db", "2", "") == ("theshop-db-2", "shop2-db-2")
    assert OwnersWords.of(target).names_of("db", "1", "shop-db") == ("shop-db",)


def test_a_file_is_named_from_where_it_is_asked() -> None:
    line = "docker compose -f ../compose.yaml ps"
    assert asked_of_own(line, cwd="/target/scripts") == Question(compose=("ps",))


def beside(
    tmp_path: Path,
    script: str,
    *,
    seconds: float = 60.0,
    answer_seconds: float = 0.0,
    own: OwnersWords = OwnersWords(),  # noqa: B008  # frozen
    containers: tuple[Known, ...] = CONTAINERS,
    stdout: str = "api running healthy\n",
) -> tuple[RanBeside, list[Sequence[str]]]:
    folder, work, seen = tmp_path / "folder", tmp_path / "work", list[Sequence[str]]()
    folder.mkdir()
    work.mkdir()
    (folder / "start.sh").write_text(f"#!/bin/sh\n{script}")
    (folder / "start.sh").chmod(0o755)

    def compose(words: Sequence[str]) -> Finished:
        seen.append(words)
        time.sleep(answer_seconds)
        return Finished(exit_code=3, stdout=stdout, stderr="a warning\n")

    done = run_beside(
        ["./start.sh"],
        folder=folder,
        run_id="test",
        work=work,
        project="readiness-1",
        variables={"LIMIT": "7"},
        own=own,
        fixed_names={},
        containers=lambda: containers,
        compose=compose,
        timeout_seconds=seconds,
    )
    assert done.problem == ""
    assert [path.name for path in folder.iterdir()] == ["start.sh"]
    assert [path for path in work.iterdir() if path.name.startswith("beside-")] == []
    return done, seen


@pytest.mark.namespaces
def test_a_script_gets_answers_about_the_copy(tmp_path: Path) -> None:
    script = 'echo "$LIMIT $COMPOSE_PROJECT_NAME"; docker compose up -d && docker-compose ps --format "{{.Service}} x"; exit $?'
    done, seen = beside(tmp_path, script)
    assert done.exit_code == 3
    assert done.output == "7 readiness-1\napi running healthy\na warning\n"
    assert done.refused == ()
    assert seen == [("ps", "--format", "{{.Service}} x")]


@pytest.mark.namespaces
def test_answers_are_in_the_owners_words(tmp_path: Path) -> None:
    script = 'echo "$COMPOSE_PROJECT_NAME $COMPOSE_FILE"; mkdir x; cd x; docker compose -f ../compose.yaml -p shop ps'
    told = "readiness-1-db-init-1 /readiness-1-db-1 readiness-1-api-1 readiness-1_default\n"
    done, seen = beside(tmp_path, script, own=OWN, containers=OWNED, stdout=told)
    assert done.refused == ()
    assert seen == [("ps",)]
    assert done.output.splitlines() == [
        "shop /target/compose.yaml:/target/compose.prod.yaml", "shop-db-init /shop-db shop-api-1 shop_default", "a warning",
    ]  # fmt: skip


@pytest.mark.namespaces
def test_the_output_is_kept_without_colours(tmp_path: Path) -> None:
    script = r"printf '\033]0;title\007\033[1;32mapi\033[0m: \033(Bhealthy\n'"
    assert beside(tmp_path, script)[0].output == "api: healthy\n"


@pytest.mark.namespaces
def test_the_time_for_answers_is_told(tmp_path: Path) -> None:
    done, _ = beside(tmp_path, "docker compose ps; docker compose ps", answer_seconds=0.3)
    assert 0.6 <= done.asked_seconds <= done.seconds


@pytest.mark.namespaces
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


@pytest.mark.namespaces
def test_when_it_asked_how_healthy_a_service_is_is_told(tmp_path: Path) -> None:
    done, _ = beside(
        tmp_path, "docker compose up -d; docker compose ps; docker compose logs api; sleep 0.5; docker ps -H x"
    )
    assert len(done.asked_at) == 1
    assert 0 < done.asked_at[0] < done.seconds - 0.4


@pytest.mark.namespaces
def test_what_is_refused_fails_and_is_remembered(tmp_path: Path) -> None:
    done, seen = beside(tmp_path, "docker compose -p shop down -v; echo $?; docker compose -p shop down -v\nexit 0")
    assert done.exit_code == 0
    assert [text.split(":")[0] for text in done.refused] == ["docker compose -p shop down -v"]
    assert "readiness: docker compose -p shop down -v" in done.output
    assert "\n125\n" in done.output
    assert seen == []


@pytest.mark.namespaces
def test_a_script_that_does_not_end_is_ended(tmp_path: Path) -> None:
    done, _ = beside(tmp_path, "echo begun; sleep 600", seconds=3.0)
    assert done.exit_code is None
    assert done.output == "begun\n"


@pytest.mark.namespaces
def test_calls_that_are_none_hold_nobody_up(tmp_path: Path) -> None:
    script = """
ln -s /etc/passwd /readiness/calls/words; mkdir /readiness/calls/aaaa; ln -s /etc/passwd /readiness/calls/aaaa/words
mkdir /readiness/calls/bbbb; mkfifo /readiness/calls/bbbb/words; mkdir "/readiness/calls/a b"
docker compose ps
"""
    done, seen = beside(tmp_path, script)
    assert (done.exit_code, seen) == (3, [("ps",)])
