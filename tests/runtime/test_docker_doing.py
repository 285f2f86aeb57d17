"""What a backup or restore program may do to the copy by the docker command, and what is refused."""

from __future__ import annotations

import shlex

import pytest

from readiness.runtime.docker_doing import Bind, Copied, Copy, Doing, Executed, Plain, Ran, doing
from readiness.runtime.owners_words import Known, OwnersWords

OWN = OwnersWords(projects=("shop",), files=("/target/compose.yaml",), env_files=("/target/.env",))
COPIED = Copied(
    project="readiness-1",
    containers=(
        Known(name="readiness-1-db-1", ids=("ba9876543210",), owners=("shop-db",), service="db"),
        Known(name="readiness-1-api-1", owners=("shop-api-1",), service="api"),
        Known(name="readiness-1-api-2", owners=("shop-api-2",), service="api", number="2"),
    ),
    volumes=(
        Known(name="readiness-1_data", owners=("shop_data",)),
        Known(name="readiness-1_uploads", owners=("the-uploads", "shop_uploads")),
    ),
    networks=(Known(name="readiness-1_default", owners=("shop_default",)),),
    images={"postgres:16": "mirror/postgres:16"},
    places=("/target", "/backups"),
)


def understood(line: str, cwd: str = "/target") -> Doing | str | None:
    words = shlex.split(line)[1:]
    return doing(words, copied=COPIED, own=OWN, cwd=cwd, environment={"PGPASSWORD": "theirs"})


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("docker exec shop-db pg_dump -U shop", Executed(docker=("exec", "readiness-1-db-1", "pg_dump", "-U", "shop"), reads=False)),
        ("docker exec -iu postgres -w/srv ba9876543210 psql",
         Executed(docker=("exec", "-i", "-u", "postgres", "-w", "/srv", "readiness-1-db-1", "psql"), reads=True)),
        ("docker container exec -e PGPASSWORD -e HOME -e A=b shop-db env",
         Executed(docker=("exec", "-e", "PGPASSWORD=theirs", "-e", "A=b", "readiness-1-db-1", "env"), reads=False)),
        ("docker exec -it shop-db psql", Executed(docker=("exec", "-i", "-t", "readiness-1-db-1", "psql"), reads=True)),
        ("docker compose exec -T db pg_dump -i", Executed(docker=("exec", "-i", "readiness-1-db-1", "pg_dump", "-i"), reads=True)),
        ("docker compose -f compose.yaml exec -T --user=postgres --index 2 api sh",
         Executed(docker=("exec", "-i", "-u", "postgres", "readiness-1-api-2", "sh"), reads=True)),
        ("docker compose stop", Plain(compose=("stop",))),
        ("docker compose stop -t 5 api db", Plain(compose=("stop", "-t", "5", "api", "db"))),
        ("docker compose start api", Plain(compose=("start", "api"))),
        ("docker compose restart api --timeout=3", Plain(compose=("restart", "-t", "3", "api"))),
        ("docker compose up -d --build db", Plain(compose=("up", "--detach", "--no-build", "db"))),
        ("docker stop --time 5 shop-db", Plain(docker=("stop", "-t", "5", "readiness-1-db-1"))),
        ("docker start shop-db", Plain(docker=("start", "readiness-1-db-1"))),
        ("docker cp shop-db:/srv/a.dump ./backups/", Copy(container="readiness-1-db-1", path="/srv/a.dump", inside="/target/backups", is_out=True)),
        ("docker cp backups/. shop-db:/srv", Copy(container="readiness-1-db-1", path="/srv", inside="/target/backups/.", is_out=False)),
        ("docker compose cp db:/x -", Copy(container="readiness-1-db-1", path="/x", inside="-", is_out=True)),
        ("docker volume inspect -f x shop_data", Plain(docker=("volume", "inspect", "-f", "x", "readiness-1_data"))),
        ("docker volume ls -qf name=uploads", Plain(docker=("volume", "ls", "-q", "--filter=name=^readiness-1_uploads$"))),
        ("docker run --rm --volumes-from shop-db:ro --name b -i -e A=b --network shop_default postgres:16 tar x",
         Ran(options=("--volumes-from", "readiness-1-db-1:ro", "-i", "-e", "A=b", "--network", "readiness-1_default"),
             image="mirror/postgres:16", command=("tar", "x"), binds=(), reads=True)),
        ("docker run --rm -v the-uploads:/x:ro -v ./sets:/y --mount type=bind,src=/backups,dst=/z,readonly busybox",
         Ran(options=("-v", "readiness-1_uploads:/x:ro", "-v", "/y", "-v", "/z", "--network", "none"), image="busybox", command=(),
             binds=(Bind(path="/target/sets", target="/y", is_read_only=False), Bind(path="/backups", target="/z", is_read_only=True)),
             reads=False)),
    ],
)  # fmt: skip
def test_what_a_backup_does_to_the_copy_is_done(line: str, wanted: Doing) -> None:
    assert understood(line) == wanted


