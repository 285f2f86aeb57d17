"""Writes ``everything_ended.json``: the recorded facts of a sound stack that ended at once.

Run it after a change of the facts: ``python tests/checks/bases/build_everything_ended.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.container_trials import Crash
from readiness.facts.everything_ended import EverythingEnded
from readiness.facts.model import ServiceModel, StackModel

SERVICES = ("api", "db", "worker")


def crash(service: str) -> Crash:
    return Crash(
        service=service,
        restart="unless-stopped",
        has_health_check=True,
        back_seconds=0.9,
        well_seconds=6.1,
        watched_seconds=6.2,
        status="running",
    )


def build() -> dict[str, Any]:
    model = StackModel(services={name: ServiceModel(name=name, restart="unless-stopped") for name in SERVICES})
    ended = EverythingEnded(
        crashes=tuple(crash(name) for name in SERVICES),
        spread_seconds=1.1,
        was_serving=True,
        serving_seconds=6.4,
        watched_seconds=6.5,
    )
    facts = {
        "stack_model": model,
        "everything_ended": ended,
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("everything_ended.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
