"""Writes ``model.json``: the recorded facts of a sound service that embeds texts with a model of its own.

Run it after a change of the facts: ``python tests/checks/bases/build_model.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.embedded import BatchAnswer, ConcurrentInference, Embedded
from readiness.target import Entry, Target

BATCH = (0, 8, 5, 2, 10, 7, 4, 1)


def inference() -> ConcurrentInference:
    return ConcurrentInference(
        request="POST /embed",
        alone=12,
        smallest_distance=0.31,
        at_once=tuple(Embedded(text=n, status=200, difference=0.0, nearest=n) for n in range(12)),
        batches=(
            BatchAnswer(sent=BATCH, status=200, nearest=BATCH),
            BatchAnswer(sent=BATCH, status=200, nearest=BATCH, others=True),
        ),
    )


def build() -> dict[str, Any]:
    facts = {
        "target": Target(
            name="shop",
            folder="/srv/shop",
            service="api",
            entries=(Entry(name="direct", service="api", port=8000),),
        ),
        "concurrent_inference": inference(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    Path(__file__).with_name("model.json").write_text(json.dumps(build(), indent=1, ensure_ascii=False) + "\n", "utf-8")
