"""When a schedule of five fields fires, and which such schedules a crontab has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

__all__ = ["CronLine", "cron_lines", "longest_gap_seconds", "normal"]

_NICKNAMES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
#: As crontab(5) has it.
FIELDS = 5
_FIELD = r"[\d*/,\-A-Za-z#?]+"
_LINE = re.compile(rf"^\s*({_FIELD}(?:\s+{_FIELD}){{4}}|@\w+)\s+(\S.*)$")
_VARIABLE = re.compile(r"^\s*\w+\s*=")
#: Two years hold every day of the week and the month, and the 29th of February only by luck: nobody backs up on it.
_DAYS, _MOST = 730, 5000
#: Any Monday; nothing here depends on the present.
_FROM = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class CronLine:
    """One line of a crontab: five fields, and the rest of it, which may begin with a user."""

    cron: str
    command: str


def cron_lines(text: str) -> tuple[CronLine, ...]:
    """The lines of crontabs that schedule something; comments, variables and ``@reboot`` are none."""
    found = []
    for line in text.splitlines():
        match = None if line.lstrip().startswith("#") or _VARIABLE.match(line) else _LINE.match(line)
        if match and (cron := normal(match[1])) and longest_gap_seconds(cron) is not None:
            found.append(CronLine(cron=cron, command=match[2].strip()))
    return tuple(found)


def normal(cron: str) -> str:
    """A schedule in one spelling; empty where it is none, and for ``@reboot``."""
    spelled = _NICKNAMES.get(cron.strip().lower(), cron)
    fields = spelled.split()
    return " ".join(fields) if len(fields) == FIELDS else ""


def longest_gap_seconds(cron: str) -> float | None:
    """The longest time between two runs, infinite for one that never runs; None where these are no five fields."""
    fields = normal(cron).split()
    try:
        moments = CronSim(" ".join(fields), _FROM)
    except CronSimError:
        if len(fields) != FIELDS or fields[2] == "1":
            return None
        # The 30th of February is no mistake to cron: it waits for it.
        is_known = longest_gap_seconds(" ".join([*fields[:2], "1", *fields[3:]])) is not None
        return float("inf") if is_known else None
    end, last, longest = _FROM + timedelta(days=_DAYS), _FROM, 0.0
    for number, moment in enumerate(_until(moments, end)):
        if number:
            longest = max(longest, (moment - last).total_seconds())
        last = moment
        if number >= _MOST:
            return longest  # every few minutes: the rest is as this
    return longest or float("inf")


def _until(moments: Iterable[datetime], end: datetime) -> Iterable[datetime]:
    for moment in moments:
        if moment > end:
            return
        yield moment
