"""Look at the metrics before, between and after requests whose number is known."""

from __future__ import annotations

import dataclasses
import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from readiness.check import Impact
from readiness.declared.metrics import Metrics, metrics_of
from readiness.exceptions import StackError
from readiness.facts.metrics import Burst, Metering, Scrape
from readiness.gather import gatherer
from readiness.gather.alert_evaluation import evaluate
from readiness.gather.own_user import own_user
from readiness.instruments.client import MAX_BODY_BYTES, HttpClient
from readiness.instruments.identity import PLAIN
from readiness.metrics.counting import has_moved
from readiness.metrics.exposition import looks_like_metrics, read
from readiness.metrics.machine import has_processor, machine_groups, stands_still
from readiness.runtime import Capability, Stack
from readiness.target import Entry, Request, Target
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from readiness.facts.http import Exchange

__all__ = ["collect", "metering"]

#: The ledger's figures.
GOOD, BAD = 20, 5
#: As long as both bursts take on a sound stack: what others do meanwhile shows in it.
QUIET_SECONDS = 1.0
#: Some libraries add up in the background; the usual periods are far below the last wait.
SETTLE_SECONDS = (0.05, 0.2, 0.5, 1.0, 3.0)
#: A gauge that a thread refreshes moves within a minute; only where all stand still is it waited for, in steps.
STILL_SECONDS, LATE_SECONDS = 65.0, 5.0
SUCCESS = 200
REDIRECTS = (301, 302, 303, 307, 308)
#: Content types of the two formats, in the order in which Prometheus prefers what it is sure to read.
ACCEPT = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"
SUPPLY = "metrics: {path: /metrics, service: api, port: 8000, requests: http_requests_total, status_label: status}"
#: What tells that a cache in between may have answered (RFC 9111, 5.1; the usual extensions).
CACHED = ("age", "x-cache", "cf-cache-status", "cache-status")


@gatherer(impact=Impact.OBSERVES, at_most_seconds=120)
def metering(target: Target, stack: Stack, http: HttpClient) -> Metering:
    """What the metrics show around 20 good and 5 failing requests of a user of the audit's own."""
    found = collect(target, stack, http)
    return dataclasses.replace(found, evaluation=evaluate(target, found.last))


def collect(target: Target, stack: Stack, http: HttpClient, *, sleep: Callable[[float], None] = time.sleep) -> Metering:
    """Look, wait, look, send, look, send, look.

    Raises:
        NotApplicable, Inconclusive: the owner says that there are none, or none were found.
    """
    target.require("metrics", True, example=SUPPLY)
    declared = metrics_of(target)
    if not target.entries:
        raise Inconclusive("there is no entry to send requests through", undeclared="entry")
    looks = _Looks(http, declared)
    tried = []
    for entry, request in _places(target, declared):
        looks.entry, looks.request = entry, request
        first = looks.take()
        if first.status == SUCCESS and (declared.is_path_declared or looks_like_metrics(first.text)):
            break
        tried.append(first.label)
        if declared.is_path_declared:
            return Metering(first=first, tried=tuple(tried), not_sent=f"no metrics: {first.label}")
    else:
        raise Inconclusive(f"no metrics were found: {'; '.join(tried)}", supply=SUPPLY, undeclared="metrics.path")
    found = Metering(first=first, tried=tuple(tried))
    if Capability.WRITE not in stack.capabilities:
        return dataclasses.replace(found, not_sent="others use this system too, so nothing could be told from counters")
    good, bad = _requests(target, is_copy=True)
    if good is None:
        return dataclasses.replace(found, not_sent="not configured: paths.ok")
    try:
        headers: Mapping[str, str] = own_user(target, stack, http, "metered").headers
    except Inconclusive as reason:
        if good.as_user != "anonymous":
            return dataclasses.replace(found, not_sent=reason.reason)
        headers = {}
    found = _bursts(_Sender(http, _nearest(target, looks.entry), headers), looks, found, (good, bad), sleep)
    return dataclasses.replace(found, late=_late(looks, found, declared, sleep))


def _bursts(
    sender: _Sender,
    looks: _Looks,
    found: Metering,
    requests: tuple[Request, Request | None],
    sleep: Callable[[float], None],
) -> Metering:
    good, bad = requests
    # Once before, so that the series is there and a cold start is over.
    sender.send(good, 1)
    sleep(SETTLE_SECONDS[1])
    first = looks.take()
    sleep(QUIET_SECONDS)
    quiet = looks.take()
    good_burst = sender.send(good, GOOD)
    after_good = looks.take_moved(quiet, good_burst, sleep)
    found = dataclasses.replace(found, first=first, quiet=quiet, good=after_good, good_burst=good_burst)
    if bad is None:
        return found
    bad_burst = sender.send(bad, BAD)
    return dataclasses.replace(found, bad=looks.take_moved(after_good, bad_burst, sleep), bad_burst=bad_burst)


def _late(looks: _Looks, found: Metering, declared: Metrics, sleep: Callable[[float], None]) -> Scrape | None:
    """One more look, where metrics of the machine stand still: once they move, or after a minute."""
    seen = [read(scrape.text) for scrape in found.scrapes]
    if not seen:
        return None
    groups = [group for group in machine_groups(seen[-1], declared.system) if has_processor(group)]
    still = [group for group in groups if stands_still(group, seen)]
    late: Scrape | None = None
    waited = 0.0
    while still and waited < STILL_SECONDS:
        sleep(LATE_SECONDS)
        waited += LATE_SECONDS
        late = looks.take()
        if late.status != SUCCESS:
            break
        still = [group for group in still if stands_still(group, [*seen, read(late.text)])]
    return late


