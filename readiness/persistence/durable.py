"""Which Redis has to keep what it holds: what the owner says or has arranged for, else what was seen to be in it.

That a Redis writes snapshots is no sign: it does so by default, also where it is nothing but a cache.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from readiness.declared.persistence import persistence_of, settings_of
from readiness.facts.persistence import QueueSurvival, RedisEndings, Store, StoreSettings
from readiness.persistence.places import mount_of
from readiness.target import Target
from readiness.verdict import Inconclusive, NotApplicable

__all__ = ["keeps_nothing", "persistence_example", "sign_of_intent", "why_durable"]


def persistence_example(services: Collection[str]) -> str:
    """The lines that say it."""
    inside = ", ".join(f"{service}: durable" for service in services) or "SERVICE: durable"
    return f"persistence: {{{inside}}}   # or volatile: losing it costs nothing but time"


def keeps_nothing(settings: Mapping[str, str]) -> bool:
    """Whether a Redis is set to write nothing to its disk: neither save points nor an append-only file."""
    return not settings.get("save", "").strip("\"' ") and settings.get("appendonly", "no") not in {"yes", "on", "true"}


def sign_of_intent(target: Target, store: Store) -> str:
    """Why the owner wants a Redis to keep what it holds; empty where nothing says so."""
    said = persistence_of(target).get(store.service)
    if said is not None:
        return "it is declared to be durable" if said == "durable" else ""
    if not keeps_nothing(store.stated) or not keeps_nothing(settings_of(target).get(store.service, {})):
        return "it is told to write to its disk"
    at_place = mount_of(store.directory, store.mounts or ()) if store.directory else None
    named = [mount for mount in store.mounts or () if mount.kind == "volume" and not mount.is_anonymous]
    if named or (at_place is not None and at_place.kind == "bind"):
        return "it is given a volume"
    return ""


def why_durable(target: Target, stores: StoreSettings, endings: RedisEndings, queue: QueueSurvival) -> dict[str, str]:
    """Redis -> why what it holds must outlive it; only those that could be ended.

    Raises:
        NotApplicable: there is no Redis, or each is declared to be volatile.
        Inconclusive: nothing says whether it matters.
    """
    services = list(dict.fromkeys(marked.service for marked in endings.marked))
    if "persistence" in target.declined:
        raise NotApplicable(f"persistence: none, because {target.declined['persistence']}")
    if not services:
        raise NotApplicable("no service of the stack has the role redis")
    signs = {store.service: sign_of_intent(target, store) for store in stores.of("redis")}
    found = {service: signs[service] for service in services if signs.get(service)}
    found |= {service: "jobs wait in it" for service in services if service in queue.stores and service not in found}
    if found:
        return found
    declared = persistence_of(target)
    if unsaid := [service for service in services if service not in declared]:
        raise Inconclusive(
            f"nothing says whether what {', '.join(unsaid)} holds matters, and no job was seen to wait in it",
            supply=persistence_example(unsaid),
            undeclared="persistence",
        )
    raise NotApplicable(f"{', '.join(services)} is declared to be volatile, and no job was seen to wait in it")
