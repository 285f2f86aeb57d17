"""The public names are exactly those announced."""

from __future__ import annotations

import types

import readiness


def test_all_is_sorted_and_importable() -> None:
    assert list(readiness.__all__) == sorted(readiness.__all__)
    for name in readiness.__all__:
        assert getattr(readiness, name) is not None


def test_all_names_everything_public() -> None:
    public = {
        name
        for name, value in vars(readiness).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "annotations"
    }
    assert public == set(readiness.__all__)
