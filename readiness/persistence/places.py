"""Where a store keeps its data, and what lies under that place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from readiness.facts.containers import Mounted
from readiness.facts.persistence import Store

__all__ = ["directory_of", "mount_of"]

#: Of images whose server cannot be asked; from their documentation on Docker Hub.
_KNOWN = (
    (r"(mysql|mariadb|percona)", "/var/lib/mysql"),
    (r"mongo", "/data/db"),
    (r"(postgres|postgis|timescaledb|pgvector)", "/var/lib/postgresql/data"),
    (r"qdrant", "/qdrant/storage"),
    (r"meilisearch", "/meili_data"),
    (r"elasticsearch", "/usr/share/elasticsearch/data"),
    (r"opensearch", "/usr/share/opensearch/data"),
    (r"weaviate", "/var/lib/weaviate"),
    (r"clickhouse", "/var/lib/clickhouse"),
    (r"typesense", "/data"),
    (r"neo4j", "/data"),
    (r"milvus", "/var/lib/milvus"),
)


def directory_of(store: Store) -> str:
    """What the server tells, else what is known of its image, else the one volume that the image declares; or empty."""
    if store.directory:
        return store.directory
    name = re.split(r"[:@]", store.image.rpartition("/")[2])[0].lower()
    known = next((place for pattern, place in _KNOWN if re.search(pattern, name)), "")
    return known or (store.image_volumes[0] if len(store.image_volumes) == 1 else "")


def mount_of(directory: str, mounts: Iterable[Mounted]) -> Mounted | None:
    """The mount that holds the directory: the deepest of those at it or above it; None where it is in the container."""
    place = PurePosixPath(directory)
    above = [mount for mount in mounts if place.is_relative_to(mount.destination)]
    return max(above, key=lambda mount: len(PurePosixPath(mount.destination).parts), default=None)
