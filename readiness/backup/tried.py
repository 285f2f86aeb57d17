"""What the checks of bad days and of housekeeping have in common: premises, evidence, and which set a store was restored from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from readiness.backup.complaints import complaints, says_failed
from readiness.declared.backup import BACKUP_EXAMPLE, Backup, backup_of
from readiness.facts.backup import CommandRun
from readiness.facts.backup_days import BackupDays, FailingRun, Trial
from readiness.facts.backup_upkeep import BackupUpkeep
from readiness.target import Target
from readiness.verdict import Evidence, Inconclusive

__all__ = [
    "RESTORE_EXAMPLE",
    "ended",
    "evidence_of",
    "holding",
    "is_left_as_good",
    "is_restored",
    "not_as_in_set",
    "require_restores",
    "require_tried",
    "restorable",
    "says_so",
    "set_held",
]

RESTORE_EXAMPLE = "backup:\n  restore: [/restore.sh, '{set}']"
SHOWN_LINES = 12


def require_tried(target: Target, fact: BackupDays | BackupUpkeep) -> Backup:
    """The declaration of what was tried.

    Raises:
        NotApplicable, Inconclusive: there is none, or nothing of it could be tried.
    """
    backup = backup_of(target)
    target.require("backup", backup, example=BACKUP_EXAMPLE)
    if "everything" in fact.not_done:
        raise Inconclusive(fact.not_done["everything"])
    assert backup is not None  # noqa: S101  # required above
    return backup


def require_restores(target: Target, fact: BackupDays) -> Backup:
    """The declaration, where a good set is restored as it should be: else nothing can be told of other restores.

    Raises:
        NotApplicable, Inconclusive: it is not.
    """
    backup = require_tried(target, fact)
    target.require("backup.restore", backup.restore, example=RESTORE_EXAMPLE)
    first = next(iter(fact.good), None)
    if first is None:
        raise Inconclusive(f"no set was restored: {fact.not_done.get('good', 'it was not tried')}")
    if not first.run.is_good or not restorable(fact):
        why = ended(first.run) if not first.run.is_good else "; ".join(not_as_in_set(first, fact))
        raise Inconclusive(f"a good set that is named is not restored either: {why}")
    return backup


def restorable(fact: BackupDays) -> tuple[str, ...]:
    """The stores that a good set which is named brings back: only of these can be told what other restores do."""
    first = next(iter(fact.good), None)
    if first is None:
        return ()
    wanted = fact.sets.get(first.set, {})
    return tuple(label for label, words in first.holds.items() if words == wanted.get(label))


def ended(run: CommandRun) -> str:
    """How a run ended, in words."""
    return run.problem if run.exit_code is None else f"it ended with {run.exit_code}"


def evidence_of(run: CommandRun) -> tuple[Evidence, ...]:
    """The last lines of a run."""
    shown = "\n".join(run.lines[-SHOWN_LINES:])
    return (Evidence(source=f"{run.command}: {ended(run)}", text=shown or "no output"),)


def says_so(run: CommandRun, more: Iterable[str] = ()) -> bool:
    """Whether a run says that something failed, in its output or elsewhere."""
    texts = ("\n".join(run.lines), *more)
    return bool(complaints(run.lines)) or any(says_failed(text) for text in texts)


def holding(words: Mapping[str, tuple[str, ...]]) -> str:
    """What stores hold, in words."""
    return "; ".join(f"{label}: {', '.join(found) or 'nothing'}" for label, found in words.items())


def not_as_in_set(trial: Trial, fact: BackupDays) -> tuple[str, ...]:
    """In what the stores are not as the set has them, in words."""
    wanted = fact.sets.get(trial.set, {})
    found = [f"{label} cannot be read: {why}" for label, why in trial.untold.items() if label not in trial.holds]
    found += [
        f"{label} holds {', '.join(words) or 'nothing'} in place of {', '.join(wanted.get(label, ()))}"
        for label, words in trial.holds.items()
        if words != wanted.get(label, words)
    ]
    found += [
        f"{label}: {places[0]}" for label, places in trial.wrong.items() if label not in _differing(trial, wanted)
    ]
    return tuple(found)


def _differing(trial: Trial, wanted: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Stores whose words differ: that their rows do follows from it."""
    return {label for label, words in trial.holds.items() if words != wanted.get(label, words)}


def is_restored(trial: Trial, fact: BackupDays) -> bool:
    """Whether the stores are as the set has them."""
    return not not_as_in_set(trial, fact)


def set_held(trial: Trial, fact: BackupDays) -> str:
    """The set whose words the stores hold that can be restored; empty where there is none."""
    labels = restorable(fact)
    return next(
        (
            name
            for name, words in reversed(fact.sets.items())
            if all(trial.holds.get(label) == words.get(label) for label in labels)
        ),
        "",
    )


def is_left_as_good(run: FailingRun) -> bool:
    """Whether a set was left that lacks something and says so nowhere."""
    return bool(run.left and run.short) and not says_failed(run.report) and not any(map(says_failed, run.marked))
