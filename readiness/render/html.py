"""The card as one HTML file: no script, nothing loaded, readable in any browser, on paper and by a screen reader.

The page forbids itself everything but its own style, by a Content-Security-Policy with the hash of that style. All
text passes through one funnel on its way out (Jinja's ``finalize``, then autoescape), so no place can forget to.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from readiness.render import _chart, _view
from readiness.scorecard import CheckResult, Scorecard

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["NAME", "SUFFIX", "render"]

NAME = "html"
SUFFIX = ".html"

#: Evidence longer than this is folded away; a reader sees what kind of thing it is from these first lines.
_FOLDED_CHARACTERS = 900
_HEADING_CHARACTERS = 120


def render(card: Scorecard) -> str:
    """The whole page."""
    from markupsafe import Markup  # noqa: PLC0415  # comes with jinja2, which is heavy

    style = _source("scorecard.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    view = _view.View.of(card)
    return _template().render(
        card=card,
        view=view,
        start=card.target.start,
        unknown=_by_cause(view.inconclusive),
        style=Markup(style),  # noqa: S704  # our own file, without anything of the card's
        style_digest=digest,
        longest_step=max((step.seconds for step in card.run.critical_path), default=0) or 1,
    )


@cache
def _source(name: str) -> str:
    return resources.files("readiness.render").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    import jinja2  # noqa: PLC0415  # heavy; not at import
    from markupsafe import Markup  # noqa: PLC0415  # comes with it

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        points=_view.points,
        percent=_view.percent,
        duration=_view.duration,
        size=_view.size,
        limits=_view.limits,
        short=lambda text: _view.clip(text, _HEADING_CHARACTERS),
        asked_for=_view.asked_for,
        words=lambda text: text.replace("_", " "),
        is_long=lambda text: len(text) > _FOLDED_CHARACTERS,
        # Figures of ours only, and longer than a text may be.
        path_data=Markup,
    )
    environment.globals.update(measured=_view.measured, draw=_chart.draw)
    return environment.from_string(_source("scorecard.html.j2"))


def _shown(value: Any) -> Any:
    """What every expression of the template passes through; markup of our own making is left alone."""
    return _view.visible(_view.clip(value)) if type(value) is str else value


def _by_cause(checks: tuple[CheckResult, ...]) -> list[tuple[str, str, list[CheckResult]]]:
    """Inconclusive checks that lack the same thing, together."""
    groups: dict[tuple[str, str], list[CheckResult]] = {}
    for check in checks:
        groups.setdefault((check.reason, check.supply), []).append(check)
    return [(reason, supply, found) for (reason, supply), found in groups.items()]
