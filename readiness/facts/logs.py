"""What a service logged of requests that the audit sent, and what the requests' answers called them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Asked", "Leak", "LogFile", "LogLine", "RequestLogs"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of which the log should know.

    Attributes:
        purpose: ``ok``, ``unauthorized``, ``marker``, ``invalid``, ``error``, ``slow``, ``inbound``, ``client``, ``canary``
            or ``job``.
        kind: what of ``purpose`` it is: which inbound id, which client.
        path: as sent, with the entry's base and without the query.
        marker: a word in the path that nothing else has; empty without one.
        ids: every value of the request id's header in the answer, cut to 300 characters each.
        sent_id: the id that the request brought along, cut likewise.
        process_time: the value of the process time's header in the answer; empty without one.
        began: when it was sent, by this machine's clock: seconds since 1970, UTC.
        seconds: from sending to the end of the answer.
        at_least_seconds: how long it must have taken, where that is known (the body came in two halves).
    """

    purpose: str
    kind: str = ""
    entry: str
    method: str
    path: str
    marker: str = ""
    status: int | None = None
    ids: tuple[str, ...] = ()
    sent_id: str = ""
    process_time: str = ""
    began: float = 0.0
    seconds: float = 0.0
    at_least_seconds: float = 0.0
    error: str | None = None

    @property
    def label(self) -> str:
        """``"GET /items via proxy: 200"``."""
        return f"{self.method} {self.path} via {self.entry}: {self.status if self.status is not None else self.error}"


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line, bounded, without secrets. ``service`` wrote it."""

    service: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A canary in a log. ``kind`` is where it was sent: ``bearer token``, ``API key in a header``, …."""

    kind: str
    service: str
    line: str


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """A declared log file, or why it was not seen.

    Attributes:
        size_bytes: of the file that is written now.
        rotated: name -> size of the files beside it that begin with its name.
        lines: of it (and of the newest rotated one), the last ones.
        levels: level as written -> number of lines with it.
    """

    service: str
    path: str
    size_bytes: int | None = None
    rotated: dict[str, int] = field(default_factory=dict)
    lines: tuple[LogLine, ...] = ()
    levels: dict[str, int] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestLogs:
    """Requests, and the lines about them.

    Attributes:
        header: carries the request id; None where no answer had one.
        asked: the requests whose lines were looked for.
        burst: entry -> ids of the answers to many requests at a time; an empty text for an answer without one.
        services: whose logs were read; ``workers`` are those of them that only work off jobs.
        lines: those that name a marker or an id of ``asked``.
        proxy_lines: those of the proxies' own logs that name a marker or an id, whatever their form.
        strange: the first lines that are no JSON object, of the services in ``services``.
        sample: one other line of each shape; of lines that are no JSON object, one of each level.
        counts: service -> kind of line (``json``, ``text``) -> how many there were since the first request.
        levels: level as written -> how many lines had it.
        canaries: what was sent as a secret; ``leaks`` says where it was found again.
        searched: services whose logs were searched for canaries; those with an entry, and proxies, only
            where a canary went through them.
        proxy_addresses: the proxy's own, as it knows them.
        source_address: from which address of this machine requests of purpose ``client`` came, where the target can see it.
        not_done: purpose -> why it was left out.
        no_logs: why no log could be read; empty where one was.
    """

    header: str | None = None
    asked: tuple[Asked, ...] = ()
    burst: dict[str, tuple[str, ...]] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    lines: tuple[LogLine, ...] = ()
    proxy_lines: tuple[LogLine, ...] = ()
    strange: tuple[LogLine, ...] = ()
    sample: tuple[LogLine, ...] = ()
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    canaries: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()
    searched: tuple[str, ...] = ()
    files: tuple[LogFile, ...] = ()
    proxy_addresses: tuple[str, ...] = ()
    source_address: str | None = None
    not_done: dict[str, str] = field(default_factory=dict)
    no_logs: str = ""

    def of(self, *purposes: str) -> tuple[Asked, ...]:
        """The requests of these purposes that got an HTTP answer."""
        return tuple(a for a in self.asked if a.purpose in purposes and a.status is not None)
