"""The ``alerts`` section: the rules of Prometheus, and the thresholds that the owner publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.target import Target

__all__ = ["Alerts", "Threshold", "alerts_of"]


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """When an alert fires, as published, in the unit of the rule's expression: exactly one of the two is set."""

    above: float | None = None
    below: float | None = None

    @property
    def words(self) -> str:
        """``"above 0.01"``."""
        return f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """What is declared about alerts.

    Attributes:
        rules: files, relative to the target's folder; empty where discovery is to find them.
        thresholds: name of the alert -> its published threshold.
        scrape_config: Prometheus' own configuration, whose jobs the rules may name; empty where not declared.
        elsewhere: beginnings of metric names that come from outside the stack.
    """

    rules: tuple[str, ...] = ()
    thresholds: dict[str, Threshold] = field(default_factory=dict)
    scrape_config: str = ""
    elsewhere: tuple[str, ...] = ()


def alerts_of(target: Target) -> Alerts:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("alerts") or {}
    return Alerts(
        rules=tuple(raw.get("rules") or ()),
        thresholds={name: _threshold(value) for name, value in (raw.get("thresholds") or {}).items()},
        scrape_config=raw.get("scrape_config", ""),
        elsewhere=tuple(raw.get("elsewhere") or ()),
    )


def _threshold(raw: float | Mapping[str, Any]) -> Threshold:
    """A number alone is what most tables publish: too much of something."""
    if isinstance(raw, Mapping):
        return Threshold(above=_number(raw.get("above")), below=_number(raw.get("below")))
    return Threshold(above=float(raw))


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
