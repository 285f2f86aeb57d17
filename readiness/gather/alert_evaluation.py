"""Let Prometheus' own tool evaluate the owner's alert rules against the series that the running stack exposes."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from readiness.facts.alerts import AlertRules, Evaluated, Evaluation
from readiness.facts.metrics import Scrape
from readiness.gather.alert_rules import Run, collect, run_tool, version_of
from readiness.metrics.exposition import read
from readiness.metrics.rules import Rule, read_rules
from readiness.metrics.trial import Answer, Trial, answers_of, recordings_of, stopping, trials_of
from readiness.target import Target
from readiness.verdict import Inconclusive, NotApplicable

__all__ = ["evaluate"]

OK = 200
MAX_WORDS = 500
#: No further trial is begun after so long.
TOTAL_SECONDS = 30.0
RULES, TEST = "recordings.json", "trial.json"


def evaluate(
    target: Target,
    scrape: Scrape | None,
    *,
    find: Callable[[str], str | None] = shutil.which,
    run: Run | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Evaluation:
    """Evaluate every rule against what a look at the metrics showed; never raises, and touches nothing of the target."""
    try:
        files = collect(target, tool="")
    except (NotApplicable, Inconclusive) as reason:
        return Evaluation(not_done=str(reason))
    if scrape is None or scrape.status != OK:
        return Evaluation(not_done="there were no metrics to evaluate them against")
    tool, ask = find("promtool") or "", run or run_tool
    version = version_of(tool, ask)
    if not version:
        return Evaluation(not_done="this machine has no promtool, which comes with Prometheus")
    rules = _rules(files)
    trials = trials_of(rules, read(scrape.text))
    found: list[Evaluated] = []
    began = clock()
    for trial in trials:
        answers = _tried(trial, rules, tool, ask) if clock() - began < TOTAL_SECONDS else None
        if answers is None:
            return Evaluation(tool=version, not_done="promtool did not come to an end, or said what cannot be read")
        found += [_evaluated(trial, asked.rule, asked.whole, asked.selectors, answers) for asked in trial.asked]
    return Evaluation(tool=version, series=max((trial.series for trial in trials), default=0), rules=tuple(found))


def _rules(files: AlertRules) -> list[Rule]:
    return [rule for file in files.files if not file.problem for rule in read_rules(file.path, file.text)[0]]


def _tried(trial: Trial, rules: list[Rule], tool: str, ask: Run) -> dict[str, Answer] | None:
    """The tool's answers; without the recordings that stop it, and in the end without any."""
    left_out: frozenset[str] = frozenset()
    for is_last in (False, False, True):
        recordings = recordings_of(()) if is_last else recordings_of(rules, without=left_out)
        with tempfile.TemporaryDirectory(prefix="readiness-promtool-") as folder:
            # JSON is YAML, and is written without any doubt about what is text and what a number.
            (Path(folder) / RULES).write_text(json.dumps(recordings), "utf-8")
            (Path(folder) / TEST).write_text(json.dumps({"rule_files": [RULES], **trial.document}), "utf-8")
            code, output = ask([tool, "test", "rules", str(Path(folder) / TEST)])
        answers = answers_of(trial, code, output)
        if answers is not None or code is None or not recordings["groups"]:
            return answers
        left_out |= stopping(output)
    return None


def _evaluated(
    trial: Trial, rule: Rule, whole: str, selectors: tuple[str, ...], answers: dict[str, Answer]
) -> Evaluated:
    empty = (text for text in selectors if not answers[text].found and not answers[text].error)
    return Evaluated(
        rule=rule.words,
        expr=rule.expr[:MAX_WORDS],
        error=answers[whole].error[:MAX_WORDS],
        is_found=answers[whole].found,
        empty=tuple(text.removeprefix("count(").removesuffix(")") for text in empty) if trial.is_whole else (),
    )
