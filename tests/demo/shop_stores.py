"""The demo's stores from wheels, with its backup service beside them, as its process runtime starts them."""

from __future__ import annotations

import contextlib
import http.server
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from readiness.demo import launch

__all__ = ["SECRETS", "Listener", "Shop", "started"]

SECRETS = {"DATABASE_PASSWORD": 'demo:data\\base"password', "REDIS_PASSWORD": "demo-redis-password"}
START_SECONDS = 60.0


class Listener:
    """An HTTP server that answers everything and keeps what it was sent: stands for API, bucket and webhook."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.received.append((self.command, self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST = _answer  # noqa: N815  # the server's own names

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(kw_only=True)
class Shop:
    """The stores, their data, and the scripts as the process runtime runs them."""

    folder: Path
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def backups(self) -> Path:
        return Path(self.environment["BACKUP_DIR"])

    @property
    def uploads(self) -> Path:
        return Path(self.environment["UPLOADS_DIR"])

    @property
    def sets(self) -> list[str]:
        return sorted(path.name for path in self.backups.iterdir() if path.is_dir() and not path.name.startswith("."))

    def run(self, *command: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """One command beside the service ``backup``."""
        return subprocess.run(
            command,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=120,
            cwd=self.folder,
        )

    def backup(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("shop-backup", **variables)

    def good(self, **variables: str) -> str:
        """The name of a set that was just written."""
        done = self.backup(**variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.sets[-1]

    def restore(self, *words: str, stdin: str = "yes", **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("shop-restore", *words, stdin=stdin, **variables)

    def sql(self, text: str, *, database: str = "shop") -> str:
        words = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.environment["DATABASE_PORT"]]
        done = self.run(
            *words, "-U", "shop", "-d", database, "-c", text, PGPASSWORD=self.environment["DATABASE_PASSWORD"]
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def redis(self, *words: str) -> str:
        port = self.environment["REDIS_PORT"]
        done = self.run("redis-cli", "-p", port, *words, REDISCLI_AUTH=self.environment["REDIS_PASSWORD"])
        return done.stdout.strip()

    def launch(self, service: str, port: str, **variables: str) -> None:
        state = self.folder / service / "state"
        state.mkdir(parents=True, exist_ok=True)
        if service != "backup":  # the stores may be another user
            variables["TMPDIR"] = str(state)
        with (self.folder / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                [sys.executable, "-P", launch.__file__, service, str(state), port],
                env={**self.environment, **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(encoding="utf-8", errors="replace")

    def stop(self, service: str) -> int:
        process = self.processes.pop(service)
        process.terminate()
        return process.wait(30)


@contextlib.contextmanager
def started(api: Listener) -> Iterator[Shop]:
    """Both stores and the backup service, until the end of the block."""
    # Not below pytest's own folder, which every other run of it closes: run by root, the stores become nobody.
    with tempfile.TemporaryDirectory(prefix="shop-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with _started(folder, api) as shop:
            yield shop


@contextlib.contextmanager
def _started(folder: Path, api: Listener) -> Iterator[Shop]:
    (folder / "tmp").mkdir()
    ports = _free_ports(2)
    backup = folder / "backup" / "state"
    shop = Shop(
        folder=folder,
        environment={
            "PATH": f"{backup / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": ports[0],
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": ports[1],
            "API_URL": api.url,
            "BACKUP_DIR": str(backup / "backups"),
            "UPLOADS_DIR": str(folder / "api" / "state" / "data"),
            "HEALTH_SECONDS": "2",
            "STORE_SECONDS": "30",
            **SECRETS,
        },
    )
    try:
        shop.launch(
            "db", ports[0], POSTGRES_USER="shop", POSTGRES_DB="shop", POSTGRES_PASSWORD=SECRETS["DATABASE_PASSWORD"]
        )
        shop.launch("cache", ports[1])
        shop.launch("backup", "none")
        _wait(lambda: "backups at" in shop.log("backup"), shop)
        _wait(lambda: shop.redis("PING") == "PONG", shop)
        _wait(lambda: shop.run("psql", "-XAtq", "-h", "127.0.0.1", "-p", ports[0], "-U", "shop", "-c", "SELECT 1",
                               PGPASSWORD=SECRETS["DATABASE_PASSWORD"]).returncode == 0, shop)  # fmt: skip
        yield shop
    finally:
        for process in shop.processes.values():
            process.terminate()
        for process in shop.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _wait(is_there: object, shop: Shop) -> None:
    deadline = time.monotonic() + START_SECONDS
    assert callable(is_there)
    while not is_there():
        assert time.monotonic() < deadline, [shop.log(name) for name in shop.processes]
        time.sleep(0.1)


def _free_ports(count: int) -> Sequence[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


def token() -> str:
    """A word that occurs nowhere else."""
    return secrets.token_hex(8)
