"""What error answers give away, judged in one way for every kind of it."""

from __future__ import annotations

from collections.abc import Collection

from readiness.facts.errors import ErrorRun
from readiness.facts.probes import Outage
from readiness.failures.outages import needing_leaks, searched_answers
from readiness.failures.raised import ERROR_PATH, require_server_error
from readiness.target import Target
from readiness.verdict import Evidence, Finding, Inconclusive, Verdict

__all__ = ["judge_leaks"]


def judge_leaks(error_run: ErrorRun, outages: Collection[Outage], target: Target, *, of_code: bool) -> Verdict:
    """One finding for each kind of leak in the error answers of the run and of the outages.

    Args:
        error_run: with its leaks and the number of answers that were searched.
        outages: whose requests were answered with errors.
        target: says where nothing raises by design.
        of_code: judge what tells of the program; else what tells of the place that it runs in.

    Raises:
        NotApplicable, Inconclusive: there was nothing to search that could have told.
    """
    leaks = [leak for leak in (*error_run.leaks, *needing_leaks(outages)) if leak.is_code is of_code]
    searched = error_run.searched + searched_answers(outages)
    if searched == 0:
        raise Inconclusive("no error could be provoked", supply=ERROR_PATH, undeclared="error_path")
    findings = [
        Finding(
            message=f"an error answer shows {leak.kind}", evidence=(Evidence(source=leak.where, text=leak.excerpt),)
        )
        for leak in {leak.kind: leak for leak in reversed(leaks)}.values()
    ]
    if not findings:
        require_server_error(error_run, outages, target)
    return Verdict(findings=tuple(findings), summary=f"searched {searched} error answers")
