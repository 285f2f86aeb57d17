from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from readiness.exceptions import GatherError, StackError
from readiness.instruments.stores import ask_mysql, ask_postgres, ask_redis, postgres_counter, redis_counter
from readiness.runtime import Completed, Endpoint

STATISTICS = (
    "# Commandstats\r\n"
    "cmdstat_ping:calls=7,usec=10\r\n"
    "cmdstat_get:calls=30,usec=99\r\n"
    "cmdstat_info:calls=4,usec=9\r\n"
    "cmdstat_auth:calls=9,usec=9\r\n"
    "cmdstat_client|setinfo:calls=18,usec=9\r\n"
)


@dataclass
class FakeStack:
    """Runs scripted commands; ``ran`` keeps what was asked."""

    answers: list[Completed] = field(default_factory=list)
    runtime: str = "compose"
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    where: Endpoint | None = None
    ran: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        self.ran.append((service, tuple(command)))
        return self.answers.pop(0)

    def environment(self, service: str) -> Mapping[str, str]:
        if service not in self.variables:
            raise StackError("gone")
        return self.variables[service]

    def endpoint(self, service: str, port: int) -> Endpoint:
        assert self.where is not None
        return self.where


def done(output: str, exit_code: int = 0) -> Completed:
    return Completed(exit_code=exit_code, output=output)


def test_redis_commands_are_counted_without_the_connections_own() -> None:
    stack = FakeStack([done(STATISTICS)])
    counter = redis_counter(stack, "cache")  # type: ignore[arg-type]  # a fake
    assert (counter.unit, counter.read()) == ("commands", 37.0)
    assert stack.ran[0][0] == "cache"


def test_redis_is_asked_again_with_the_password_of_its_users() -> None:
    refused = done("NOAUTH Authentication required.")
    stack = FakeStack([refused, done(STATISTICS)], variables={"api": {"REDIS_URL": "redis://:sec%40ret@cache:6379/0"}})
    assert redis_counter(stack, "cache", users=["api"]).read() == 37.0  # type: ignore[arg-type]  # a fake
    assert stack.ran[1][1][-3:] == ("sec@ret", "INFO", "commandstats")


def test_redis_with_its_own_password() -> None:
    stack = FakeStack(
        [done("NOAUTH Authentication required."), done(STATISTICS)], variables={"cache": {"REDIS_PASSWORD": "secret"}}
    )
    assert redis_counter(stack, "cache").read() == 37.0  # type: ignore[arg-type]  # a fake


def test_a_store_without_its_client_program_says_so() -> None:
    counter = redis_counter(FakeStack([done("", 127)] * 2), "cache")  # type: ignore[arg-type]  # a fake
    with pytest.raises(GatherError, match="has no redis-cli"):
        counter.read()


def test_postgres_transactions_are_read_from_among_warnings() -> None:
    stack = FakeStack([done("could not change directory\n4711\n")], variables={"db": {"POSTGRES_USER": "shop"}})
    counter = postgres_counter(stack, "db")  # type: ignore[arg-type]  # a fake
    assert (counter.unit, counter.read()) == ("transactions", 4711.0)
    assert "shop" in stack.ran[0][1]


def test_postgres_is_asked_as_its_user_does() -> None:
    url = "postgresql+asyncpg://shop:pa%3Ass@db:5432/orders?ssl=off"
    stack = FakeStack([done("denied", 2), done("12")], variables={"api": {"DATABASE_URL": url}, "db": {}})
    assert postgres_counter(stack, "db", users=["api"]).read() == 12.0  # type: ignore[arg-type]  # a fake
    assert stack.ran[1][1][4:7] == ("pa:ss", "shop", "orders")


def test_another_database_is_asked_as_whoever_is_let_in() -> None:
    variables = {"db": {"POSTGRES_USER": "root", "POSTGRES_DB": "root"}}
    stack = FakeStack([done("[]")], variables=variables)
    assert ask_postgres(stack, "db", "select 1", database="shop") == "[]"  # type: ignore[arg-type]  # a fake
    assert stack.ran[0][1][5:7] == ("root", "shop")


def test_a_refusing_postgres_is_an_error() -> None:
    stack = FakeStack([done("FATAL: no", 2)] * 3, variables={"db": {"POSTGRES_PASSWORD": "x"}})
    with pytest.raises(GatherError, match="ended with 2"):
        postgres_counter(stack, "db").read()  # type: ignore[arg-type]  # a fake


def test_an_answer_without_a_number_is_an_error() -> None:
    with pytest.raises(GatherError, match="no transaction count"):
        postgres_counter(FakeStack([done("hello")] * 3), "db").read()  # type: ignore[arg-type]  # a fake


