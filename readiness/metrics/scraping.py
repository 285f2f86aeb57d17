"""Prometheus' own configuration: which jobs it scrapes, and which labels it adds to what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from readiness.metrics.rules import loaded

__all__ = ["Scraping", "read_scraping"]

#: Where Prometheus scrapes itself, as its own guide has it. The port alone would not do: services use it too.
OWN = frozenset({"localhost:9090", "127.0.0.1:9090", "prometheus:9090"})
#: Relabelling that makes labels whose names do not stand in the configuration.
_OPEN = frozenset({"labelmap"})
#: Relabelling that makes none.
_CLOSED = frozenset({"keep", "drop", "keepequal", "dropequal", "labeldrop", "labelkeep"})


@dataclass(frozen=True, kw_only=True)
class Scraping:
    """What a configuration tells. None where it cannot be told from this file alone.

    Attributes:
        jobs: every value that the label ``job`` can have.
        labels: every label that is added to what a service exposes, beyond ``job`` and ``instance``.
        is_one_place: whether nothing but one target is scraped, Prometheus itself aside: what is not there is nowhere.
        keeps_names: whether no name and no label of a service's is changed or left out.
    """

    jobs: frozenset[str] | None
    labels: frozenset[str] | None
    is_one_place: bool
    keeps_names: bool


def read_scraping(text: str) -> Scraping | None:
    """Read a configuration; None where it is none."""
    try:
        document = loaded(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("scrape_configs"), list):
        return None
    configs = [config for config in document["scrape_configs"] if isinstance(config, dict)]
    has_all = not document.get("scrape_config_files")
    return Scraping(
        jobs=_jobs(configs) if has_all else None,
        labels=_labels(configs) if has_all else None,
        is_one_place=has_all and _is_one_place(configs),
        keeps_names=has_all and not any(config.get("metric_relabel_configs") for config in configs),
    )


def _jobs(configs: list[dict[str, Any]]) -> frozenset[str] | None:
    for config in configs:
        if config.get("relabel_configs") or config.get("metric_relabel_configs"):
            return None  # a job's name can be anything after that
        if config.get("honor_labels"):
            return None  # what is scraped says itself whose it is, as a Pushgateway does
        if "job" in _static_labels(config) or _is_labelled_elsewhere(config):
            return None
    return frozenset(name for config in configs if isinstance(name := config.get("job_name"), str) and name)


def _labels(configs: list[dict[str, Any]]) -> frozenset[str] | None:
    found: set[str] = set()
    for config in configs:
        if _is_labelled_elsewhere(config):
            return None
        found |= _static_labels(config)
        for key in ("relabel_configs", "metric_relabel_configs"):
            for step in _mappings(config.get(key)):
                action = str(step.get("action") or "replace").lower()
                if action in _OPEN:
                    return None
                if action not in _CLOSED:
                    found.add(str(step.get("target_label"))[:200])
    return frozenset(found)


def _is_one_place(configs: list[dict[str, Any]]) -> bool:
    targets: set[str] = set()
    for config in configs:
        if _is_discovered(config):
            return False
        mine = [t for group in _mappings(config.get("static_configs")) for t in _texts(group.get("targets"))]
        # A job without targets is somebody else's to fill in; it stands for one.
        targets |= set(mine) - OWN if mine else {f"job {config.get('job_name')}"}
    return len(targets) <= 1


def _is_discovered(config: dict[str, Any]) -> bool:
    """Whether its targets are found by service discovery, of which only the outcome tells how many and which."""
    return any(str(key).endswith("_sd_configs") and value for key, value in config.items())


def _is_labelled_elsewhere(config: dict[str, Any]) -> bool:
    """Whether whoever names its targets may label them too; other discovery gives labels to relabelling alone."""
    return bool(config.get("file_sd_configs") or config.get("http_sd_configs"))


def _static_labels(config: dict[str, Any]) -> set[str]:
    groups = _mappings(config.get("static_configs"))
    return {str(name)[:200] for group in groups if isinstance(group.get("labels"), dict) for name in group["labels"]}


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [member for member in value if isinstance(member, str)] if isinstance(value, list) else []
