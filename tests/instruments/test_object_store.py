"""An S3 endpoint that keeps what it gets as it is."""

from __future__ import annotations

import hashlib
import sys
import urllib.request

import pytest

from readiness.verdict import Inconclusive


def test_an_endpoint_that_is_not_installed_says_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from readiness.instruments.object_store import ObjectStore  # noqa: PLC0415

    monkeypatch.setitem(sys.modules, "moto.server", None)
    with pytest.raises(Inconclusive, match="needs the package moto") as caught:
        ObjectStore("127.0.0.1", bucket="readiness-test")
    assert "pytest-readiness[s3]" in caught.value.supply


def test_objects_are_told_by_key_and_sum() -> None:
    pytest.importorskip("moto.server")
    from readiness.instruments.object_store import ObjectStore  # noqa: PLC0415

    content = bytes(range(256)) * 5000
    with ObjectStore("127.0.0.1", bucket="readiness-test") as store:
        assert store.objects() == {}
        for key in ("shop/20250601/db.dump", "with%20space"):
            request = urllib.request.Request(  # noqa: S310  # http, to ourselves
                f"{store.url}/readiness-test/{key}", content, {"content-type": "application/octet-stream"}, method="PUT"
            )
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  # as above
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert store.objects() == {"shop/20250601/db.dump": md5, "with space": md5}
    with ObjectStore("127.0.0.1", bucket="readiness-test") as store:
        assert store.objects() == {}


def test_an_address_of_somebody_else_is_refused() -> None:
    pytest.importorskip("moto.server")
    from readiness.instruments.object_store import ObjectStore  # noqa: PLC0415

    with pytest.raises(OSError, match="assign"):
        ObjectStore("192.0.2.1", bucket="readiness-test")
