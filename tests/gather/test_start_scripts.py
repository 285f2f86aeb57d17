from __future__ import annotations

from pathlib import Path

import pytest

from readiness.facts.model import ServiceModel, StackModel
from readiness.gather.start_scripts import MAX_BYTES, found_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text('FROM x\nENTRYPOINT ["/usr/bin/start.sh"]\nCMD sleep 2 && serve\n')
    (tmp_path / "app" / "start.sh").write_text("#!/bin/sh\nsleep 5\nexec app\n")
    (tmp_path / "app" / "other.sh").write_text("sleep 5\n")
    (tmp_path / "up.sh").write_text("sleep 1\ndocker compose up -d\nsleep 30\n")
    return tmp_path


def found(folder: Path, *services: ServiceModel) -> dict[str, list[str]]:
    scripts = found_in(folder, StackModel(services={s.name: s for s in services})).scripts
    return {script.path: [sleep.text for sleep in script.sleeps] for script in scripts}


def test_what_images_run_and_what_brings_the_stack_up_is_read(folder: Path) -> None:
    assert found(folder) == {
        "app/Dockerfile": ["sleep 2"],
        "app/start.sh": ["sleep 5"],
        "up.sh": ["sleep 30"],
    }


def test_shell_commands_of_the_model_are_read(folder: Path) -> None:
    worker = ServiceModel(name="worker", command=("bash", "-ec", "sleep 3; exec work"))
    plain = ServiceModel(name="plain", command=("sleep", "60"))
    assert found(folder, worker, plain)["command of worker"] == ["sleep 3"]
    assert "command of plain" not in found(folder, worker, plain)


def test_a_script_outside_is_found_by_its_build_context(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("context")
    (elsewhere / "Dockerfile").write_text('ENTRYPOINT ["run"]\n')
    (elsewhere / "run").write_text("#!/usr/bin/env bash\nsleep 7\n")
    names = found(folder, ServiceModel(name="db", build_context=str(elsewhere)))
    assert [sleeps for path, sleeps in names.items() if path.endswith("/run")] == [["sleep 7"]]


def test_programs_and_what_belongs_to_others_is_not_read(folder: Path) -> None:
    (folder / "app" / "node_modules").mkdir()
    (folder / "app" / "node_modules" / "start.sh").write_text("sleep 5\n")
    (folder / "app" / "start.sh").write_bytes(b"\x7fELF\0sleep 5")
    assert set(found(folder)) == {"app/Dockerfile", "up.sh"}
    assert found_in(folder, StackModel(services={})).unread == ("app/start.sh",)


def test_a_dockerfile_that_makes_no_sense_is_survived(folder: Path) -> None:
    (folder / "app" / "Dockerfile").write_text('CMD ["sh", \nENTRYPOINT "un\'closed\nCMD {}\n')
    assert "up.sh" in found(folder)


def test_a_huge_script_is_read_up_to_its_bound(folder: Path) -> None:
    (folder / "up.sh").write_text("docker compose up\n" + "#\n" * MAX_BYTES + "sleep 9\n")
    assert found(folder)["up.sh"] == []


def test_an_empty_folder_has_no_scripts(tmp_path: Path) -> None:
    assert found(tmp_path) == {}
