"""Writes ``sentry.json``: what a sound service sends to its error tracker, for the cases of ``sentry.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_sentry.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.tracking import Captured, ErrorTracking, Provoked, Sampled, Stopped, Waiting
from readiness.target import Entry, Target


def event(*exceptions: str, breadcrumbs: int = 0) -> Captured:
    return Captured(
        seconds=0.2,
        exceptions=exceptions,
        frames=22,
        innermost="boom in shop/routes.py",
        environment="production",
        url="http://api:8000/boom",
        headers=("accept", "authorization", "host"),
        user=("id",),
        breadcrumbs=breadcrumbs,
    )


def tracking() -> ErrorTracking:
    unhandled = Provoked(
        name="unhandled",
        request="POST http://api:8000/boom: 500",
        status=500,
        as_user=True,
        is_protected=True,
        events=(event("RuntimeError"),),
    )
    database = Provoked(
        name="db",
        request="GET http://api:8000/items: 503",
        status=503,
        as_user=True,
        events=(event("ConnectionRefusedError", breadcrumbs=2),),
    )
    return ErrorTracking(
        is_reachable=True,
        envelopes=22,
        expected_environment="production",
        provoked=(unhandled, database),
        secrets=("body", "cookie", "login", "query"),
        sampled=Sampled(answered=100, transactions=9, told_ratios=(0.1,)),
        waiting=Waiting(
            answering=(0.02, 0.03, 0.02, 0.02, 0.04),
            hanging=(0.01, 0.03, 0.04, 0.03, 0.02),
            stopped=Stopped(seconds=2.2, exit_code=0),
        ),
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(Entry(name="direct", service="api", port=8000),),
        extra={"tracking": {"dsn_env": "SENTRY_DSN", "traces_sample_ratio": 0.1}},
    )


def build() -> dict[str, Any]:
    facts = {"target": target(), "error_tracking": tracking()}
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("sentry.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
