"""The grade as a small SVG picture for a README. No text of the target's is in it but its name, in the title."""

from __future__ import annotations

from xml.sax.saxutils import escape

from readiness.render._view import clip, points, visible
from readiness.scorecard import Scorecard

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "badge"
SUFFIX = ".svg"

#: First letter of the grade -> background. White text on each has a contrast of at least 4.5 (WCAG AA).
_COLOURS = {"A": "#1a7f37", "B": "#4b7516", "C": "#8a6100", "D": "#b3420f", "F": "#b3121d"}
_UNKNOWN = "#5a6069"

#: Average advance of Verdana and its like at 11 px; textLength makes the text fit whatever font there is.
_CHARACTER_PIXELS = 7.0
_PADDING_PIXELS = 10


def render(card: Scorecard) -> str:
    """A flat badge, 20 pixels high: "readiness | A- 91.3"; says so where the run was partial or gave no grade."""
    left = "readiness"
    right = f"{card.grade} {points(card.score)}" if card.grade else "no grade"
    if card.run.partial:
        right += " (partial)"
    title = f"readiness of {visible(clip(card.target.name, 100))}: {right}"
    colour = _COLOURS[card.grade[0]] if card.grade else _UNKNOWN
    left_text, right_text = (round(len(text) * _CHARACTER_PIXELS) for text in (left, right))
    left_width, right_width = left_text + _PADDING_PIXELS, right_text + _PADDING_PIXELS
    width = left_width + right_width
    shown = escape(" ".join(title.split()), {'"': "&quot;"})
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{shown}">
  <title>{shown}</title>
  <clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#r)">
    <rect width="{left_width}" height="20" fill="#3b4149"/>
    <rect x="{left_width}" width="{right_width}" height="20" fill="{colour}"/>
  </g>
  <g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{left_width / 2}" y="14" textLength="{left_text}">{left}</text>
    <text x="{left_width + right_width / 2}" y="14" textLength="{right_text}">{escape(right)}</text>
  </g>
</svg>
"""
