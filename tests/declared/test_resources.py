from __future__ import annotations

import pytest

from readiness.declared.resources import Amount, bytes_of, resources_of
from readiness.target import Target


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("512M", 512 * 1024**2),
        ("1.5g", 1536 * 1024**2),
        ("64 MiB", 64 * 1024**2),
        ("100kb", 102400),
        (4096, 4096),
        ("7b", 7),
    ],
)
def test_sizes_are_read_as_compose_counts_them(size: str | int, expected: int) -> None:
    assert bytes_of(size) == expected


@pytest.mark.parametrize("size", ["much", "", "-1M", "1X"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        bytes_of(size)


def test_limits_and_reservations_are_published_apart() -> None:
    raw = {"services": {"api": {"cpus": 1, "reserve": {"memory": "1M"}}, "db": {"reserve": {"cpus": 0.5}}}}
    resources = resources_of(Target(name="shop", folder="", extra={"resources": raw}))
    assert resources.host is None
    assert resources.limited == {"api": Amount(cpus=1.0)}
    assert resources.reserved == {"api": Amount(memory_bytes=1024**2), "db": Amount(cpus=0.5)}
    assert resources_of(Target(name="shop", folder="")).services == {}
