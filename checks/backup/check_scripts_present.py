"""The scripts are there, can be run, and are written about."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.backup.tried import require_tried
from readiness.facts.backup_upkeep import BackupUpkeep, OwnerScript
from readiness.target import Target


@check(
    id="backup.scripts_present",
    category=Category.BACKUP,
    severity=Severity.LOW,
    title="The backup's scripts are executable, without syntax errors, and documented",
    why="In an emergency nobody repairs a script or guesses its arguments.",
    source="Claims ledger, backup.scripts_present",
    remediation="chmod +x the scripts, run bash -n over them, and name them in a README with an example.",
    seeds=("brain",),
    defects=("backup-script-not-executable",),
)
def check_scripts_present(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Judge what was found without running anything."""
    fact = backup_upkeep
    require_tried(target, fact)
    if not fact.scripts:
        raise Inconclusive(fact.not_done.get("scripts", "no program of the owner's is named by the commands"))
    findings = [finding for script in fact.scripts for finding in _judged(script)]
    names = ", ".join(script.word for script in fact.scripts)
    return Verdict(findings=tuple(findings), summary=f"there, executable and documented: {names}")


def _judged(script: OwnerScript) -> list[Finding]:
    if not script.path:
        return [Finding(message=f"{script.word} ({script.use}) is not there")]
    findings = []
    if not script.is_executable:
        findings.append(Finding(message=f"{script.word} ({script.use}) is not executable"))
    if script.syntax:
        evidence = (Evidence(source=f"{script.by_shell} -n {script.path}", text=script.syntax),)
        findings.append(Finding(message=f"{script.word} ({script.use}) has a syntax error", evidence=evidence))
    if not script.documents:
        findings.append(Finding(message=f"no document names {script.word} ({script.use})"))
    return findings