@contextmanager
def redis_server(password: str = "", reply: bytes | None = None) -> Iterator[Endpoint]:
    """Speaks as much RESP as ``AUTH`` needs, and answers everything else with its statistics, or ``reply``."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, connection.makefile("rwb") as stream:
                    may = not password
                    while line := stream.readline():
                        words = []
                        for _ in range(int(line[1:])):
                            stream.readline()
                            words.append(stream.readline().strip().decode())
                        if words[0] == "AUTH":
                            may = words[-1] == password
                            stream.write(b"+OK\r\n" if may else b"-WRONGPASS\r\n")
                        elif not may:
                            stream.write(b"-NOAUTH Authentication required.\r\n")
                        else:
                            told = b"$%d\r\n%s\r\n" % (len(STATISTICS), STATISTICS.encode())
                            stream.write(told if reply is None else reply)
                        stream.flush()

        threading.Thread(target=serve, daemon=True).start()
        yield Endpoint(host="127.0.0.1", port=server.getsockname()[1])


def test_a_process_is_asked_at_its_own_port_and_never_by_a_program() -> None:
    with redis_server("secret") as where:
        stack = FakeStack(runtime="process", where=where, variables={"cache": {"REDIS_PASSWORD": "secret"}})
        assert redis_counter(stack, "cache").read() == 37.0  # type: ignore[arg-type]  # a fake
    assert stack.ran == []


def test_a_process_with_another_password_is_an_error() -> None:
    with redis_server("secret") as where:
        stack = FakeStack(runtime="process", where=where)
        with pytest.raises(GatherError, match="NOAUTH"):
            redis_counter(stack, "cache").read()  # type: ignore[arg-type]  # a fake


@pytest.mark.parametrize("make", [redis_counter, postgres_counter])
def test_a_process_that_does_not_listen_is_an_error(make: type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = Endpoint(host="127.0.0.1", port=server.getsockname()[1])
    with pytest.raises(GatherError, match="cannot be asked"):
        make(FakeStack(runtime="process", where=where), "store").read()


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"+OK\r\n", "OK"),
        (b":12\r\n", "12"),
        (b"$5\r\nkept!\r\n", "kept!"),
        (b"$-1\r\n", ""),
        (b"*2\r\n$4\r\nsave\r\n$7\r\n60 1000\r\n", "save\n60 1000"),
        (b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n", "save\n"),
        (b"*0\r\n", ""),
    ],
)
def test_every_kind_of_redis_reply_is_a_text(reply: bytes, text: str) -> None:
    with redis_server(reply=reply) as where:
        stack = FakeStack(runtime="process", where=where)
        assert ask_redis(stack, "cache", ("CONFIG", "GET", "save")) == text  # type: ignore[arg-type]  # a fake


@pytest.mark.parametrize("reply", [b"-LOADING Redis is loading the dataset in memory\r\n", b"-ERR unknown command\r\n"])
def test_a_redis_that_refuses_a_command_is_an_error(reply: bytes) -> None:
    with redis_server(reply=reply) as where, pytest.raises(GatherError, match="Redis refuses CONFIG"):
        ask_redis(FakeStack(runtime="process", where=where), "cache", ("CONFIG", "GET", "save"))  # type: ignore[arg-type]  # a fake


def test_what_redis_cli_prints_while_redis_loads_is_no_answer() -> None:
    stack = FakeStack([done("LOADING Redis is loading the dataset in memory\n")])
    with pytest.raises(GatherError, match="LOADING"):
        ask_redis(stack, "cache", ("EVAL", "return 'yes'", "0"))  # type: ignore[arg-type]  # a fake


def test_settings_hold_for_the_session_of_psql() -> None:
    stack = FakeStack([done("1")], variables={"db": {}})
    ask_postgres(stack, "db", "select 1", settings={"TimeZone": "UTC", "search_path": ""})  # type: ignore[arg-type]  # a fake
    assert stack.ran[0][1][-1] == "-c TimeZone=UTC -c search_path="


def psql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Completed:
    """What comes of the command for psql where psql is this script; its calls are counted in a file."""
    (tmp_path / "psql").write_text(f"#!/bin/sh\necho x >>{tmp_path}/calls\n{text}\n")
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    stack = FakeStack([done("1")], variables={"db": {}})
    ask_postgres(stack, "db", "select 1")  # type: ignore[arg-type]  # a fake
    ran = subprocess.run(stack.ran[0][1], capture_output=True, text=True, check=False)
    return Completed(exit_code=ran.returncode, output=ran.stdout)


@pytest.mark.parametrize(("text", "code", "calls"), [("echo 1", 0, 1), ("exit 1", 1, 1), ("exit 2", 2, 2)])
def test_only_a_connection_is_tried_twice_and_no_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int, calls: int
) -> None:
    assert psql(tmp_path, monkeypatch, text).exit_code == code
    assert len((tmp_path / "calls").read_text().split()) == calls


def test_mysql_is_asked_as_the_administrator_and_then_as_its_users() -> None:
    refused = done("ERROR 1045 (28000): Access denied", 1)
    variables = {
        "db": {
            "MYSQL_ROOT_PASSWORD": "rootpw",
            "MYSQL_DATABASE": "shop",
            "MYSQL_USER": "app",
            "MYSQL_PASSWORD": "apppw",
        },
        "api": {"DATABASE_URL": "mysql+pymysql://web:w%40b@db/orders"},
    }
    stack = FakeStack([refused, refused, refused, done("[1]")], variables=variables)
    assert ask_mysql(stack, "db", "select 1", users=["api"]) == "[1]"  # type: ignore[arg-type]  # a fake
    assert [words[4:7] for _, words in stack.ran] == [
        ("rootpw", "root", "shop"),
        ("", "root", "shop"),
        ("apppw", "app", "shop"),
        ("w@b", "web", "orders"),
    ]


def test_a_mysql_among_processes_is_asked_at_its_own_port() -> None:
    stack = FakeStack([done("[1]")], runtime="process", variables={}, where=Endpoint(host="127.0.0.1", port=4711))
    ask_mysql(stack, "db", "select 1", database="shop")  # type: ignore[arg-type]  # a fake
    assert stack.ran[0][1][6:] == (
        "shop",
        "select 1",
        "--no-defaults",
        "--protocol=tcp",
        "-h",
        "127.0.0.1",
        "-P",
        "4711",
    )


def test_a_mysql_without_its_client_program_says_so() -> None:
    with pytest.raises(GatherError, match="has no mysql"):
        ask_mysql(FakeStack([done("", 127)]), "db", "select 1")  # type: ignore[arg-type]  # a fake
