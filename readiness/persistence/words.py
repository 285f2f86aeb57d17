"""Settings as owners write them: on command lines, and in variables that are named like settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

__all__ = ["POSTGRES_VARIABLES", "REDIS_VARIABLES", "stated_postgres", "stated_redis"]

#: Settings that people try to reach by a variable. Which variables an image reads is its own affair; the official ones
#: read none of these (docker-library documentation of postgres and redis, "Environment Variables").
_POSTGRES = (
    "autovacuum", "checkpoint_completion_target", "checkpoint_timeout", "default_statistics_target",
    "effective_cache_size", "effective_io_concurrency", "fsync", "log_min_duration_statement", "log_statement",
    "maintenance_work_mem", "max_connections", "max_parallel_workers", "max_parallel_workers_per_gather",
    "max_wal_size", "max_worker_processes", "min_wal_size", "random_page_cost", "shared_buffers",
    "shared_preload_libraries", "statement_timeout", "synchronous_commit", "wal_buffers", "wal_level", "work_mem",
)  # fmt: skip
_REDIS = ("appendfsync", "appendonly", "maxmemory", "maxmemory-policy", "save")
POSTGRES_VARIABLES = {
    f"{prefix}_{name.upper()}": name for prefix in ("POSTGRES", "POSTGRESQL", "PG") for name in _POSTGRES
}
REDIS_VARIABLES = {
    f"{prefix}_{name.upper().replace('-', '_')}": name for prefix in ("REDIS", "VALKEY") for name in _REDIS
}
_SHORT = {"-N": "max_connections", "-B": "shared_buffers"}
_SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)=(.*)", re.DOTALL)


def stated_postgres(command: Sequence[str]) -> dict[str, str]:
    """Settings that a command line of PostgreSQL gives (its documentation, "postgres", options); the last one counts."""
    words, found = list(_words(command)), dict[str, str]()
    for position, word in enumerate(words):
        following = words[position + 1] if position + 1 < len(words) else ""
        text = following if word == "-c" else word[2:] if word.startswith(("--", "-c")) else ""
        if match := _SETTING.fullmatch(text):
            found[match[1].lower().replace("-", "_")] = match[2]
        elif word in _SHORT and following:
            found[_SHORT[word]] = following
    return found


def stated_redis(command: Sequence[str]) -> dict[str, str]:
    """Settings that a command line of Redis gives: ``--name`` and the words up to the next one.

    ``save`` given several times adds up; an empty one takes back what was before (redis.conf).
    """
    found: dict[str, list[str]] = {}
    name = ""
    for word in _words(command):
        if word.startswith("--"):
            name = word[2:].lower()
            if name != "save":
                found.pop(name, None)
            found.setdefault(name, [])
        elif name == "save" and not word:
            found[name] = []
        elif name:
            found[name].append(word)
    return {name: " ".join(values) for name, values in found.items()}


def _words(command: Iterable[str]) -> Iterable[str]:
    """The words of a command; those inside a shell's one word too."""
    for word in command:
        if " " not in word.strip() or not re.search(r"\s-{1,2}[A-Za-z]", word):
            # ``--save "60 1000"`` is one word to the engine and several to the server.
            yield from word.split() if word.strip() and "=" not in word else [word]
            continue
        try:
            yield from shlex.split(word)
        except ValueError:
            yield from word.split()
