"""The README's tables and commands are those of the project."""

from __future__ import annotations

import re
from pathlib import Path

from readiness.target_file import load_target
from tests.readme import README, regenerated

TEXT = README.read_text(encoding="utf-8")


def test_the_generated_tables_are_up_to_date() -> None:
    assert regenerated(TEXT) == TEXT, "run: python -m tests.readme"


def test_ci_finds_the_test_command() -> None:
    block = TEXT.split("<!-- tests -->")[1].split("```")[1]
    assert block.startswith("sh\n")
    assert ".venv/bin/pytest" in block


def test_every_option_of_the_readme_exists() -> None:
    plugin = (README.parent / "readiness" / "plugin.py").read_text(encoding="utf-8")
    for option in set(re.findall(r"--readiness-[a-z-]+", TEXT)):
        assert f'"{option}"' in plugin, option


def test_the_example_declaration_is_valid(tmp_path: Path) -> None:
    block = TEXT.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "readiness.yaml").write_text(block)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    target = load_target(tmp_path / "readiness.yaml")
    assert target.declined == {"probes.startup": "starts in a second"}


def test_linked_files_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (README.parent / link).exists(), link
