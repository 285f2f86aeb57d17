from __future__ import annotations

import pytest

from readiness.facts.containers import Mounted
from readiness.facts.persistence import Store
from readiness.persistence.places import directory_of, mount_of


def store(image: str = "", **more: object) -> Store:
    return Store(service="db", role="db", image=image, **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("of", "place"),
    [
        (store("postgres:16", directory="/srv/pg"), "/srv/pg"),
        (store("registry.internal:5000/lib/postgres@sha256:00"), "/var/lib/postgresql/data"),
        (store("qdrant/qdrant:v1.9"), "/qdrant/storage"),
        (store("mariadb"), "/var/lib/mysql"),
        (store("registry.internal/ledger", image_volumes=("/ledger",)), "/ledger"),
        (store("registry.internal/ledger", image_volumes=("/ledger", "/logs")), ""),
        (store(""), ""),
    ],
)
def test_the_server_tells_before_its_image_does(of: Store, place: str) -> None:
    assert directory_of(of) == place


def test_the_deepest_mount_above_a_directory_holds_it() -> None:
    outer = Mounted(kind="volume", source="all", destination="/var/lib/postgresql")
    inner = Mounted(kind="volume", source="0f", destination="/var/lib/postgresql/data", is_anonymous=True)
    beside = Mounted(kind="tmpfs", source="", destination="/var/lib/post")
    assert mount_of("/var/lib/postgresql/data/pgdata", [outer, inner, beside]) == inner
    assert mount_of("/var/lib/postgresql/18/docker", [outer, inner, beside]) == outer
    assert mount_of("/var/lib/other", [outer, inner, beside]) is None
