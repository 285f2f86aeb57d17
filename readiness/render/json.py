"""The card as JSON: the contract that every other format is made from. ASCII only, so that no viewer can be fooled."""

from __future__ import annotations

import json

from readiness.scorecard import Scorecard, from_json, to_json

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "json"
SUFFIX = ".json"


def render(card: Scorecard) -> str:
    r"""Indented JSON with a final newline; ``</`` is written ``<\/`` so that it can be embedded in a page."""
    # Through the declared types once, so that 1 and 1.0 are written alike and a card rendered again is the same file.
    data = to_json(from_json(to_json(card)))
    return json.dumps(data, indent=2, allow_nan=False).replace("</", "<\\/") + "\n"
