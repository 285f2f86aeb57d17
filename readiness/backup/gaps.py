"""How far apart the runs of a schedule of five fields are at most."""

from __future__ import annotations

import datetime as dt
import itertools
import re

__all__ = ["longest_gap_seconds"]

_NICKNAMES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS, _MONTH, _WEEKDAY = 5, 3, 4
_ITEM = re.compile(r"(\*|\d+)(?:-(\d+))?(?:/(\d+))?")
#: Over eight years every date falls on several weekdays, and the 29th of February comes at least once.
_FROM, _SPAN = dt.date(2024, 1, 1), 8 * 366
_MINUTES_OF_DAY = 24 * 60


def longest_gap_seconds(cron: str) -> float | None:
    """The longest time between two runs; None where these are not the five fields of crontab(5), or it never runs."""
    fields = _NICKNAMES.get(cron.strip().lower(), cron).lower().split()
    if len(fields) != _FIELDS:
        return None
    sets = [_numbers(field, index) for index, field in enumerate(fields)]
    if not all(sets):
        return None
    minutes, hours, days, months, weekdays = (found or set() for found in sets)
    weekdays = {number % 7 for number in weekdays}
    # As crontab(5): where day of the month and day of the week are both restricted, either is enough.
    is_either = not fields[2].startswith("*") and not fields[4].startswith("*")
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    within = max((later - earlier for earlier, later in itertools.pairwise(times)), default=0)
    overnight = times[0] + _MINUTES_OF_DAY - times[-1]
    last, longest = None, within
    for number in range(_SPAN):
        day = _FROM + dt.timedelta(days=number)
        of_month, of_week = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month not in months or not ((of_month or of_week) if is_either else (of_month and of_week)):
            continue
        if last is not None:
            longest = max(longest, overnight + (number - last - 1) * _MINUTES_OF_DAY)
        last = number
    return None if last is None else longest * 60.0 or float(_SPAN * 86400)


def _numbers(field: str, index: int) -> set[int] | None:
    low, high = _RANGES[index]
    names = _MONTHS if index == _MONTH else _DAYS if index == _WEEKDAY else ()
    for number, name in enumerate(names, start=1 if index == _MONTH else 0):
        field = re.sub(rf"\b{name}\b", str(number), field)
    found: set[int] = set()
    for item in field.split(","):
        told = _ITEM.fullmatch(item)
        if told is None:
            return None
        begin = low if told[1] == "*" else int(told[1])
        end = high if told[1] == "*" or (told[3] and not told[2]) else int(told[2] or told[1])
        step = int(told[3] or 1)
        if not low <= begin <= end <= high or step == 0:
            return None
        found |= set(range(begin, end + 1, step))
    return found
