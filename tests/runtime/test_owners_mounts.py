"""Folders that services share with the machine, brought to a program and back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from readiness.exceptions import StackError
from readiness.runtime import Completed
from readiness.runtime.carrying import copy_tree
from readiness.runtime.owners_mounts import OwnersMounts, Shared, shared_folders

UPLOADS = Shared(service="api", target="/data", inside="/target/uploads")


class Stack:
    """One folder for everything."""

    def __init__(self, content: Path) -> None:
        self.content = content
        self.written = 0

    def copy_out(self, service: str, path: str, to: Path) -> None:
        if not self.content.exists():
            raise StackError(f"{service} has no {path}")
        copy_tree(self.content, to)

    def copy_in(self, service: str, source: Path, path: str) -> None:
        assert (service, path) == ("api", "/data")
        self.written += 1
        copy_tree(source, self.content)

    def execute(self, service: str, command: Sequence[str], **_: object) -> Completed:
        assert (service, command[:3]) == ("api", ["rm", "-rf", "--"])
        for path in command[3:]:
            found = self.content / path.removeprefix("/data/")
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink(missing_ok=True)
        return Completed(exit_code=0, output="")


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    content = tmp_path / "content"
    (content / "old").mkdir(parents=True)
    (content / "old" / "a").write_text("a")
    (content / "b").write_text("b")
    return Stack(content)


def mounts(stack: Stack, tmp_path: Path, *, shared: Shared = UPLOADS, hidden: Sequence[str] = ()) -> OwnersMounts:
    return OwnersMounts(stack=stack, shared=(shared,), place=tmp_path / "place", hidden=hidden)  # type: ignore[arg-type]


def test_what_is_only_read_is_not_written(stack: Stack, tmp_path: Path) -> None:
    with mounts(stack, tmp_path) as brought:
        (folder,) = brought.bound.values()
        assert list(brought.bound) == ["/target/uploads"]
        assert (folder / "old" / "a").read_text() == "a"
    assert (stack.written, brought.troubles, folder.exists()) == (0, [], False)


def test_what_is_changed_is_brought_back(stack: Stack, tmp_path: Path) -> None:
    with mounts(stack, tmp_path) as brought:
        (folder,) = brought.bound.values()
        shutil.rmtree(folder / "old")
        (folder / "b").write_text("changed")
        (folder / "new").write_text("new")
    assert brought.troubles == []
    assert {path.name: path.read_text() for path in stack.content.iterdir()} == {"b": "changed", "new": "new"}


def test_a_place_that_has_something_else_is_left_alone(stack: Stack, tmp_path: Path) -> None:
    with mounts(stack, tmp_path, hidden=("/target/uploads",)) as brought:
        assert (brought.bound, brought.troubles) == ({}, [])
    with mounts(stack, tmp_path, hidden=("/target/uploads/backups",)) as brought:
        assert list(brought.bound) == ["/target/uploads"]


def test_what_cannot_be_brought_is_told(stack: Stack, tmp_path: Path) -> None:
    shutil.rmtree(stack.content)
    with mounts(stack, tmp_path) as brought:
        assert brought.bound == {}
    assert brought.troubles == ["/target/uploads, which api has at /data: api has no /data"]
    store = Shared(service="db", target="/var/lib/postgresql/data", inside="/target/pg", is_stores_own=True)
    with mounts(stack, tmp_path, shared=store) as brought:
        (folder,) = brought.bound.values()
    assert (brought.troubles, stack.written) == ([], 0)
    with mounts(stack, tmp_path, shared=store) as brought:
        assert list(folder.iterdir()) == []
    assert "in a volume of the copy" in brought.troubles[0]


def test_the_folders_are_those_that_are_volumes_in_the_copy() -> None:
    def bind(source: str, target: str) -> dict[str, str]:
        return {"type": "bind", "source": source, "target": target}

    owners = {
        "api": {"image": "shop", "volumes": [bind("/srv/shop/uploads", "/data"), bind("/srv/shop/conf", "/etc/shop")]},
        "worker": {"volumes": [bind("/srv/shop/uploads", "/data"), bind("/mnt/media", "/media")]},
        "db": {"image": "postgres:16", "volumes": [bind("/srv/shop/pg", "/var/lib/postgresql/data")]},
        "gone": {"volumes": [bind("/srv/shop/x", "/x")]},
    }
    volume = {"type": "volume", "source": "mount-1"}
    copys = {
        "api": {"volumes": [{**volume, "target": "/data"}, bind("/run/1-conf", "/etc/shop")]},
        "worker": {"volumes": [{**volume, "target": "/data"}, {**volume, "target": "/media"}]},
        "db": {"volumes": [{**volume, "target": "/var/lib/postgresql/data"}]},
    }
    assert shared_folders(owners, copys, folder="/srv/shop") == (
        UPLOADS,
        Shared(service="worker", target="/media", inside="/mnt/media"),
        Shared(service="db", target="/var/lib/postgresql/data", inside="/target/pg", is_stores_own=True),
    )
