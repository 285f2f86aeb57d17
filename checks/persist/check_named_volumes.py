"""Every store keeps its data on a volume that outlives its container."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.declared.persistence import persistence_of
from readiness.facts.persistence import Store, StoreSettings
from readiness.persistence.durable import keeps_nothing, persistence_example, sign_of_intent
from readiness.persistence.places import directory_of, mount_of
from readiness.target import Target


@check(
    id="persist.named_volumes",
    category=Category.PERSIST,
    severity=Severity.HIGH,
    title="Every store keeps its data on a named volume or a directory of the host",
    why="What lies in the container, in memory or on an anonymous volume is gone with the next deployment.",
    source="Claims ledger, persist.named_volumes; Docker documentation, Volumes",
    remediation="Mount a named volume at the directory that the server itself tells (SHOW data_directory, CONFIG GET dir).",
    seeds=("brainda", "brain"),
    defects=("database-without-volume", "database-data-elsewhere", "redis-without-volume"),
)
def check_named_volumes(store_settings: StoreSettings, target: Target) -> Verdict:
    """Compare the directory that the server names with the mounts in force."""
    if not store_settings.stores:
        raise NotApplicable("the stack has no store of its own: no service has a role of one")
    findings: list[Finding] = []
    doubts: list[str] = []
    told: list[str] = []
    unsaid: list[str] = []
    spared = {store.service: why for store in store_settings.stores if (why := _spared(target, store))}
    for store in store_settings.stores:
        directory = directory_of(store)
        if store.service in spared:
            continue
        if store.kind == "redis" and not sign_of_intent(target, store):
            doubts.append(f"{store.service}: nothing says whether what it holds matters, or needs no volume")
            unsaid.append(store.service)
        elif store.mounts is None:
            doubts.append(f"{store.service}: needs a container engine, which alone tells what is mounted")
        elif not directory:
            doubts.append(f"{store.service}: where it keeps its data is not known ({store.problem or store.image})")
        elif (finding := _misplaced(store, directory)) is not None:
            findings.append(finding)
        else:
            told.append(f"{store.service} at {directory}")
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts), supply=persistence_example(unsaid) if unsaid else "")
    if not findings and not told:
        raise NotApplicable("; ".join(spared.values()))
    return Verdict(findings=tuple(findings), summary="; ".join((*told, *spared.values())))


def _spared(target: Target, store: Store) -> str:
    """Why a store needs no volume; empty where it may."""
    if persistence_of(target).get(store.service) == "volatile":
        return f"{store.service} is declared to be volatile"
    if store.kind == "redis" and not sign_of_intent(target, store) and keeps_nothing(store.settings):
        return f"{store.service} is set to write nothing to its disk"
    return ""


def _misplaced(store: Store, directory: str) -> Finding | None:
    mounts = store.mounts or ()
    mount = mount_of(directory, mounts)
    listed = ", ".join(f"{m.kind} at {m.destination}" for m in mounts) or "none"
    evidence = (Evidence(source=f"mounts of {store.service}", text=listed[:300]),)
    if mount is None:
        message = f"{store.service} keeps its data in {directory}, where nothing is mounted: it goes with the container"
    elif mount.kind == "tmpfs":
        message = f"{store.service} keeps its data in {directory}, which is memory (tmpfs at {mount.destination})"
    elif mount.is_anonymous:
        message = f"{store.service} keeps its data in {directory}, on an anonymous volume: a new container gets another"
    else:
        return None
    return Finding(message=message, evidence=evidence)
