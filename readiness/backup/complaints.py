"""What programs say when something went wrong, and when all went well: a command that ends with 0 may print either."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["complaints", "says_failed"]

#: As PostgreSQL's and Redis' programs, archivers, shells and Python say it. Words alone prove nothing: "0 errors".
_COMPLAINTS = re.compile(
    r"\b(?:ERROR|FATAL|PANIC|CRITICAL): +\S"
    r"|\bpg_\w+: (?:error|fatal|hint: .*fail)\b"
    r"|errors ignored on restore: [1-9]"
    r"|^(?:psql|mysqldump|mariadb-dump|mysql|mariadb)\b.*\b(?:error|refused|denied)\b"
    r"|^(?:\S*/)?(?:tar|gzip|gunzip|zcat|cp|mv|rm|cat|dd|openssl|gpg|aws|rclone|curl|wget)\b(?:\[\d+\])?: .*"
    r"(?:[Cc]annot|[Cc]an't|[Uu]nexpected|[Ff]ailed|not in gzip format|invalid|No such file|No space|denied|[Ee]rror)"
    r"|^(?:\S*/)?(?:sh|bash|ash|dash|\S+\.sh)\b: .*(?:not found|No such file|ermission denied|cannot|syntax error)"
    r"|^\(error\) \S|\b(?:NOAUTH|WRONGPASS|MISCONF) \S"
    r"|Could not connect to Redis|No space left on device|Connection refused|Traceback \(most recent call last\)",
    re.MULTILINE,
)
_FAILED = re.compile(
    r"\b(?:fail(?:ed|ure|s|ing)?|error(?:s|ed)?|fatal|unsuccessful|aborted|incomplete|broken|corrupt(?:ed)?)\b",
    re.IGNORECASE,
)
#: "errors: 0", "no errors", "failed=0", "0 failed": nothing failed.
_NOT_FAILED = re.compile(
    r"\b(?:no|0|without(?: any)?|zero) +(?:fail|error)\w*|\b(?:fail|error)\w*\W{1,4}(?:0|none|no|false)\b", re.IGNORECASE
)  # fmt: skip


def complaints(lines: Iterable[str]) -> tuple[str, ...]:
    """The lines with which a program says that something went wrong."""
    return tuple(line for line in lines if _COMPLAINTS.search(line))


def says_failed(text: str) -> bool:
    """Whether a text for people says that something failed."""
    return _FAILED.search(_NOT_FAILED.sub("", text)) is not None
