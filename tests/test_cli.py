from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from readiness import cli
from readiness.catalogue import load_checks, load_impacts, shipped_checks
from readiness.check import CheckMeta, Impact
from readiness.exceptions import ConfigError
from readiness.render import render
from tests.render.cards import sample_card

CHECK = """
from readiness import Category, Severity, Verdict, check

@check(id="{id}", title="t", category=Category.HEADERS, severity=Severity.LOW, why="w", source="s", remediation="r")
def check_one(responses) -> Verdict:
    return Verdict()
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "kept.json"
    path.write_text(render("json", sample_card()), encoding="utf-8")
    return path


def test_render_writes_beside_the_card(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(card), "--format", "md,badge"]) == 0
    assert (card.parent / "scorecard.md").read_text(encoding="utf-8") == render("md", sample_card())
    assert capsys.readouterr().out.splitlines() == [
        str(card.parent / "scorecard.md"),
        str(card.parent / "scorecard.svg"),
    ]


def test_render_prints_where_asked(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(card), "--format", "terminal", "--output", "-"]) == 0
    assert capsys.readouterr().out == render("terminal", sample_card())
    assert list(card.parent.iterdir()) == [card]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "not a scorecard of schema version"),
        ('{"schema_version": 999}', "its schema_version is 999"),
        ('{"schema_version": 2, "surprise": 2}', "unknown fields"),
    ],
)
def test_what_is_no_scorecard_is_one_clear_line(
    content: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.json"
    path.write_text(content)
    assert cli.main(["render", str(path)]) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert str(path) in error


def test_a_missing_card_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(tmp_path / "none.json")]) == 4
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_an_unwritable_folder_is_one_clear_line(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(card), "--output", str(card / "below")]) == 4
    assert "cannot be written" in capsys.readouterr().err


def test_an_unknown_format_is_one_clear_line(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(card), "--format", "pdf"]) == 4
    assert capsys.readouterr().err.startswith("readiness: unknown format 'pdf' (one of")


@pytest.mark.parametrize("name", cli.SCHEMAS)
def test_schema_prints_the_shipped_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_list_prints_every_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--format=json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in data["checks"]] == [meta.id for meta in load_checks()]
    fields = {"id", "title", "covers", "category", "severity", "impact", "facts", "seeds", "defects", "limits"}
    assert all(fields <= set(row) for row in data["checks"])
    assert {"name", "title", "detected_by"} == set(data["defects"][0])


def test_list_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "severity", "impact", "title"]
    assert any(line.startswith("headers.csp ") for line in lines)


def test_explain_says_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "headers.csp"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("headers.csp: ")
    for label in ("Why:", "What to do:", "Source:", "Severity:", "Impact:", "Proven by:"):
        assert label in shown


def test_explain_suggests_the_nearest_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "headers.scp"]) == 4
    assert "did you mean headers.csp?" in capsys.readouterr().err


def test_replay_builds_a_pytest_run_and_returns_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def call(command: list[str]) -> int:
        calls.append(command)
        return 1

    monkeypatch.setattr(subprocess, "call", call)
    assert cli.main(["replay", str(tmp_path), "--profile", "personal", "-k", "headers"]) == 1
    assert calls[0][1:] == [
        *("-m", "pytest", "--readiness-profile=personal", f"--readiness-replay={tmp_path}", "-k", "headers")
    ]


def test_replay_of_nothing_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", str(tmp_path / "none"), "--profile", "personal"]) == 4
    assert "there is no such recording" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["list", "--nonsense"], ["schema", "nonsense"], ["replay", "x"]]
)
def test_usage_errors_end_with_4_and_not_with_pytests_interrupted(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 4
    assert "usage: readiness" in capsys.readouterr().err


def test_help_and_version_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("readiness ")


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "readiness", "explain", "none.such"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 4
    assert done.stderr.startswith("readiness: there is no check 'none.such'")


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -m readiness list --format=json | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)  # noqa: S602  # a pipe is the point
    assert done.stderr == ""


class TestCatalogue:
    def test_finds_the_shipped_checks(self) -> None:
        assert (shipped_checks() / "headers" / "check_csp.py").is_file()
        assert all(isinstance(meta, CheckMeta) for meta in load_checks())

    def test_every_fact_of_the_shipped_checks_has_a_gatherer(self) -> None:
        known = load_impacts()
        assert {fact for meta in load_checks() for fact in meta.facts} <= set(known)
        assert known["responses"] is Impact.OBSERVES

    def test_loads_files_and_folders(self, tmp_path: Path) -> None:
        (tmp_path / "check_a.py").write_text(CHECK.format(id="headers.a"))
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "check_a.py").write_text(CHECK.format(id="headers.b"))
        (tmp_path / "helper.py").write_text("raise AssertionError")
        assert [meta.id for meta in load_checks([tmp_path])] == ["headers.a", "headers.b"]
        assert [meta.id for meta in load_checks([tmp_path / "check_a.py"])] == ["headers.a"]

    def test_refuses_duplicate_ids(self, tmp_path: Path) -> None:
        for name in ("check_a.py", "check_b.py"):
            (tmp_path / name).write_text(CHECK.format(id="headers.same"))
        with pytest.raises(
            ConfigError, match=r"check_b.py: two checks are called headers.same \(the other one is in .*check_a.py"
        ):
            load_checks([tmp_path])

    @pytest.mark.parametrize(
        ("content", "words"),
        [("import nonexistent_module", "ModuleNotFoundError"), (CHECK.format(id="Bad Id"), "family.noun")],
    )
    def test_names_the_file_that_cannot_be_imported(self, content: str, words: str, tmp_path: Path) -> None:
        (tmp_path / "check_broken.py").write_text(content)
        with pytest.raises(ConfigError, match=rf"check_broken.py: cannot be imported: .*{words}"):
            load_checks([tmp_path])

    def test_a_missing_path_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="there is no such file or folder"):
            load_checks([tmp_path / "none"])
