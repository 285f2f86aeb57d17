"""The database runs with the settings that are stated for it."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.persistence import StoreSettings
from readiness.persistence.declared import compared
from readiness.target import Target


@check(
    id="db.server_settings",
    category=Category.DB,
    severity=Severity.MEDIUM,
    title="The database server runs with the settings that are stated for it",
    why="A variable that the image does not read changes nothing, and everybody sizes the pools by it.",
    source="Claims ledger, db.server_settings; docker-library documentation of postgres, Database Configuration",
    remediation="Pass settings to the server itself (command: -c max_connections=50), then ask it: SHOW max_connections.",
    seeds=("brainda",),
    defects=("database-settings-ignored", "database-settings-other"),
)
def check_server_settings(store_settings: StoreSettings, target: Target) -> Verdict:
    """Compare what commands, variables and the declaration state with what the server shows."""
    stores = store_settings.of("db")
    if not stores:
        raise NotApplicable("no service of the stack has the role db")
    asked = [store for store in stores if store.kind]
    if not asked:
        raise Inconclusive(f"{stores[0].service} could not be asked for its settings: {stores[0].problem}")
    findings: list[Finding] = []
    count = 0
    for store in asked:
        found, stated = compared(target, store)
        findings += found
        count += stated
    if not count:
        raise NotApplicable(
            "premise failed: neither a command, nor a variable, nor settings in readiness.yaml states how the database runs"
        )
    names = ", ".join(store.service for store in asked)
    return Verdict(findings=tuple(findings), summary=f"{count} stated settings are those in force in {names}")
