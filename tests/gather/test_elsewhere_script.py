"""The request from another container, with each of the programs that images of the field have."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from readiness.gather._elsewhere import SCRIPT


@pytest.fixture
def url() -> Iterator[str]:
    """Of a server that answers 429 to exactly what shall be asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_meant = self.path == "/items?page=1" and self.headers["Host"] == "shop:8000"
            self.send_response(429 if is_meant else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not to the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/items?page=1"
        server.shutdown()


@pytest.mark.parametrize("program", ["curl", "python3", "node", "bash"])
def test_one_of_the_usual_programs_is_enough(program: str, url: str, tmp_path: Path) -> None:
    found = sys.executable if program == "python3" else shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} on this machine")
    wrapper = tmp_path / program
    wrapper.write_text(f'#!/bin/sh\nexec {found} "$@"\n')
    wrapper.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "sh", url, "shop:8000"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "429"), done.stderr


def test_without_any_program_it_says_so_as_a_shell_does(url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "sh", url, "shop:8000"], env={"PATH": str(tmp_path)}, timeout=30, check=False
    )
    assert done.returncode == 127