def test_services_that_are_not_named_are_those_of_the_copy() -> None:
    assert understood("docker compose up -d") == Plain(compose=("up", "--detach", "--no-build", "api", "db"))


@pytest.mark.parametrize(
    "line",
    [
        "docker exec",
        "docker exec shop-db",
        "docker exec blog-db psql",
        "docker exec --privileged shop-db sh",
        "docker exec --env-file /etc/passwd shop-db env",
        "docker compose exec cron sh",
        "docker compose exec --privileged db sh",
        "docker compose up",
        "docker compose up -d --remove-orphans",
        "docker compose up -d --scale db=2",
        "docker compose up -d cron",
        "docker compose stop -- --help",
        "docker stop blog-db",
        "docker start -a shop-db",
        "docker restart",
        "docker cp blog-db:/x .",
        "docker cp a b",
        "docker cp shop-db:/x shop-api-1:/y",
        "docker cp -L x shop-db:/y",
        "docker run -v shop_data:/x alpine true",
        "docker run --rm -d alpine true",
        "docker run --rm --privileged alpine true",
        "docker run --rm --network host alpine true",
        "docker run --rm --pid=host alpine true",
        "docker run --rm -v blog_data:/x alpine true",
        "docker run --rm -v /:/host alpine true",
        "docker run --rm -v /var/run/docker.sock:/var/run/docker.sock docker ps",
        "docker run --rm -v ~/.ssh:/x alpine true",
        "docker run --rm -v ../other:/x alpine true",
        "docker run --rm -v /backups/../root:/x alpine true",
        "docker run --rm --mount type=volume,src=shop_data,dst=/:/host alpine true",
        "docker run --rm --mount type=bind,src=/,dst=/x alpine true",
        "docker run --rm --mount type=bind,src=/backups,dst=/x,bind-propagation=shared alpine true",
        "docker run --rm --mount type=volume,src=shop_data,dst=/x,volume-driver=local alpine true",
        "docker run --rm --volumes-from blog-db alpine true",
        "docker run --rm",
        "docker volume rm shop_data",
        "docker volume prune -f",
        "docker volume create x",
        "docker volume inspect blog_data",
        "docker volume ls --filter dangling=true",
        "docker volume",
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_its_line(line: str) -> None:
    said = understood(line)
    assert isinstance(said, str)
    assert said.startswith(line)


@pytest.mark.parametrize(
    "line",
    [
        "docker",
        "docker ps",
        "docker compose",
        "docker compose ps",
        "docker compose down -v",
        "docker compose rm -sf db",
        "docker compose kill db",
        "docker compose -p blog stop",
        "docker compose -f other.yaml exec db sh",
        "docker rm -f shop-db",
        "docker kill shop-db",
        "docker system prune -af",
        "docker --context other exec shop-db sh",
        "docker container prune",
    ],
)
def test_the_rest_is_a_question_or_nothing_that_is_done(line: str) -> None:
    assert understood(line) is None


def test_an_image_is_never_an_option() -> None:
    ran = understood("docker run --rm -- --privileged alpine")
    assert isinstance(ran, Ran)
    assert ran.image == "--privileged"  # behind the two dashes, where the engine's client takes it for a name


@pytest.mark.parametrize(
    ("variable", "value", "is_refused"),
    [
        ("DOCKER_HOST", "unix:///run/user/1000/docker.sock", False),
        ("DOCKER_HOST", "ssh://production", True),
        ("DOCKER_CONTEXT", "default", False),
        ("DOCKER_CONTEXT", "production", True),
        ("COMPOSE_PROJECT_NAME", "shop", False),
        ("COMPOSE_PROJECT_NAME", "blog", True),
        ("COMPOSE_FILE", "compose.yaml", False),
        ("COMPOSE_FILE", "../blog/compose.yaml", True),
    ],
)
def test_a_variable_that_means_something_else_is_no_way_to_the_copy(
    variable: str, value: str, *, is_refused: bool
) -> None:
    for words in (["exec", "shop-db", "true"], ["ps"]):
        said = doing(words, copied=COPIED, own=OWN, cwd="/target", environment={variable: value})
        assert isinstance(said, str) == is_refused
