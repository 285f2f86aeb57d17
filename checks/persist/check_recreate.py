"""What was written through the API is there after every instance was made anew."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.declared.record import RECORD_EXAMPLE, record_of
from readiness.facts.persistence import RecordSurvival, Survived
from readiness.persistence.answers import tells_nothing
from readiness.target import Target

RECREATION = "recreation"


@check(
    id="persist.recreate",
    category=Category.PERSIST,
    severity=Severity.CRITICAL,
    title="Data survive the recreation of the whole stack, and a crash of the database",
    why="down and up is how most single-machine stacks are deployed; what it loses is lost for good.",
    source="Claims ledger, persist.recreate; PostgreSQL documentation, 28.4 asynchronous commit",
    remediation="Keep every store on a named volume at its data directory; leave fsync and synchronous_commit on.",
    seeds=("brainda", "brain"),
    defects=("database-without-volume", "database-data-elsewhere"),
)
def check_recreate(record_survival: RecordSurvival, target: Target) -> Verdict:
    """Judge the records that were readable before and are not after."""
    record = record_of(target)
    target.require("record", record is not None and record.read is not None, example=RECORD_EXAMPLE)
    fact = record_survival
    findings = [finding for survived in fact.survived if (finding := _lost(survived)) is not None]
    told = {survived.after for survived in fact.survived if not _is_untold(survived)}
    if not findings and RECREATION not in told:
        reasons = [f"{part}: {why}" for part, why in fact.not_done.items()]
        reasons += [f"after the {s.after}: {s.missing[0].label[:200]}" for s in fact.survived if _is_untold(s)]
        reasons += [
            f"{rolled.service} was not made anew: {rolled.problem}" for rolled in fact.recreated if rolled.problem
        ]
        raise Inconclusive("; ".join(reasons) or "the instances were not made anew")
    words = [f"{s.read} of {s.created} records after {s.after}" for s in fact.survived]
    if fact.settings.get("fsync") == "off":
        words.append("fsync is off, so a power cut may damage all of it, which killing a process cannot show")
    return Verdict(findings=tuple(findings), summary="; ".join(words))


def _is_untold(survived: Survived) -> bool:
    """Whether what is missing was answered by errors or refusals alone: nothing says that it is gone."""
    return bool(survived.missing) and all(tells_nothing(answer.status) for answer in survived.missing)


def _lost(survived: Survived) -> Finding | None:
    if not survived.missing or _is_untold(survived):
        return None
    evidence = tuple(Evidence(source=answer.label[:200], text=answer.body[:200]) for answer in survived.missing[:3])
    message = f"after the {survived.after} {survived.read} of {survived.created} records could be read"
    return Finding(message=message, evidence=evidence)
