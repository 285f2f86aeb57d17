"""The two fixtures of an audit that are neither facts nor instruments."""

from __future__ import annotations

from typing import Any

import pytest

from readiness.audit.items import check_meta
from readiness.audit.judging import limits_of
from readiness.audit.workbench import Workbench
from readiness.gather._store import FactStore

__all__ = ["BENCH", "limits", "readiness_store"]

#: Where the process's workbench is kept.
BENCH = pytest.StashKey[Workbench]()


@pytest.fixture(scope="session")
def readiness_store(request: pytest.FixtureRequest) -> FactStore:
    """Where facts come from."""
    return request.config.stash[BENCH].store


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Any:
    """The limits of the check that asks, with the profile's numbers."""
    meta = check_meta(request.node)
    if meta is None:
        raise pytest.UsageError("the fixture 'limits' is for checks")
    return limits_of(meta, request.config.stash[BENCH].run.profile)
