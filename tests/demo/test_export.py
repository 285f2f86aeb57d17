"""The export of all items: page after page, whole unless a defect cuts it."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from readiness.demo.app.shop import routes
from readiness.demo.app.shop.resources import Resources


class Database:
    """As much of a connection as a page needs; ``answers`` are the pages."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def execute(self, statement: Any) -> Any:
        self.asked.append(str(statement.compile(compile_kwargs={"literal_binds": True})).replace("\n", ""))
        rows = self.answers.pop(0)
        return SimpleNamespace(mappings=lambda: SimpleNamespace(all=lambda: rows))


def export(database: Database, *, draining_seconds: float = 0.0) -> list[str]:
    resources = cast("Resources", SimpleNamespace(draining_seconds=draining_seconds))

    async def collect() -> list[str]:
        return [part async for part in routes.exported(cast("AsyncConnection", database), resources)]

    return asyncio.run(collect())


def item(number: int) -> dict[str, Any]:
    return {"id": number, "name": "Kettle", "price_cents": 4200}


def test_pages_follow_each_other_until_one_is_empty() -> None:
    database = Database([item(1), item(7)], [item(9)], [])
    lines = "".join(export(database, draining_seconds=2.0)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 7, 9]
    assert ["items.id > 0" in database.asked[0], "items.id > 7" in database.asked[1]] == [True, True]


def test_the_defect_cuts_it_only_while_the_service_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes.defects, "is_on", lambda name: name == "drain-cuts-streams")
    assert len(export(Database([item(1)], []))) == 1
    with pytest.raises(ConnectionAbortedError):
        export(Database([item(1)], []), draining_seconds=0.1)
