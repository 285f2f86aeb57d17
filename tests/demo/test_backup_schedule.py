"""The demo's own scheduler: five fields, read as crontab(5) has them, and a loop that ends when it is told to."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "readiness" / "demo" / "backup" / "schedule.sh"
#: Its functions without its main part.
ASK = """
source <(sed -n '/^matches()/,/^}/p; /^is_due()/,/^}/p' "$1")
IFS=' ' read -ra fields <<<"$2"
shift 2
while [ $# -gt 0 ]; do
  if is_due $1; then echo yes; else echo no; fi
  shift
done
"""


def due(cron: str, *moments: str) -> list[bool]:
    """Whether it is due at each moment of ISO 8601."""
    fields = []
    for moment in moments:
        at = dt.datetime.fromisoformat(moment)
        fields.append(f"{at.minute} {at.hour} {at.day} {at.month} {at.isoweekday() % 7}")
    command = ["bash", "-euo", "pipefail", "-c", ASK, "bash", str(SCRIPT), cron, *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line == "yes" for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("cron", "at", "not_at"),
    [
        ("0 2 * * *", "2026-11-27T02:00", "2026-11-27T02:01"),
        ("0 2 * * *", "2026-11-28T02:00", "2026-11-27T14:00"),
        ("* * * * *", "2026-11-27T23:59", ""),
        ("*/15 * * * *", "2026-11-27T09:45", "2026-11-27T09:46"),
        ("10-30/10 8-9 * * *", "2026-11-27T09:20", "2026-11-27T09:40"),
        ("5,35 * * * *", "2026-11-27T09:35", "2026-11-27T09:06"),
        ("08 09 * * *", "2026-11-27T09:08", "2026-11-27T09:00"),
        ("0 2 * * 0", "2026-11-29T02:00", "2026-11-28T02:00"),
        ("0 2 * * 7", "2026-11-29T02:00", "2026-11-28T02:00"),
        ("0 2 * * 5-7", "2026-11-29T02:00", "2026-12-03T02:00"),
        ("0 2 1 * *", "2026-12-01T02:00", "2026-12-02T02:00"),
        ("0 2 * 6 *", "2026-06-03T02:00", "2026-07-03T02:00"),
        ("0 2 13 * 5", "2026-11-27T02:00", "2026-11-28T02:00"),  # either day will do
        ("0 2 13 * 5", "2026-12-13T02:00", "2026-12-14T02:00"),
        ("0 2 */2 * 5", "2027-01-01T02:00", "2027-01-08T02:00"),  # with a star, both days have to be right
    ],
)
def test_fields_are_read_as_crontab_has_them(cron: str, at: str, not_at: str) -> None:
    assert due(cron, at) == [True]
    if not_at:
        assert due(cron, not_at) == [False]


def test_a_leap_day_that_never_comes_is_never_due() -> None:
    assert due("0 2 31 2 *", "2028-02-29T02:00", "2026-03-31T02:00") == [False, False]


@pytest.mark.parametrize(
    "cron", ["", "0 2 * *", "0 2 * * * *", "@daily", "0 two * * *", "*/0 * * * *", "0 2 * * sun", "0-"]
)
def test_what_is_no_schedule_is_refused_at_once(cron: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "BACKUP_CRON": cron or " ", "TMPDIR": str(tmp_path)}
    done = subprocess.run([str(SCRIPT)], env=environment, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "BACKUP_CRON" in done.stderr


def _scheduler(tmp_path: Path, script: str) -> subprocess.Popen[str]:
    """The scheduler with a clock that jumps a minute at every look, and a backup that is a few words."""
    (tmp_path / "schedule.sh").write_text(SCRIPT.read_text(encoding="utf-8").replace("sleep 5", "sleep 0.2"))
    (tmp_path / "backup.sh").write_text(f"#!/bin/bash\n{script}\n")
    (tmp_path / "date").write_text(
        '#!/bin/bash\ncase $* in -u*) exec /bin/date "$@";; esac\n'
        f"minutes=$(cat {tmp_path}/minutes 2>/dev/null || echo 0); echo $((minutes + 1)) >{tmp_path}/minutes\n"
        'exec /bin/date --date="2026-11-27 01:58 UTC + $minutes minutes" "$@"\n'
    )
    for name in ("schedule.sh", "backup.sh", "date"):
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "TZ": "UTC"}
    return subprocess.Popen([str(tmp_path / "schedule.sh")], env=environment, stdout=subprocess.PIPE, text=True)


def _until(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_backup_runs_at_its_minute_and_once(tmp_path: Path) -> None:
    process = _scheduler(tmp_path, f"echo run >>{tmp_path}/runs")
    _until(tmp_path / "runs")
    time.sleep(1)
    process.terminate()
    said, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert (tmp_path / "runs").read_text() == "run\n"
    assert "backups at 0 2 * * *" in said
    assert (tmp_path / "schedule.alive").exists()


def test_a_backup_that_runs_is_stopped_with_the_schedule(tmp_path: Path) -> None:
    process = _scheduler(tmp_path, f"trap 'echo stopped >{tmp_path}/end; exit 1' TERM; touch {tmp_path}/runs; sleep 60")
    _until(tmp_path / "runs")
    began = time.monotonic()
    process.terminate()
    process.communicate(timeout=10)
    assert (process.returncode, (tmp_path / "end").read_text()) == (0, "stopped\n")
    assert time.monotonic() - began < 5


def test_the_schedule_outlives_the_loss_of_a_child(tmp_path: Path) -> None:
    process = _scheduler(tmp_path, f"touch {tmp_path}/runs; kill -9 $$")
    _until(tmp_path / "runs")
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0
