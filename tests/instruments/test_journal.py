from __future__ import annotations

from pathlib import Path

import pytest

from readiness.exceptions import RecordingError
from readiness.instruments.journal import Journal, Undo, UndoKind


def test_open_entries_survive_and_closed_ones_do_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first, second = Undo(kind=UndoKind.START, service="db"), Undo(kind=UndoKind.UNPAUSE, service="cache")
    journal = Journal(path)
    journal.intend(first)
    journal.intend(second)
    journal.done(first)
    assert Journal(path).pending() == (second,)
    assert path.stat().st_mode & 0o777 == 0o600


def test_journal_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none.jsonl").pending() == ()


def test_line_cut_off_by_a_death_counts_as_never_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    undo = Undo(kind=UndoKind.START, service="db")
    Journal(path).intend(undo)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"intend": "x", "ki')
    assert Journal(path).pending() == (undo,)


@pytest.mark.parametrize("line", ["words", "[]", "{}", '{"intend": "x", "kind": "explode", "service": "db"}'])
def test_foreign_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).intend(Undo(kind=UndoKind.START, service="db"))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(RecordingError, match=r"journal\.jsonl:2: not an entry"):
        Journal(path).pending()
