from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import URL
from starlette.responses import PlainTextResponse

from readiness.demo.app.shop import documentation
from readiness.demo.app.shop.cross_origin import cross_origin

LISTED = "https://app.shop.internal"
SETTINGS = {
    "origins": [LISTED],
    "is_production": True,
    "database_url": URL.create("postgresql", username="shop", password="long-password", host="db"),
}
PREFLIGHT = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}


def settings(**changes: Any) -> Any:
    return SimpleNamespace(**{**SETTINGS, **changes})


def ask(app: Any, method: str, path: str, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


def told(origin: str, *, method: str = "GET", **changes: Any) -> httpx.Headers:
    app = cross_origin(PlainTextResponse("hello"), settings(**changes))
    asks = PREFLIGHT if method == "OPTIONS" else {}
    return ask(app, method, "/", Origin=origin, **asks).headers


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_listed_origin_may_read_with_credentials(method: str) -> None:
    headers = told(LISTED, method=method)
    assert headers["access-control-allow-origin"] == LISTED
    assert headers["access-control-allow-credentials"] == "true"
    assert "Origin" in headers["vary"]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("origin", ["null", "http://app.shop.internal", f"{LISTED}.evil.test", "http://localhost:3000"])
def test_others_may_not_in_production(method: str, origin: str) -> None:
    assert "access-control-allow-origin" not in told(origin, method=method)


def test_developers_pages_may_outside_production_and_strangers_may_not() -> None:
    assert told("http://localhost:3000", is_production=False)["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-origin" not in told("http://localhost.evil.test", is_production=False)


def test_preflights_may_be_remembered() -> None:
    assert told(LISTED, method="OPTIONS")["access-control-max-age"] == "600"


def test_the_missing_vary_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DEFECTS", "cors-vary-missing")
    assert "vary" not in told(LISTED)


PLACES = ("/docs", "/redoc", "/openapi.json")


def documented(**changes: Any) -> FastAPI:
    app = FastAPI(title="Shop", docs_url=None, redoc_url=None, openapi_url=None)
    documentation.install(app, settings(**changes))
    return app


def test_documents_are_closed_in_production_and_open_elsewhere() -> None:
    assert {ask(documented(), "GET", path).status_code for path in PLACES} == {404}
    assert {ask(documented(is_production=False), "GET", path).status_code for path in PLACES} == {200}


def test_viewers_may_run_the_scripts_that_they_come_with() -> None:
    for path in ("/docs", "/redoc"):
        answer = ask(documented(is_production=False), "GET", path)
        assert "https://cdn.jsdelivr.net" in answer.text
        assert "script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net" in answer.headers["content-security-policy"]


def test_the_description_tells_nothing_of_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    told = documentation.information(settings())
    assert set(told) == {"name", "version", "capabilities", "authentication"}
    monkeypatch.setenv("SHOP_DEFECTS", "api-info-leaks")
    assert "long-password" in str(documentation.information(settings()))
