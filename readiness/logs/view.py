"""Log lines beside the requests that caused them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from readiness.declared.logs import logs_of
from readiness.facts.logs import Asked, LogLine, RequestLogs
from readiness.logs.fields import Line, places_of
from readiness.logs.ids import id_of, naming
from readiness.logs.levels import level_of, numbering_of
from readiness.logs.values import Level
from readiness.target import Target
from readiness.verdict import Evidence, Inconclusive

__all__ = ["MAX_EVIDENCE", "Entry", "View", "view_of"]

MAX_EVIDENCE = 3
MAX_TEXT_CHARS = 400
SUPPLY = (
    "logs:\n  services: [SERVICE]\n  fields: {request_id: context.request_id}\n"
    "  files: [{service: SERVICE, path: /var/log/app.log}]"
)


class Entry(Line):
    """A parsed line that knows who wrote it."""

    def __init__(self, line: LogLine) -> None:
        super().__init__(line.text)
        self.service = line.service

    @property
    def evidence(self) -> Evidence:
        """The line as proof."""
        return Evidence(source=f"log of {self.service}", text=self.text[:MAX_TEXT_CHARS])


class View:
    """The lines of a fact, with the places of their fields."""

    def __init__(self, fact: RequestLogs, target: Target) -> None:
        declared = logs_of(target)
        self.fact = fact
        self.duration_unit = declared.duration_unit
        self.entries = [Entry(line) for line in (*fact.lines, *(_extra(fact)))]
        self.about_requests = [Entry(line) for line in fact.lines]
        #: An id that several requests have tells none of them; reqid.header judges that.
        self._owners = Counter(id_of(value) for asked in fact.asked for value in set(asked.ids) if value)
        #: What the proxies logged of the requests that went through them; judged only as a part of the whole story.
        self.of_proxies = [Entry(line) for line in fact.proxy_lines]
        # Lines about requests count twice: of two places that a field may be at, theirs is the one.
        self.places = places_of((*self.about_requests, *self.entries, *self.of_proxies), declared.fields)
        self.numbering = numbering_of(self.entries, self.places)

    def of(self, asked: Asked) -> list[Entry]:
        """The lines that name the request's marker or its id."""
        names = [asked.marker] if asked.marker else []
        if asked.purpose != "inbound":
            names += [known for value in asked.ids if value and self._owners[known := id_of(value)] == 1]
        named = naming(names)
        return [entry for entry in self.about_requests if named.search(entry.text)]

    def get(self, entry: Entry, field: str) -> Any:
        """What the line says of one of the usual fields, or None."""
        return self.places.get(entry, field)

    def level(self, entry: Entry) -> Level | None:
        """How loud the line is, where it says so in a way that is known."""
        return level_of(entry, self.places, self.numbering)

    def by_path(self, asked: Asked) -> list[Entry]:
        """Lines of the same path, of whichever request: for answers whose id is missing, or names no request alone."""
        return [e for e in self.about_requests if str(self.get(e, "path") or "").partition("?")[0] == asked.path]

    def access(self, asked: Asked) -> list[Entry]:
        """The lines that tell the request's status: in the status field, else anywhere in a line of text."""
        status = str(asked.status)
        return [
            entry
            for entry in self.of(asked)
            if str(self.get(entry, "status")) == status
            or (entry.places is None and status in entry.text.replace("=", " ").replace('"', " ").split())
        ]


def _extra(fact: RequestLogs) -> Iterable[LogLine]:
    yield from fact.sample
    yield from (line for line in fact.strange if line not in fact.lines)


def view_of(fact: RequestLogs, target: Target) -> View:
    """The lines of the fact.

    Raises:
        NotApplicable: the owner says that there are no logs.
        Inconclusive: none could be read, or there was none.
    """
    target.require("logs", True, example=SUPPLY)  # only where the owner says there is none
    if fact.no_logs:
        raise Inconclusive(fact.no_logs)
    if not any(count for kinds in fact.counts.values() for count in kinds.values()):
        raise Inconclusive(f"nothing in the log of {', '.join(fact.services)} since the first request", supply=SUPPLY)
    if not fact.of("ok", "marker"):
        cause = "; ".join(a.label for a in fact.asked[:MAX_EVIDENCE]) or "nothing was asked"
        raise Inconclusive(f"no request was answered: {cause}")
    return View(fact, target)
