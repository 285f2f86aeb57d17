"""Rewrites the demo's OpenAPI document: ``python -m tests.demo.openapi``. A test holds the file to the application."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from readiness.demo.app.shop import settings as shop_settings
from readiness.demo.app.shop.main import create_api
from readiness.demo.app.shop.resources import Resources

DOCUMENT = Path(__file__).parents[2] / "readiness" / "demo" / "openapi.json"
#: Nothing is connected to: the document only needs the routes.
ENVIRONMENT = {
    "ENVIRONMENT": "development",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PASSWORD": "database-password",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PASSWORD": "redis-password",
    "JWT_SECRET": "s" * 40,
    "PROXY_TOKEN": "p" * 20,
    "ERROR_ROUTE": "on",
}


def document(folder: Path) -> dict[str, Any]:
    """What the application would serve; ``folder`` is its empty data directory."""
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT, DATA_PATH=str(folder))
    try:
        return create_api(Resources.of(shop_settings.load())).openapi()
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        DOCUMENT.write_text(json.dumps(document(Path(place)), indent=1) + "\n", encoding="utf-8")
