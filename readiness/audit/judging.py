"""From a check's ending to its result: verdicts, reasons, crashes."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from readiness.check import CheckMeta, Impact
from readiness.exceptions import ReadinessError
from readiness.profile_file import check_limits
from readiness.scorecard import CheckResult
from readiness.verdict import Inconclusive, NotApplicable, Outcome, Verdict

if TYPE_CHECKING:
    from readiness.profile import Profile

__all__ = ["Judge", "limits_of"]

#: A crash report needs the frames near the error, not all of them.
TRACE_CHARS = 4000


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Turns endings into results under one profile."""

    profile: Profile

    def of_verdict(self, meta: CheckMeta, impact: Impact, verdict: Verdict, *, seconds: float) -> CheckResult:
        """The result of a check that came to a verdict."""
        return CheckResult.of(
            meta,
            impact=impact,
            outcome=verdict.outcome,
            severity=self.severity(meta),
            credit=verdict.credit if verdict.findings else 1.0 if verdict.outcome is Outcome.PASS else 0.0,
            summary=verdict.summary,
            measurements=verdict.measured,
            charts=verdict.charts,
            findings=verdict.all_findings,
            seconds=seconds,
        )

    def of_error(self, meta: CheckMeta, impact: Impact, error: BaseException, *, seconds: float) -> CheckResult:
        """The result of a check that came to none: not applicable, inconclusive, or a crash of ours."""
        outcome, reason, supply = Outcome.INCONCLUSIVE, "", ""
        if isinstance(error, NotApplicable):
            outcome, reason = Outcome.NOT_APPLICABLE, str(error)
        elif isinstance(error, Inconclusive) and error.undeclared and self.profile.is_optional(meta.id):
            outcome = Outcome.NOT_APPLICABLE
            reason = f"optional in profile {self.profile.name}, and the target declares no {error.undeclared}"
        elif isinstance(error, Inconclusive):
            reason, supply = error.reason, error.supply
        elif isinstance(error, ReadinessError):
            reason = str(error)
        else:
            trace = "".join(traceback.format_exception(error))[-TRACE_CHARS:]
            reason = f"the check crashed, which is our bug:\n{trace}"
        return self._undecided(meta, impact, outcome=outcome, reason=reason, supply=supply, seconds=seconds)

    def of_absence(self, meta: CheckMeta, impact: Impact, reason: str) -> CheckResult:
        """The result of a check that was in scope and did not run."""
        return self._undecided(meta, impact, outcome=Outcome.INCONCLUSIVE, reason=reason, supply="", seconds=0.0)

    def severity(self, meta: CheckMeta) -> Any:
        """The profile's severity for this check, else its own."""
        return self.profile.severities.get(meta.id, meta.severity)

    def fails_gate(self, result: CheckResult) -> bool:
        """Whether this result alone fails the gate."""
        if result.outcome is Outcome.FAIL:
            return result.severity.rank >= self.profile.gate.fail_on.rank
        return result.outcome is Outcome.INCONCLUSIVE and self.profile.is_required(result.id)

    def _undecided(self, meta: CheckMeta, impact: Impact, **values: Any) -> CheckResult:
        return CheckResult.of(meta, impact=impact, severity=self.severity(meta), **values)


def limits_of(meta: CheckMeta, profile: Profile) -> Any:
    """The check's limits with the profile's numbers laid over them.

    Raises:
        ConfigError: the profile names a limit that the check does not have, or one of another type.
    """
    if meta.limits is None:
        raise TypeError(f"check {meta.id} asks for limits but annotates none")
    check_limits(profile, meta.id, meta.limits)
    return meta.limits(**profile.limits.get(meta.id, {}))
