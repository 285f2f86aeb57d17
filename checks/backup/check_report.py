"""Every run leaves a report that is true."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.backup.reports import is_named, says_how_it_went, wrong_sizes
from readiness.backup.tried import evidence_of, require_tried
from readiness.facts.backup_upkeep import BackupUpkeep
from readiness.target import Target

REPORT_EXAMPLE = 'backup:\n  report: "*report.txt"'
SHOWN_CHARS = 1000


@check(
    id="backup.report",
    category=Category.BACKUP,
    severity=Severity.LOW,
    title="A backup leaves a report that names each store, its size and the result",
    why="Whoever looks after backups reads reports, not archives: a store that is not in it is not missed.",
    source="Claims ledger, backup.report",
    remediation="Write a line for each store with the size of what was written, and the result at the end.",
    seeds=("brain",),
    defects=("backup-without-report",),
)
def check_report(backup_upkeep: BackupUpkeep, target: Target) -> Verdict:
    """Compare the report of a good run with the files that the run wrote."""
    fact = backup_upkeep
    backup = require_tried(target, fact)
    target.require("backup.report", backup.report, example=REPORT_EXAMPLE)
    if fact.first is None or not fact.set_name:
        raise Inconclusive(fact.not_done.get("first", "no set was made"))
    if not fact.report:
        message = f"the run left no file called {backup.report}"
        return Verdict(findings=(Finding(message=message, evidence=evidence_of(fact.first)),))
    text = fact.report_text
    unnamed = [
        store.service
        for store in backup.stores
        if not is_named(
            text, service=store.service, kind=store.kind or ("files" if store.path else ""), path=store.path
        )
    ]
    wrong, right = wrong_sizes(text, fact.files)
    messages = [f"{service} is not in the report" for service in unnamed]
    messages += list(wrong)
    if not right and not wrong:
        messages.append("the report has the size of none of the files")
    if not says_how_it_went(text):
        messages.append("the report does not say how the run ended")
    evidence = (Evidence(source=fact.report, text=text[:SHOWN_CHARS]),)
    measured = (Measurement(name="files whose size the report has", value=right, unit="count"),)
    summary = f"{fact.report} names {len(backup.stores)} stores and the size of {right} files"
    return Verdict(
        findings=tuple(Finding(message=message, evidence=evidence) for message in messages),
        measured=measured,
        summary=summary,
    )
