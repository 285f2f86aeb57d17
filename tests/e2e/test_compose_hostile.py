"""The owner's stack runs while a copy of it is started, used and removed: nothing of the owner's may change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from readiness.runtime import Variant
from readiness.runtime.compose import ComposeRuntime
from readiness.runtime.ports import PortLease
from readiness.runtime.provide import NOWHERE
from readiness.runtime.reaper import LABEL_RUN, sweep
from readiness.target import Compose, Entry, Target
from tests.e2e.conftest import run_audit

pytestmark = pytest.mark.docker

STACKS = Path(__file__).parent / "stacks"
OWNER, NETWORK, VOLUME, IMAGE = (
    "readiness-e2e-owner",
    "readiness-e2e-panel",
    "readiness-e2e-kept",
    "readiness-e2e-owner/shop:local",
)


def _docker(*arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        timeout=300,
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


@dataclass(frozen=True)
class Owned:
    folder: Path
    environment: Mapping[str, str]
    port: int

    def compose(self, *arguments: str) -> str:
        files = ["-f", "compose.yaml", "-f", "owner.yaml"]
        return _docker("compose", *files, *arguments, environment=self.environment, cwd=self.folder)

    def containers(self) -> dict[str, Any]:
        ids = _docker("ps", "-aq", "--no-trunc", "--filter", f"label=com.docker.compose.project={OWNER}").split()
        found = json.loads(_docker("inspect", *ids))
        return {
            c["Id"]: (c["Name"], c["State"]["StartedAt"], c["State"]["Status"], c["RestartCount"], c["Image"],
                      sorted(c["NetworkSettings"]["Networks"]), c["NetworkSettings"]["Ports"])
            for c in found
        }  # fmt: skip

    def tree(self) -> str:
        """Every path with its mode, owner, time of change and content."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.parent.rglob("*")):
            status = path.lstat()
            digest.update(f"{path} {status.st_mode} {status.st_uid} {status.st_mtime_ns}".encode())
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def rows(self) -> str:
        query = ["psql", "-At", "-h", "127.0.0.1", "-U", "shop", "-c", "SELECT id FROM items ORDER BY id"]
        secret = f"PGPASSWORD={self.environment['DB_PASSWORD']}"
        return _docker("exec", "-e", secret, "readiness-e2e-owner-db", *query).strip()

    def kept(self) -> str:
        return self.compose("exec", "-T", "cache", "redis-cli", "GET", "kept").strip()

    def answer(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return int(answer.status)


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Owned]:
    folder = tmp_path / "project" / "hostile"
    shutil.copytree(STACKS / "hostile", folder)
    shutil.copytree(STACKS / "images", tmp_path / "project" / "images")
    (folder / "uploads").mkdir()
    (folder / "uploads" / "photo.bin").write_bytes(bytes(range(256)) * 64)
    (folder / "uploads").chmod(0o711)
    ports = PortLease()
    stack = Owned(
        folder=folder,
        environment={"API_PORT": str(ports.take()), "DB_PASSWORD": "the-owners-own", "SESSION_SECRET": "known"},
        port=0,
    )
    stack = Owned(folder=folder, environment=stack.environment, port=int(stack.environment["API_PORT"]))
    _docker("network", "create", NETWORK)
    _docker("volume", "create", VOLUME)
    try:
        stack.compose("build", "api")
        stack.compose("up", "-d", "--wait", "api", "db", "cache")
        create = "CREATE TABLE items (id int); INSERT INTO items VALUES (1), (2), (3); CHECKPOINT"
        secret = "PGPASSWORD=the-owners-own"
        _docker("exec", "-e", secret, "readiness-e2e-owner-db", "psql", "-h", "127.0.0.1", "-U", "shop", "-c", create)
        stack.compose("exec", "-T", "cache", "redis-cli", "SET", "kept", "for ever")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "0")
        _docker("network", "rm", NETWORK)
        _docker("volume", "rm", VOLUME)
        _docker("image", "rm", IMAGE)
        ports.close()


def test_a_copy_leaves_the_owners_stack_exactly_as_it_was(
    owned: Owned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = uuid.uuid4().hex[:8]
    work = tmp_path / "work"
    work.mkdir()
    for name in owned.environment:
        monkeypatch.delenv(name, raising=False)
    target = Target(
        name="hostile",
        folder=str(owned.folder),
        compose=Compose(files=("compose.yaml",)),
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
    )
    # The database would go on writing its own files; frozen, they must stay the same to the last byte.
    _docker("pause", "readiness-e2e-owner-db")
    before, tree, image = owned.containers(), owned.tree(), _docker("image", "inspect", "-f", "{{.Id}}", IMAGE)

    runtime = ComposeRuntime(target, run_id=run_id, work=work)
    stack = runtime.start(Variant(), progress=lambda what, *, at_most_seconds=None: None)
    try:
        report = stack.report
        assert report.is_up, report
        assert owned.answer() == 200
        assert stack.execute("api", ["ls", "-A", "/srv/uploads", "/srv/absent"]).exit_code == 0
        assert stack.execute("api", ["cat", "/etc/shop/app.ini"]).output == "overwritten\n"
        assert stack.execute("cache", ["redis-cli", "EXISTS", "kept"]).output == "0\n"
        assert stack.execute("api", ["stat", "-c", "%a", "/srv/uploads"]).output == "711\n"
        assert NOWHERE in stack.environment("api")["PRICES_URL"]
        assert stack.environment("api")["SESSION_SECRET"] not in {"", "known"}
        assert stack.endpoint("api", 8000).port != owned.port
        refused = {change.service: change.why for change in report.refused if change.what == "not run"}
        assert refused.keys() == {"agent"}
        assert "socket" in refused["agent"]
        names = _docker("ps", "-a", "--filter", f"label={LABEL_RUN}={run_id}", "--format", "{{.Names}} {{.Ports}}")
        assert all(line.startswith(f"readiness-{run_id}-") for line in names.splitlines())
        assert "0.0.0.0" not in names  # noqa: S104  # where nothing may be published
    finally:
        stack.close()

    assert owned.containers() == before
    assert owned.tree() == tree
    assert _docker("image", "inspect", "-f", "{{.Id}}", IMAGE) == image
    _docker("unpause", "readiness-e2e-owner-db")
    assert owned.rows() == "1\n2\n3"
    assert owned.kept() == "for ever"
    assert owned.answer() == 200
    assert sweep(run_id) == ()
    assert list(work.glob("readiness-*")) == []


def test_a_whole_audit_by_discovery_alone_leaves_it_as_it_was(owned: Owned, tmp_path: Path) -> None:
    (owned.folder / "owner.yaml").rename(tmp_path / "owner.yaml")
    _docker("pause", "readiness-e2e-owner-db")
    before, tree = owned.containers(), owned.tree()
    environment = dict.fromkeys(owned.environment, "")
    report = tmp_path / "audit"
    report.mkdir()
    audited = run_audit(
        report,
        "--readiness-profile=personal",
        f"--readiness-target={owned.folder}",
        "--readiness-runtime=compose",
        "-k",
        "stack or nosniff or ready_503_db or live_no_deps",
        environment=environment,
    )
    assert audited.outcomes["start.stack"] in {"pass", "inconclusive"}, audited.explain()
    assert "our bug" not in audited.explain()
    assert audited.card["target"]["changes"]
    assert owned.answer() == 200
    assert owned.containers() == before
    assert owned.tree() == tree
    (tmp_path / "owner.yaml").rename(owned.folder / "owner.yaml")
    _docker("unpause", "readiness-e2e-owner-db")
    assert owned.rows() == "1\n2\n3"
