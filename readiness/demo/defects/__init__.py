"""Every way in which the demo can be made unsound, one switch each, and the checks that must notice it, and no others.

One family of checks is one module here, named as its ids begin.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from readiness.demo.defects import (
    auth,
    backup,
    compose,
    cors,
    db,
    docs,
    drain,
    drain_stack,
    errors,
    headers,
    log,
    metrics,
    persist,
    probe,
    ratelimit,
    reqid,
    retry,
    sentry,
    start,
    startup,
    tls,
    validate,
)
from readiness.demo.defects._defect import Defect
from readiness.exceptions import ConfigError

__all__ = ["DEFECTS", "Defect", "compose_files", "overlay", "sections"]

#: These variables are lists, joined where several defects set them; any other variable is set by one defect alone.
LISTS = ("SHOP_DEFECTS", "PROXY_DEFECTS")

DEFECTS: tuple[Defect, ...] = (
    *auth.DEFECTS,
    *backup.DEFECTS,
    *compose.DEFECTS,
    *cors.DEFECTS,
    *db.DEFECTS,
    *docs.DEFECTS,
    *drain_stack.DEFECTS,
    *drain.DEFECTS,
    *errors.DEFECTS,
    *headers.DEFECTS,
    *log.DEFECTS,
    *metrics.DEFECTS,
    *persist.DEFECTS,
    *probe.DEFECTS,
    *ratelimit.DEFECTS,
    *reqid.DEFECTS,
    *retry.DEFECTS,
    *sentry.DEFECTS,
    *start.DEFECTS,
    *startup.DEFECTS,
    *tls.DEFECTS,
    *validate.DEFECTS,
)


def overlay(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Service -> variables that switch the named defects on; nothing for no names.

    Raises:
        ConfigError: a name is unknown; says the nearest one.
    """
    known = {defect.name: defect for defect in DEFECTS}
    merged: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(names):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ConfigError(
                f"no defect {name[:80]!r} in the demo; did you mean {near[0]!r}?",
                hint=f"the defects are {', '.join(known)}",
            )
        for service, variables in known[name].environment.items():
            mine = merged.setdefault(service, {})
            for variable, value in variables.items():
                is_joined = variable in LISTS and variable in mine
                mine[variable] = f"{mine[variable]},{value}" if is_joined else value
    return merged


def sections(names: Iterable[str], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The sections ``declared`` with what the named defects say otherwise; :func:`overlay` has vouched for the names."""
    changed = dict(declared)
    for defect in DEFECTS:
        if defect.name in set(names):
            for section, values in defect.declares.items():
                changed[section] = {**(changed.get(section) or {}), **values}
    return changed


def compose_files(names: Iterable[str]) -> tuple[str, ...]:
    """The compose files that the named defects lay over the demo's own; :func:`overlay` has vouched for the names."""
    return tuple(dict.fromkeys(d.compose for d in DEFECTS if d.name in set(names) and d.compose))
