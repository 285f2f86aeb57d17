"""Bad input and bad targets: one clear error, or a check that names the cause; never a wrong verdict, never a crash.

Whatever happens, nothing is left: every audit of this file gets a temporary folder of its own, which must end up empty.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import Audited, run_audit

PRODUCTION = "--readiness-profile=production"


def audit(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Audited:
    """Run an audit whose temporary files are its own, and see that it leaves none."""
    place = folder.parent / f"{folder.name}.tmp"
    place.mkdir(mode=0o711)
    ended = run_audit(folder, *arguments, environment={"TMPDIR": str(place), **(environment or {})})
    assert sorted(path.name for path in place.iterdir()) == [], ended.explain()
    return ended


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The owner's folder."""
    place = tmp_path / "owner"
    place.mkdir()
    return place


def refused(ended: Audited, *says: str) -> None:
    """It ended before anything was started, with one error that says all of this, and nothing else."""
    assert ended.code == 4, ended.explain()
    errors = [line for line in ended.output.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1, ended.output
    for text in says:
        assert re.search(text, errors[0]), ended.output
    assert "Traceback" not in ended.output
    assert len(ended.output) < 2000
    assert not ended.report.exists()


#: A declaration that would work; the cases add what does not.
SOUND = "name: tiny\nprocesses:\n  web: {command: [python3, -m, http.server, '{port}'], port: 8000}\nservice: web\n"
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
COMPOSE = "services:\n  web: {image: debian:bookworm-slim}\n"

DECLARATIONS = {
    "malformed": ("name: [tiny\nservice: web\n", [r"readiness\.yaml:\d", "not YAML"]),
    "a tab": ("processes:\n\tweb: {}\n", [r"readiness\.yaml:2", "tab"]),
    "not text": ("\x00\x01\x02", [r"readiness\.yaml"]),
    "empty": ("", [r"readiness\.yaml", "empty|mapping"]),
    "a list": ("- a\n- b\n", [r"readiness\.yaml:1", "mapping"]),
    "unknown key": (f"{SOUND}prossesses: {{}}\n", [r"readiness\.yaml:5", "prossesses", "did you mean .?processes"]),
    "unknown probe": (f"{SOUND}probes: {{redy: /r}}\n", [r"readiness\.yaml:5", "redy", "did you mean .?ready"]),
    "wrong type": (SOUND.replace("port: 8000", "port: http"), [r"readiness\.yaml:3", "port", "number|integer"]),
    "wrong range": (SOUND.replace("port: 8000", "port: 99999"), [r"readiness\.yaml:3", "port", "65535"]),
    "billion laughs": (LAUGHS, [r"readiness\.yaml:\d", "aliases"]),
    "python tag": ("name: !!python/object/apply:os.system [touch OWNED]\n", [r"readiness\.yaml:1", "tag"]),
    "huge": ("name: tiny\nnote: " + "x" * 300_000 + "\n", [r"readiness\.yaml", "KiB"]),
    "deep": ("name: " + "[" * 5000 + "]" * 5000 + "\n", [r"readiness\.yaml:1", "deep"]),
    "twice": ("name: a\nname: b\n", [r"readiness\.yaml:2", "twice"]),
    "unknown service": (
        SOUND.replace("service: web", "service: wep"),
        [r"readiness\.yaml:4", "wep", "did you mean .?web"],
    ),
    "missing compose file": ("compose: {files: [nowhere.yaml]}\n", [r"readiness\.yaml:1", r"nowhere\.yaml"]),
    "unknown placeholder": (SOUND.replace("{port}", "{prot}"), [r"readiness\.yaml", "prot"]),
    "waiver of no check": (
        f"{SOUND}waivers:\n  - {{check: headers.nosnif, reason: accepted-risk, owner: me, expires: 2099-01-01}}\n",
        [r"readiness\.yaml:6", "nosnif", "did you mean .?headers.nosniff"],
    ),
    "waiver without a date": (
        f"{SOUND}waivers:\n  - {{check: headers.nosniff, reason: accepted-risk, owner: me, expires: soon}}\n",
        [r"readiness\.yaml:6", "expires", "date"],
    ),
    "waiver for a reason of its own": (
        f"{SOUND}waivers:\n  - {{check: headers.nosniff, reason: lazy, owner: me, expires: 2099-01-01}}\n",
        [r"readiness\.yaml:6", "lazy|reason", "accepted-risk"],
    ),
}


@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_bad_declaration_is_one_error(folder: Path, case: str) -> None:
    text, says = DECLARATIONS[case]
    write(folder, {"readiness.yaml": text})
    refused(audit(folder, PRODUCTION, "--readiness-runtime=process"), *says)
    assert [path.name for path in folder.iterdir()] == ["readiness.yaml"]


PROFILES = {
    "unknown key": ("extends: production\nexlude: {}\n", [r"own\.yaml:2", "exlude", "did you mean .?exclude"]),
    "unknown check": (
        "extends: production\nlimits: {probe.fats: {p95_ms: 1}}\n",
        [r"own\.yaml:2", "probe.fats", "did you mean .?probe.fast"],
    ),
    "unknown limit": ("extends: production\nlimits: {probe.fast: {p59_ms: 1}}\n", [r"own\.yaml:2", "p59_ms"]),
    "limit of another type": (
        "extends: production\nlimits: {headers.hsts_production: {max_age_seconds: long}}\n",
        [r"own\.yaml:2", "number"],
    ),
    "circle": ("extends: ./own.yaml\n", [r"own\.yaml:1", "circle"]),
    "extends nothing": ("extends: produktion\n", [r"own\.yaml:1", "produktion", "did you mean .?production"]),
    "malformed": ("extends: {\n", [r"own\.yaml:\d", "not YAML"]),
    "unknown severity": ("severities: {probe.fast: awful}\n", [r"own\.yaml:1", "awful", "critical"]),
}


@pytest.mark.parametrize("case", PROFILES)
def test_a_bad_profile_is_one_error(folder: Path, case: str) -> None:
    text, says = PROFILES[case]
    write(folder, {"readiness.yaml": SOUND, "own.yaml": text})
    refused(audit(folder, "--readiness-profile=./own.yaml", "--readiness-runtime=process"), *says)


def test_a_profile_that_is_not_there_is_one_error(folder: Path) -> None:
    write(folder, {"readiness.yaml": SOUND})
    refused(
        audit(folder, "--readiness-profile=./own.yaml"),
        r"own\.yaml",
        "no such file|cannot be read|not there|there is no",
    )


def test_a_folder_without_anything_to_audit_is_one_error(folder: Path) -> None:
    refused(audit(folder, PRODUCTION), "nothing to audit", r"readiness\.yaml", r"compose\.yaml", "--readiness-demo")


@pytest.mark.parametrize("runtime", ["auto", "compose"])
def test_without_an_engine_a_compose_file_alone_is_one_error(folder: Path, runtime: str) -> None:
    write(folder, {"compose.yaml": COMPOSE})
    ended = audit(
        folder, PRODUCTION, f"--readiness-runtime={runtime}", environment={"DOCKER_HOST": "unix:///nonexistent.sock"}
    )
    refused(
        ended,
        "no way to run",
        "no engine answers at unix:///nonexistent.sock|no compose plugin|not installed",
        "processes:",
    )


def test_without_the_docker_command_a_compose_file_alone_is_one_error(folder: Path) -> None:
    write(folder, {"compose.yaml": COMPOSE})
    refused(
        audit(folder, PRODUCTION, environment={"PATH": str(folder)}),
        "the docker command is not installed",
        "processes:",
    )


def test_an_engine_on_another_machine_is_one_error(folder: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker command")
    write(folder, {"compose.yaml": COMPOSE})
    refused(audit(folder, PRODUCTION, environment={"DOCKER_HOST": "tcp://192.0.2.1:2375"}), "not on this machine")


COMPOSE_FILES = {
    "malformed": ("services: [\n", [r"compose\.yaml"]),
    "services is a list": ("services: []\n", [r"compose\.yaml", "services"]),
    "no services": ("name: tiny\n", [r"compose\.yaml", "no service is declared"]),
    "empty": ("", [r"compose\.yaml|service"]),
    "neither image nor build": ("services:\n  web: {ports: ['80:80']}\n", ["web", "image"]),
    "unknown key": ("services:\n  web: {image: x, prots: []}\n", ["prots"]),
    "services behind a profile": (
        "services:\n  web: {image: x, profiles: [full]}\n",
        [r"compose\.yaml", "no service is declared", r"compose\.profiles"],
    ),
    "circle": (
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n",
        ["cycle|circle|each other"],
    ),
    "binary": ("\x00\x01", [r"compose\.yaml"]),
}


@pytest.mark.docker
@pytest.mark.parametrize("case", COMPOSE_FILES)
def test_a_bad_compose_file_is_one_error(folder: Path, case: str) -> None:
    text, says = COMPOSE_FILES[case]
    write(folder, {"compose.yaml": text})
    refused(audit(folder, PRODUCTION), *says)


#: What answers badly, and lies beside this file.
SERVE = Path(__file__).parent / "stacks" / "ways" / "serve.py"
SERVED = """\
name: tiny
processes:
  web: {{command: ["{{python}}", {serve}, "{{port}}", {way}], port: 8000}}
service: web
entry: [{{name: direct, service: web, port: 8000}}]
paths: {{ok: /}}
probes:
  live: {{path: /live, timeout_seconds: 2}}
  ready: {{path: /ready, timeout_seconds: 2, status: ok}}
"""


def answering(folder: Path, way: str, more: str = "") -> None:
    """Make the folder one of a service that answers in this way."""
    write(folder, {"readiness.yaml": SERVED.format(serve=SERVE, way=way) + more})


def told(ended: Audited) -> None:
    """The audit came to its end: nothing crashed, and nothing of the target reached the terminal raw."""
    assert ended.code in {0, 1}, ended.explain()
    assert "our bug" not in json.dumps(ended.card), ended.explain()
    assert "\x1b" not in ended.output
    assert "\x00" not in ended.output


#: Way -> what the header check and the probe check must come to.
BY_HEADERS = {
    "binary garbage": "inconclusive",
    "a closed connection": "inconclusive",
    "an invalid status line": "inconclusive",
    "headers without end": "inconclusive",
    "two lengths": "inconclusive",
    "10 MB in a header": "inconclusive",
    "control characters": "inconclusive",
    "500 to everything": "inconclusive",
    "401 to everything": "inconclusive",
    "a body without end": "fail",
    "a redirect elsewhere": "fail",
    "a redirect to itself": "fail",
}


@pytest.mark.slow
@pytest.mark.parametrize("way", BY_HEADERS)
def test_an_answer_that_is_none_is_no_verdict(folder: Path, way: str) -> None:
    answering(folder, way)
    ended = audit(folder, PRODUCTION, "-k", "nosniff or check_stack", "--readiness-format=json")
    told(ended)
    assert ended.outcomes["headers.nosniff"] == BY_HEADERS[way], ended.explain()
    assert ended.outcomes["start.stack"] == "pass"


#: Way -> whether the declared body (``status: ok``) and a plain yes are there.
BY_BODY = {
    "a gzip bomb": ("fail", "pass"),
    "text in no encoding": ("fail", "pass"),
    "half a surrogate": ("fail", "pass"),
    "JSON nested deeply": ("fail", "pass"),
    "numbers beyond all": ("fail", "pass"),
    "HTML called JSON": ("fail", "pass"),
    "a body cut short": ("inconclusive", "fail"),
    "chunks of garbage": ("inconclusive", "fail"),
    "200 to everything": ("pass", "pass"),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", BY_BODY)
def test_a_body_that_says_nothing_is_not_the_declared_one(folder: Path, way: str) -> None:
    answering(folder, way)
    ended = audit(
        folder, PRODUCTION, "-k", "status_ok_body or health_ok or check_ready.py", "--readiness-format=html,json,md"
    )
    told(ended)
    found = (ended.outcomes["probe.status_ok_body"], ended.outcomes["probe.health_ok"])
    assert found == BY_BODY[way], ended.explain()


STARTS = {
    "ends at once": ("python3 -c \"raise SystemExit('no such table: users')\"", "no such table: users"),
    "never listens": ("sleep 3600", "port 8000"),
    "does not exist": ("./no-such-program", "no-such-program"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", STARTS)
def test_a_service_that_does_not_start_is_the_one_failure(folder: Path, case: str) -> None:
    command, cause = STARTS[case]
    served = f"name: tiny\nprocesses:\n  web: {{command: {json.dumps(command)}, port: 8000, env: {{PORT: '{{port}}'}}}}\ndeadlines: {{web: 2}}\n"
    write(folder, {"readiness.yaml": f"{served}service: web\n"})
    ended = audit(folder, PRODUCTION, "-k", "check_stack or nosniff", "--readiness-format=json")
    told(ended)
    assert ended.code == 1
    assert ended.outcomes["start.stack"] == "fail"
    assert cause in ended.explain()
    assert ended.outcomes["headers.nosniff"] == "inconclusive"


def test_an_expired_waiver_waives_nothing_and_says_so(folder: Path) -> None:
    waiver = "{check: headers.nosniff, reason: accepted-risk, owner: me, expires: 2020-01-31}"
    answering(folder, "200 to everything", f"waivers: [{waiver}]\n")
    ended = audit(folder, PRODUCTION, "-k", "nosniff", "--readiness-format=json")
    told(ended)
    assert ended.outcomes["headers.nosniff"] == "fail"
    assert "expired on 2020-01-31" in ended.explain()


def test_a_report_folder_that_cannot_be_written_to_is_one_error(folder: Path) -> None:
    answering(folder, "200 to everything")
    write(folder, {"a-file": ""})
    refused(
        audit(folder, PRODUCTION, f"--readiness-report={folder}/a-file/below"), "--readiness-report", "is not a folder"
    )


def test_the_owners_folder_is_only_read(folder: Path, tmp_path: Path) -> None:
    answering(folder, "200 to everything")
    folder.chmod(0o555)
    ended = audit(folder, PRODUCTION, "-k", "nosniff", f"--readiness-report={tmp_path}/elsewhere")
    told(ended)
    assert [path.name for path in folder.iterdir()] == ["readiness.yaml"]
    assert (tmp_path / "elsewhere" / "scorecard.json").exists()


@dataclass(frozen=True, kw_only=True)
class Disturbed:
    """How an audit ended to which something was done."""

    code: int
    output: str
    card: dict[str, Any]
    left: list[str]


def disturb(folder: Path, act: Callable[[psutil.Process], object], *arguments: str, at: str) -> Disturbed:
    """Begin an audit, do something to its process when its progress says ``at``, and wait for its end."""
    place = folder.parent / f"{folder.name}.tmp"
    place.mkdir(mode=0o711)
    command = [
        sys.executable,
        "-u",
        "-m",
        "pytest",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        PRODUCTION,
        *arguments,
    ]
    seen: list[str] = []
    is_done = False
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Ctrl-C comes from a terminal; tests that run in a shell's background would hand down that it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no thread here
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(line)
            if at in line and not is_done:
                act(psutil.Process(process.pid))
                is_done = True
        process.wait(60)
    card = json.loads((folder / "reports" / "scorecard.json").read_text())
    # pytest's own folder of a worker is not the audit's.
    left = [path.name for path in place.iterdir() if not path.name.startswith("pytest-of-")]
    left += [
        f"process {running.pid}"
        for running in psutil.process_iter(["environ"])
        if str(place) in ((running.info["environ"] or {}).get("TMPDIR") or "")
    ]
    return Disturbed(code=process.returncode, output="".join(seen), card=card, left=left)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_audit_says_so_passes_nothing_and_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    answering(folder, "200 to everything")
    ended = disturb(folder, lambda process: process.send_signal(number), at="gathering responses")
    assert ended.code == 2, ended.output
    assert "the run was interrupted" in ended.card["run"]["partial"]
    assert not ended.card["gate"]["passed"]
    assert ended.left == []


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told_and_leaves_nothing(folder: Path) -> None:
    answering(folder, "200 to everything")

    def kill_one(controller: psutil.Process) -> None:
        workers = [child for child in controller.children() if "sys.stdin.readline" in " ".join(child.cmdline())]
        workers[0].kill()

    ended = disturb(folder, kill_one, "-n", "2", "-k", "nosniff or csp or health_ok or live", at="starting the stack")
    assert ended.code == 1, ended.output
    assert "crashed while running" in ended.output
    assert "a worker died" in ended.card["gate"]["reasons"][0]
    assert "did not run" in ended.card["run"]["partial"]
    assert ended.left == []


@pytest.mark.slow
def test_two_audits_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    ways = ["200 to everything", "401 to everything"]
    for place, way in zip(folders, ways, strict=True):
        place.mkdir()
        answering(place, way)
    with ThreadPoolExecutor() as pool:
        ended = list(
            pool.map(lambda place: audit(place, PRODUCTION, "-k", "nosniff", "--readiness-format=json"), folders)
        )
    for one in ended:
        told(one)
    assert [one.outcomes["headers.nosniff"] for one in ended] == ["fail", "inconclusive"]


@pytest.mark.docker
def test_an_image_that_nobody_has_is_the_reason_not_a_mystery(folder: Path) -> None:
    write(folder, {"compose.yaml": "services:\n  web: {image: readiness-nobody-has-this:1, pull_policy: never}\n"})
    ended = audit(folder, PRODUCTION, "-k", "check_stack", "--readiness-format=json")
    told(ended)
    assert ended.code == 1
    assert ended.outcomes["start.stack"] == "fail"
    assert "image cannot be obtained" in ended.explain()
