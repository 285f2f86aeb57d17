"""Writes ``model.json``: the recorded facts of a sound service that embeds texts with a model of its own.

Run it after a change of the facts: ``python tests/checks/bases/build_model.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.embedded import BatchAnswer, ConcurrentInference, Embedded
from readiness.facts.fetched import FetchedStart, HubRequest, ModelDownloads, SmallCache
from readiness.facts.startup import Said
from readiness.target import Entry, Target

BATCH = (0, 8, 5, 2, 10, 7, 4, 1)


def inference() -> ConcurrentInference:
    return ConcurrentInference(
        request="POST /embed",
        alone=12,
        alone_seconds=0.08,
        repeated_seconds=0.07,
        repeated_difference=0.0,
        smallest_distance=0.31,
        at_once=tuple(Embedded(text=n, status=200, difference=0.0, nearest=n) for n in range(12)),
        batches=(
            BatchAnswer(sent=BATCH, status=200, nearest=BATCH, difference=0.0),
            BatchAnswer(sent=BATCH, status=200, nearest=BATCH, difference=0.0, others=True),
        ),
    )


FILE = "/weights.bin"
FULL = '{"status": "error", "message": "the model cannot be cached: No space left on device"}'


def asked(seconds: float, answer: str) -> HubRequest:
    return HubRequest(seconds=seconds, method="GET", path=FILE, answer=answer)


def said(status: int, body: str) -> Said:
    word = "yes" if status == 200 else "no"
    return Said(kind="loading", path="/health/model", standing=word, status=status, body=body)


def downloads() -> ModelDownloads:
    return ModelDownloads(
        service="api",
        file=FILE,
        broken=FetchedStart(
            seconds=6.1,
            ready_seconds=6.1,
            requests=(asked(3.0, "cut"), asked(3.5, "limited"), asked(4.5, "served")),
            said=said(200, '{"status": "ok"}'),
            log=("no model yet", "model is loaded"),
        ),
        cut_files=("/data/models/weights.bin",),
        cut_sources=(FILE,),
        corrupt=FetchedStart(
            seconds=2.0,
            ready_seconds=2.0,
            requests=(asked(1.5, "served"),),
            said=said(200, '{"status": "ok"}'),
            log=("the cached model is corrupt, and fetched again",),
        ),
        is_same_answer=True,
    )


def small() -> SmallCache:
    return SmallCache(
        service="api",
        file=FILE,
        disk_bytes=32768,
        model_bytes=65536,
        start=FetchedStart(
            seconds=14.0,
            requests=(asked(6.0, "served"), asked(7.0, "served")),
            said=said(503, FULL),
            log=("no model yet",),
        ),
    )


def build() -> dict[str, Any]:
    facts = {
        "target": Target(
            name="shop",
            folder="/srv/shop",
            service="api",
            entries=(Entry(name="direct", service="api", port=8000),),
            extra={
                "startup": {"model": {"hub_env": "HUB", "cache": "/data/models", "files": {"/weights.bin": 65536}}},
            },
        ),
        "concurrent_inference": inference(),
        "model_downloads": downloads(),
        "small_cache": small(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    Path(__file__).with_name("model.json").write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n", "utf-8")
