"""What says that something went wrong, and what only has such a word in it."""

from __future__ import annotations

import pytest

from readiness.backup.complaints import complaints, says_failed


@pytest.mark.parametrize(
    "line",
    [
        'pg_restore: error: could not execute query: ERROR:  relation "items" already exists',
        "pg_restore: warning: errors ignored on restore: 3",
        'pg_dump: error: connection to server at "db" (172.18.0.2), port 5432 failed: Connection refused',
        "psql: error: connection to server failed",
        'psql:/backups/db.sql:12: ERROR:  type "mood" does not exist',
        "mysqldump: Got error: 1045: Access denied for user",
        "gzip: db.sql.gz: unexpected end of file",
        "tar: Unexpected EOF in archive",
        "tar: uploads: Cannot open: No such file or directory",
        "cp: cannot stat '/data/dump.rdb': No such file or directory",
        "/backup.sh: line 12: pg_dump: command not found",
        "sh: 1: redis-cli: not found",
        "(error) NOAUTH Authentication required.",
        "Could not connect to Redis at cache:6379: Connection refused",
        "dd: error writing 'x': No space left on device",
        "Traceback (most recent call last):",
        "curl: (7) Failed to connect to s3 port 443",
        "FATAL:  password authentication failed for user",
    ],
)
def test_what_programs_say_of_their_failure_is_a_complaint(line: str) -> None:
    assert complaints(["all is well", line]) == (line,)


@pytest.mark.parametrize(
    "line",
    [
        "errors: 0",
        "0 errors, 0 failed",
        "restore verified: healthy",
        "tar: Removing leading `/' from member names",
        "pg_dump: saving search_path =",
        "pg_restore: warning: errors ignored on restore: 0",
        "no errors were found in error_reports.sql",
        "restoring table failed_jobs",
        "backup.sh: done",
    ],
)
def test_what_only_has_the_word_is_none(line: str) -> None:
    assert complaints([line]) == ()


@pytest.mark.parametrize("text", ["result: failed (db)", "Backup FAILED", "1 error", "backup aborted", "status=error"])
def test_a_text_that_says_failed(text: str) -> None:
    assert says_failed(text)


@pytest.mark.parametrize(
    "text", ["result: ok", "0 errors", "errors: 0", "failed: none", "no failures", "without any error", ""]
)
def test_a_text_that_does_not(text: str) -> None:
    assert not says_failed(text)
