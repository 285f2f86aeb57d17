"""Bad input and bad targets: one clear error, or a check that names the cause; never a wrong verdict, never a crash.

Whatever happens, nothing is left: every audit of this file gets a temporary folder of its own, which must end up empty.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

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
