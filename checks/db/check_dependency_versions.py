"""Every store runs in a version that the application is said to work with."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.database.versions import is_at_least
from readiness.declared.versions import VERSIONS_EXAMPLE, versions_of
from readiness.facts.persistence import StoreSettings
from readiness.target import Target


@check(
    id="db.dependency_versions",
    category=Category.DB,
    severity=Severity.MEDIUM,
    title="Every database runs in a version that the application is said to work with",
    why="With an older server the first query that uses what it lacks fails, often only in a migration or under load.",
    source="Claims ledger, db.dependency_versions (myragdb: PostgreSQL 13 or newer)",
    remediation="Pin the image to a version that the application was tested with, and migrate the data to it.",
    seeds=("myragdb",),
    defects=("database-older-than-declared",),
)
def check_dependency_versions(store_settings: StoreSettings, target: Target) -> Verdict:
    """Compare what the running servers tell (SHOW server_version, INFO server) with the declared oldest versions."""
    declared = versions_of(target)
    if "versions" in target.declined:
        target.require("versions", declared, example=VERSIONS_EXAMPLE)
    if not declared:
        raise NotApplicable("premise failed: readiness.yaml states no versions of databases")
    stores = {store.service: store for store in store_settings.stores}
    findings: list[Finding] = []
    unknown: list[str] = []
    seen: list[str] = []
    for service, oldest in declared.items():
        store = stores.get(service)
        version = store.version if store is not None else ""
        answer = is_at_least(version, oldest)
        if answer is None:
            unknown.append(
                f"{service} ({_reason(service, stores[service].problem) if store else 'no store by its role'})"
            )
            continue
        seen.append(f"{service} {version}")
        if not answer:
            kind = stores[service].kind
            asked = "SHOW server_version" if kind == "postgres" else "INFO server"
            evidence = (Evidence(source=f"{asked} at {service}", text=version[:200]),)
            message = f"{service} runs {kind} {version[:100]}, and {oldest} or newer is declared"
            findings.append(Finding(message=message, evidence=evidence))
    if unknown and not findings:
        raise Inconclusive(
            f"the version of {', '.join(unknown)} is not known",
            supply="roles: {db: db, redis: cache}  # PostgreSQL and Redis are asked",
        )
    return Verdict(findings=tuple(findings), summary=f"running: {', '.join(seen)}")


def _reason(service: str, problem: str) -> str:
    return problem or f"{service} is neither a PostgreSQL nor a Redis, and only these are asked"
