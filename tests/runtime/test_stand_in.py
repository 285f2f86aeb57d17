from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness.runtime.ports import PortLease
from readiness.runtime.stand_in import INTERPRETERS, LISTENS, arrivals_in, definition, stand_in_name


def defined(**options: Any) -> dict[str, Any]:
    return definition(
        "db",
        image={"image": "shop:run", "pull_policy": "never"},
        networks={"back": {"aliases": ["old-name"]}, "front": None},
        ports=(5432,),
        labels={"run": "r1"},
        **{"has_start_interval": True, **options},
    )


def test_it_answers_to_the_services_names_on_its_networks() -> None:
    assert defined()["networks"] == {"back": {"aliases": ["old-name", "db"]}, "front": {"aliases": ["db"]}}
    assert stand_in_name("db") == "readiness-stand-in-db"


def test_it_can_do_nothing_but_listen() -> None:
    one = defined()
    assert (one["image"], one["pull_policy"], one["restart"]) == ("shop:run", "never", "no")
    assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
    assert "volumes" not in one
    assert "environment" not in one


def test_compose_substitutes_nothing_in_its_script() -> None:
    text = " ".join(defined()["entrypoint"])
    assert "$" not in text.replace("$$", "")


def test_an_old_engine_is_asked_nothing_new() -> None:
    assert "start_interval" not in defined(has_start_interval=False)["healthcheck"]


def test_what_else_a_log_says_is_no_arrival() -> None:
    log = f"{LISTENS}\naccepted 1800000002.250000\nnot accepted 1\naccepted 1800000001.500000\naccepted x\n"
    assert arrivals_in(log) == (1800000001.5, 1800000002.25)


@pytest.fixture
def port() -> Iterator[int]:
    lease = PortLease()
    yield lease.take()
    lease.close()


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_its_script_notes_who_comes_and_hangs_up(interpreter: str, port: int, tmp_path: Path) -> None:
    # Python by its own file: a version manager's shim needs a shell to be found.
    program = sys.executable if interpreter == "python3" else shutil.which(interpreter)
    if program is None:
        pytest.skip(f"no {interpreter} here")
    # Nothing else to be found, so that this one is taken.
    (tmp_path / interpreter).symlink_to(Path(program).resolve())
    words = [word.replace("$$", "$") for word in defined()["entrypoint"]]
    out = tmp_path / "out"
    with out.open("wb") as stream:
        running = subprocess.Popen([*words[:-1], str(port)], stdout=stream, env={"PATH": str(tmp_path)})
    try:
        for _ in itertools.takewhile(lambda _: LISTENS not in out.read_text(), range(200)):
            time.sleep(0.05)
        before = time.time()
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                assert connection.recv(10) == b""
        for _ in itertools.takewhile(lambda _: len(arrivals_in(out.read_text())) < 2, range(200)):
            time.sleep(0.05)
    finally:
        running.kill()
        running.wait()
    arrived = arrivals_in(out.read_text())
    assert len(arrived) == 2
    assert all(abs(moment - before) < 10 for moment in arrived)