def _places(target: Target, declared: Metrics) -> list[tuple[Entry, Request]]:
    """Where to look: as declared, else at the application itself before its public entry."""
    if declared.service or declared.port:
        service = declared.service or target.service or target.entries[0].service
        request = Request(path=declared.path, service=service, port=declared.port or None)
        entry = next((e for e in target.entries if e.service == service), target.entries[0])
        return [(entry, request)]
    entries = sorted(target.entries, key=lambda entry: entry.service != target.service)
    return [(entry, Request(path=declared.path)) for entry in entries]


def _requests(target: Target, *, is_copy: bool) -> tuple[Request | None, Request | None]:
    bad = target.paths.error if is_copy and target.paths.error is not None else target.paths.not_found
    return target.paths.ok, bad


def _nearest(target: Target, seen: Entry) -> Entry:
    """The entry nearest to whose metrics these are: what stands in between may answer by itself."""
    direct = [e for e in target.entries if e.service == (target.service or seen.service)]
    return (direct or list(target.entries))[0]


@dataclasses.dataclass
class _Sender:
    http: HttpClient
    entry: Entry
    headers: Mapping[str, str]

    def send(self, request: Request, times: int) -> Burst:
        """Send equal requests one after the other; a service that does not answer is not asked again and again."""
        statuses: Counter[str] = Counter()
        label, is_cached, sent = request.path, False, 0
        for _ in range(times):
            try:
                answer = self.http.send(self.entry, request, headers={**PLAIN, **self.headers})
            except StackError as error:
                statuses[str(error)[:100]] += 1
                break
            sent += 1
            label = f"{answer.method} {answer.url}"
            statuses[str(answer.status) if answer.status is not None else (answer.error or "no answer")[:100]] += 1
            is_cached = is_cached or any(_tells_of_a_cache(answer.first(name)) for name in CACHED)
            if answer.status is None:
                break
        return Burst(label=label, sent=sent, statuses=dict(statuses), is_cached=is_cached)


def _tells_of_a_cache(value: str | None) -> bool:
    return value is not None and ("hit" in value.lower() or value.strip("0 ").isdigit())


def _led_on(answer: Exchange, entry: Entry) -> str:
    """Where an answer leads on to at the same place, without the entry's base; empty where it leads elsewhere.

    Only the path is taken, so that nothing else is asked. An absolute address names the service as it was asked: by an
    address of this machine's, or by the name that was sent.
    """
    try:
        here = urlsplit(answer.url)
        there = urlsplit(urljoin(answer.url, answer.first("location") or ""))
        host = there.hostname or ""
    except ValueError:  # no address at all
        return ""
    is_here = host in {here.hostname, entry.server_name, "localhost"} or _is_address(host)
    path = f"{there.path}?{there.query}" if there.query else there.path
    if there.scheme != here.scheme or not is_here or there.path == here.path:
        return ""
    return path.removeprefix(entry.base) if path.startswith(f"{entry.base}/") else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _Looks:
    """Scrapes one place, and knows how often."""

    def __init__(self, http: HttpClient, declared: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._http, self._declared, self._clock = http, declared, clock
        self._began = clock()
        self._number = 0
        self._next = ""
        self.entry = Entry(name="", service="", port=0)
        self.request = Request()

    def take(self) -> Scrape:
        """Look; where the place leads on, look there, as Prometheus does (``follow_redirects``), and then ever after."""
        scrape = self._take()
        if scrape.status in REDIRECTS and self._next:
            first = self.request
            self.request = dataclasses.replace(first, path=self._next)
            led_to = self._take()
            if led_to.status == SUCCESS and looks_like_metrics(led_to.text):
                return led_to
            self.request = first
            # A page, such as one to log in, is not what the place is for: then only that it leads on is known.
            return scrape if led_to.status in {SUCCESS, *REDIRECTS} else led_to
        return scrape

    def _take(self) -> Scrape:
        self._number += 1
        self._next = ""
        try:
            answer = self._http.send(
                self.entry, self.request, headers={**PLAIN, "accept": ACCEPT}, kept_bytes=MAX_BODY_BYTES
            )
        except StackError as error:
            return Scrape(url=self.request.path, number=self._number, error=str(error)[:500])
        # Past the entry, its base is not this port's.
        is_past = self.request.service is not None or self.request.port is not None
        self._next = _led_on(answer, dataclasses.replace(self.entry, base="") if is_past else self.entry)
        return Scrape(
            url=answer.url,
            at_seconds=round(self._clock() - self._began, 3),
            number=self._number,
            status=answer.status,
            error=answer.error,
            content_type=answer.first("content-type") or "",
            text=answer.body,
            is_whole=answer.body_bytes < MAX_BODY_BYTES,
        )

    def take_moved(self, before: Scrape, burst: Burst, sleep: Callable[[float], None]) -> Scrape:
        """Look until the counter shows the burst, a few seconds at most."""
        scrape = before
        for seconds in SETTLE_SECONDS:
            sleep(seconds)
            scrape = self.take()
            if burst.status is None or has_moved(
                before.text,
                scrape.text,
                name=self._declared.requests,
                label=self._declared.status_label,
                status=burst.status,
                by=burst.sent,
            ):
                break
        return scrape
