"""What the demo declares to be public is all that is."""

from __future__ import annotations

import pytest

from readiness.declared.access import access_of
from readiness.discovery.openapi import document_of
from readiness.target_file import load_target
from tests.demo.test_service import DEMO, ask, variables

__all__ = ["variables"]

TARGET = load_target(DEMO / "readiness.yaml")
ACCESS = access_of(TARGET)
DOCUMENT = document_of(TARGET.openapi)
ID = "0" * 32


def _path(path: str) -> str:
    for name, value in {"{item_id}": "1", "{user_id}": "1", "{job_id}": ID}.items():
        path = path.replace(name, value)
    return path


def test_whatever_is_not_declared_public_asks_for_a_login(variables: pytest.MonkeyPatch) -> None:
    """A new operation is either guarded, or listed under ``access.public`` in the demo's readiness.yaml."""
    assert DOCUMENT is not None
    private = [o for o in DOCUMENT.operations if not ACCESS.is_public(o.method, o.path)]
    answers = ask(*((o.method, _path(o.path), {"json": {}} if o.method == "POST" else {}) for o in private))
    open_to_all = [f"{o.method} {o.path}" for o, a in zip(private, answers, strict=True) if a.status_code != 401]
    assert open_to_all == []
    assert len(private) > 5


def test_the_administrators_operations_are_in_the_document() -> None:
    assert DOCUMENT is not None
    named = {(o.method, o.path) for o in DOCUMENT.operations if ACCESS.is_admin(o.method, o.path)}
    assert named == {("GET", "/admin/users"), ("DELETE", "/admin/users/{user_id}")}
