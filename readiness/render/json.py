"""The card as JSON: the contract that every other format is made from. ASCII only, so that no viewer can be fooled."""

from __future__ import annotations

import json

from readiness.scorecard import Scorecard, to_json

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "json"
SUFFIX = ".json"


def render(card: Scorecard) -> str:
    r"""Indented JSON with a final newline; ``</`` is written ``<\/`` so that it can be embedded in a page."""
    return json.dumps(to_json(card), indent=2, allow_nan=False).replace("</", "<\\/") + "\n"
