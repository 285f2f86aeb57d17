from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from readiness.facts._codec import decode, encode
from readiness.facts.metrics import Metering
from readiness.gather.metering import BAD, GOOD, collect
from readiness.runtime import Capability
from readiness.target import Entry, Login, Paths, Request, Target
from readiness.verdict import Inconclusive, NotApplicable
from tests.gather.asked import Answer, FakeHttp, FakeStack

ENTRIES = (Entry(name="proxy", service="web", port=443), Entry(name="direct", service="api", port=8000))


class Shop:
    """Counts what it answers, as told."""

    def __init__(self, *, lag: int = 0, is_open: bool = True, cpu: bool = True) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self.scrapes = 0
        self.lag, self.is_open, self.cpu = lag, is_open, cpu
        self._shown: list[str] = []

    def answer(self, entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        if path == "/metrics":
            if entry == "proxy" or not self.is_open:
                return 404, {}, "<html>"
            self.scrapes += 1
            text = "# TYPE http_requests_total counter\n" + "".join(
                f'http_requests_total{{route="{route}",status="{status}"}} {n}\n'
                for (route, status), n in sorted(self.counts.items())
            )
            text += f"system_cpu_percent {self.scrapes if self.cpu else 5}\n"
            self._shown.append(text)
            return (
                200,
                {"content-type": "text/plain; version=0.0.4"},
                self._shown[max(0, len(self._shown) - 1 - self.lag)],
            )
        status = {"/items": 200, "/boom": 500, "/auth/login": 200}.get(path, 404)
        if path == "/items" and not headers.get("authorization"):
            status = 401
        self.counts[(path, status)] += 1
        return status, {}, '{"access_token": "the-token"}' if path == "/auth/login" else ""


def gathered(shop: Shop, *, slept: list[float] | None = None, **changes: Any) -> Metering:
    capabilities = changes.pop("capabilities", frozenset(Capability))
    values: dict[str, Any] = {
        "name": "shop",
        "folder": ".",
        "service": "api",
        "entries": ENTRIES,
        "paths": Paths(ok=Request(path="/items"), error=Request(path="/boom")),
        "login": Login(
            request=Request(method="POST", path="/auth/login", json={}),
            users=({"name": "alice", "password": "alice-password"},),
        ),
        **changes,
    }
    stack = FakeStack(variables={"api": {}, "web": {}}, capabilities=capabilities)
    pauses = [] if slept is None else slept
    return collect(Target(**values), stack, FakeHttp(shop.answer), sleep=pauses.append)  # type: ignore[arg-type]  # stand-ins


def test_the_metrics_are_found_at_the_application_and_looked_at_around_two_bursts() -> None:
    found = gathered(Shop())
    assert found.first is not None
    assert found.first.url == "http://api:8000/metrics"
    assert found.good_burst is not None
    assert (found.good_burst.sent, found.good_burst.statuses) == (GOOD, {"200": GOOD})
    assert found.bad_burst is not None
    assert (found.bad_burst.sent, found.bad_burst.statuses) == (BAD, {"500": BAD})
    assert [s.number for s in found.scrapes] == [2, 3, 4, 5]
    assert found.last is found.bad
    assert f'route="/items",status="200"}} {GOOD + 1}' in found.scrapes[2].text
    assert found.late is None


def test_the_fact_survives_a_recording_and_holds_no_token() -> None:
    found = gathered(Shop())
    text = json.dumps(encode(found))
    assert decode(Metering, json.loads(text)) == found
    assert "the-token" not in text


def test_a_counter_that_is_late_is_waited_for() -> None:
    slept: list[float] = []
    found = gathered(Shop(lag=2), slept=slept)
    assert found.good is not None
    assert f'route="/items",status="200"}} {GOOD + 1}' in found.good.text
    assert sum(slept) < 10


def test_what_stands_still_is_looked_at_for_a_minute() -> None:
    slept: list[float] = []
    found = gathered(Shop(cpu=False), slept=slept)
    assert found.late is not None
    assert found.last is found.late
    assert sum(slept) > 60


def test_a_declared_place_is_asked_and_no_other() -> None:
    shop = Shop()
    found = gathered(shop, extra={"metrics": {"path": "/metrics", "service": "web", "port": 9090}})
    assert found.first is not None
    assert found.first.url.endswith("/metrics")
    shop.is_open = False
    found = gathered(shop, extra={"metrics": {"path": "/metrics"}})
    assert (found.first.status if found.first else None, found.good) == (404, None)


@pytest.mark.parametrize(
    "location", ["/metrics/", "http://api:8000/metrics/", "http://127.0.0.1:40001/metrics/", "/metrics/?x=1"]
)
@pytest.mark.parametrize("extra", [{}, {"metrics": {"path": "/metrics", "service": "api", "port": 8000}}])
def test_a_place_that_leads_on_is_followed_once_and_then_asked_directly(location: str, extra: dict[str, Any]) -> None:
    shop = Shop()
    asked: list[str] = []

    def mounted(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        if path.startswith("/metrics"):
            asked.append(path)
        if path == "/metrics" and entry != "proxy":
            return 307, {"location": location}, ""
        return shop.answer(entry, method, "/metrics" if path.startswith("/metrics/") else path, headers)

    values = Target(name="s", folder=".", service="api", entries=ENTRIES[1:], extra=extra)
    found = collect(values, FakeStack(variables={"api": {}}), FakeHttp(mounted), sleep=lambda _: None)  # type: ignore[arg-type]  # stand-ins
    assert found.first is not None
    assert (found.first.status, found.first.url.partition("?")[0]) == (200, "http://api:8000/metrics/")
    assert asked[0] == "/metrics"
    assert set(asked[1:]) == {urlsplit(location)._replace(scheme="", netloc="").geturl()}


@pytest.mark.parametrize(
    "location", ["https://login.example/metrics/", "http://other:8000/metrics/", "/metrics", "//[", "", "/login", "/on"]
)
def test_a_place_that_leads_elsewhere_is_left_alone(location: str) -> None:
    def answer(_entry: str, _method: str, path: str, _headers: Mapping[str, str]) -> Answer:
        pages: dict[str, Answer] = {"/login": (200, {}, "<html>"), "/on": (302, {"location": "/metrics"}, "")}
        return pages.get(path, (302, {"location": location}, ""))

    values = Target(name="s", folder=".", service="api", entries=ENTRIES[1:], extra={"metrics": {"path": "/metrics"}})
    found = collect(values, FakeStack(variables={"api": {}}), FakeHttp(answer), sleep=lambda _: None)  # type: ignore[arg-type]  # stand-ins
    assert found.first is not None
    assert (found.first.status, found.first.url) == (302, "http://api:8000/metrics")


def test_a_place_that_leads_on_to_nothing_is_told_as_that() -> None:
    def answer(_entry: str, _method: str, path: str, _headers: Mapping[str, str]) -> Answer:
        return (307, {"location": "/metrics/"}, "") if path == "/metrics" else (404, {}, "")

    extra = {"metrics": {"path": "/metrics"}}
    values = Target(name="s", folder=".", service="api", entries=ENTRIES[1:], extra=extra)
    found = collect(values, FakeStack(variables={"api": {}}), FakeHttp(answer), sleep=lambda _: None)  # type: ignore[arg-type]  # stand-ins
    assert found.first is not None
    assert (found.first.status, found.first.url) == (404, "http://api:8000/metrics/")


def test_without_metrics_it_says_where_it_looked() -> None:
    with pytest.raises(Inconclusive, match=r"no metrics were found: GET http://api:8000/metrics: 404") as caught:
        gathered(Shop(is_open=False))
    assert caught.value.undeclared == "metrics.path"


def test_what_the_owner_declines_is_not_looked_for() -> None:
    shop = Shop()
    with pytest.raises(NotApplicable, match="nobody looks"):
        gathered(shop, declined={"metrics": "nobody looks"})
    assert shop.scrapes == 0


def test_a_running_system_is_looked_at_once_and_sent_nothing() -> None:
    shop = Shop()
    found = gathered(shop, capabilities=frozenset())
    assert (shop.scrapes, found.good, not shop.counts) == (1, None, True)
    assert "others use this system" in found.not_sent


def test_without_a_login_the_requests_are_anonymous_where_they_may_be() -> None:
    found = gathered(Shop(), login=None)
    assert found.good_burst is not None
    assert found.good_burst.statuses == {"401": GOOD}


def test_without_a_path_nothing_is_sent() -> None:
    found = gathered(Shop(), paths=Paths())
    assert (found.good_burst, found.not_sent) == (None, "not configured: paths.ok")


def test_a_service_that_does_not_answer_is_not_asked_again_and_again() -> None:
    shop = Shop()
    asked: list[str] = []

    def silent(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        asked.append(path)
        return (None, {}, "") if path == "/items" else shop.answer(entry, method, path, headers)

    target = Target(name="s", folder=".", service="api", entries=ENTRIES[1:], paths=Paths(ok=Request(path="/items")))
    found = collect(target, FakeStack(variables={"api": {}}), FakeHttp(silent), sleep=lambda _: None)  # type: ignore[arg-type]  # stand-ins
    assert found.good_burst is not None
    assert (found.good_burst.sent, found.good_burst.status) == (1, None)
    assert asked.count("/items") == 2
