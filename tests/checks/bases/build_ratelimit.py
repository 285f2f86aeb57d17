"""Writes ``ratelimit.json``: the recorded facts of a sound limiter behind a proxy, for the cases of ``ratelimit.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_ratelimit.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.facts.limiter import (
    Addressed,
    Answer,
    DeployedLimit,
    Figures,
    Phase,
    Reached,
    Refilled,
    Reopened,
    SharedLimit,
    SmallLimit,
    StoreAway,
    SwitchedOff,
    Tried,
    WideLimit,
)
from readiness.target import Entry, Limit, Login, Probe, ProbeKind, Request, Role, Target

#: When the requests were sent, as this machine's clock told it.
UNIX = 1_800_000_000.0
DEPLOYED = Figures(requests=100, window_seconds=60.0)
SMALL = Figures(requests=12, window_seconds=24.0)
SHARED = Figures(requests=20, window_seconds=60.0)
ORIGIN = "https://app.example.com"
BODY = {
    "error": {
        "code": "rate_limit_exceeded",
        "message": "Rate limit exceeded. Maximum 100 requests per minute allowed.",
        "request_id": "0b1c2d3e",
        "retry_after": 1,
    }
}
VARIABLES = {
    "requests": "RATE_LIMIT_PER_MINUTE",
    "window_seconds": "RATE_LIMIT_WINDOW_SECONDS",
    "enabled": "RATE_LIMIT_ENABLED",
    "processes": "WEB_CONCURRENCY",
}


def phase(name: str, figures: Figures, *statuses: tuple[int, int], began: float = 0.0, step: float = 0.01) -> Phase:
    """A timeline of (how many, status), one request every ``step`` seconds."""
    run = [status for count, status in statuses for _ in range(count)]
    shots = tuple((round(number * step, 3), status) for number, status in enumerate(run))
    return Phase(
        name=name,
        caller="user one",
        figures=figures,
        began=began,
        seconds=round(len(run) * step, 3),
        shots=shots,
        slowest_seconds=0.05,
    )


def answers(figures: Figures, count: int, *, step: float = 0.01) -> tuple[Answer, ...]:
    """``count`` answers one after another, then a refusal."""
    found = []
    for number in range(count + 1):
        is_refused = number == count
        left = 0 if is_refused else figures.requests - number - 1
        headers = [
            ("x-ratelimit-limit", str(figures.requests)),
            ("x-ratelimit-remaining", str(left)),
            ("x-ratelimit-reset", str(int(UNIX + 1 + (figures.requests - left) * figures.interval_seconds))),
            ("ratelimit-policy", f'"minute";q={figures.requests};w={figures.window_seconds:g}'),
            ("ratelimit", f'"minute";r={left};t=1'),
            ("cache-control", "no-store"),
            ("access-control-allow-origin", ORIGIN),
            *([("retry-after", "1")] if is_refused else []),
        ]
        at = round(number * step, 3)
        found.append(Answer(seconds=at, unix=UNIX + at, status=429 if is_refused else 200, headers=tuple(headers)))
    return tuple(found)


def deployed() -> DeployedLimit:
    refusal = Exchange(
        entry="proxy",
        purpose=StatusClass.TOO_MANY,
        method="GET",
        url="https://web:8443/items",
        https=True,
        status=429,
        headers=(
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("retry-after", "1"),
            ("access-control-allow-origin", ORIGIN),
        ),
        request_headers=(("Origin", ORIGIN),),
        body=json.dumps(BODY),
        body_bytes=len(json.dumps(BODY)),
    )
    burst = phase("deployed", DEPLOYED, (101, 200), (20, 429))
    return DeployedLimit(figures=DEPLOYED, phase=burst, answers=answers(DEPLOYED, 10), refusal=refusal)


def tried(name: str, path: str, *statuses: int, method: str = "GET") -> Tried:
    return Tried(name=name, method=method, path=path, statuses=statuses, before=429, after=429)


def small() -> SmallLimit:
    served = (200,) * 17
    return SmallLimit(
        figures=SMALL,
        is_lowered=True,
        phases=(
            phase("all at once", SMALL, (12, 200), (24, 429)),
            phase("one after another", SMALL, (12, 200), (1, 429), began=1.0),
            phase("until refused", SMALL, (12, 200), (1, 429), began=1.0),
            phase("after a wait, 1", SMALL, (1, 200), (1, 429), began=3.6),
            phase("after a wait, 2", SMALL, (1, 200), (1, 429), began=6.2),
        ),
        answers=answers(SMALL, 12),
        reopened=Reopened(
            raw="2",
            announced_seconds=2.0,
            early_seconds=0.6,
            early_status=429,
            early_announced_seconds=2.0,
            later_seconds=2.3,
            later_status=200,
        ),
        refills=tuple(Refilled(waited_seconds=2.5, seconds=0.03, let_through=1, refused=1) for _ in range(2)),
        operations=(tried("GET /items", "/items", 429), tried("GET /me", "/me", 429)),
        variants=(tried("with a trailing slash", "/items/", 429), tried("with a query", "/items?x=1", 429)),
        spoofs=(tried("X-Forwarded-For: 203.0.113.77", "/items", 429), tried("X-Real-IP: 203.0.113.77", "/items", 429)),
        exempt=(tried("/health", "/health", *served), tried("/static/app.css", "/static/app.css", *served)),
        probes=(tried("live probe /health/live", "/health/live", *served),),
        users=(tried("the same user after another login", "/items", 429), tried("another user", "/items", 200)),
        addresses=(
            Addressed(entry="proxy", is_proxy=True, before=429, after=429, other="127.0.77.9", statuses=(200, 200)),
            Addressed(entry="direct", is_proxy=False, before=429, after=429, other="127.0.77.9", statuses=(200, 200)),
        ),
    )


def shared() -> SharedLimit:
    line = '{"level": "warning", "event": "Redis rate limit check failed. Falling back to in-memory counting"}'
    outages = tuple(
        StoreAway(
            how=how,
            phase=phase(how, SHARED, (40, 200), (20, 429)),
            warnings=(line,),
            recovered_seconds=1.4,
            watched_seconds=1.4,
        )
        for how in ("stopped", "paused")
    )
    return SharedLimit(
        figures=SHARED,
        processes_wanted=2,
        processes_seen=2,
        attempts=(phase("shared", SHARED, (20, 200), (40, 429)),),
        store="cache",
        commands_per_request=10.9,
        outages=outages,
    )


def wide() -> WideLimit:
    hour = Figures(requests=20, window_seconds=3600.0)
    together = Figures(requests=60, window_seconds=60.0, key="global")
    return WideLimit(
        hourly=Reached(figures=hour, phases=(phase("beyond an hour's", hour, (20, 200), (2, 429)),)),
        together=Reached(
            figures=together,
            phases=(
                phase("together", together, (16, 200)),
                phase("together", together, (12, 200), (1, 429), began=0.2),
            ),
            used_before=32,
        ),
        retry_after="180",
    )


def target() -> Target:
    limits = (
        Limit(
            path="/items",
            requests=100,
            key="user",
            algorithm="token_bucket",
            exempt=("/health", "/static/app.css"),
            env=VARIABLES,
            fallback="memory",
        ),
        Limit(path="/items", requests=100, key="address", algorithm="token_bucket", env=VARIABLES),
        Limit(path="/items", requests=3000, window_seconds=3600.0, key="user", env={"requests": "RATE_LIMIT_PER_HOUR"}),
        Limit(path="/items", requests=6000, key="global", env={"requests": "RATE_LIMIT_GLOBAL_PER_MINUTE"}),
    )
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(
            Entry(name="proxy", service="web", port=8443, https=True),
            Entry(name="direct", service="api", port=8000),
        ),
        roles={Role.APP: ("api",), Role.PROXY: ("web",), Role.REDIS: ("cache",)},
        probes={ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/health/live")},
        login=Login(request=Request(method="POST", path="/auth/login"), users=({"name": "alice", "password": "***"},)),
        origins=(ORIGIN,),
        limits=limits,
        openapi={"openapi": "3.1.0", "paths": {"/items": {"get": {}}, "/me": {"get": {}}}},
    )


def build() -> dict[str, Any]:
    facts = {
        "target": target(),
        "deployed_limit": deployed(),
        "small_limit": small(),
        "shared_limit": shared(),
        "wide_limit": wide(),
        "switched_off_limit": SwitchedOff(phase=phase("switched off", SMALL, (24, 200))),
        "development_responses": Responses(
            exchanges=(), not_provoked={"too_many via proxy": "no refusal in 105 requests"}, unrefused={"proxy": 105}
        ),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("ratelimit.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
