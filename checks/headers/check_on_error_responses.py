"""Error answers are as well protected as successful ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.headers import csp, framing, hsts, nosniff, permissions, referrer
from readiness.headers.answers import (
    FIRST_ERROR,
    MAX_EVIDENCE,
    SECURITY_HEADERS,
    carried,
    evidence,
    is_document,
    representative,
)
from readiness.headers.grade import Grade
from readiness.target import Target

#: First status that tells of the server's own error (RFC 9110, 15.6).
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class ErrorLimits:
    """What must have been provoked before the check passes."""

    # Frameworks answer an unhandled exception outside their middleware: without a 500 the usual gap goes unseen.
    needs_server_error: bool = True


@check(
    id="headers.on_error_responses",
    category=Category.HEADERS,
    severity=Severity.MEDIUM,
    title="Error answers carry the security headers of successful ones",
    why="Error pages repeat what was sent to them; unprotected they are where injected script runs and content is sniffed.",
    source="claims ledger (all responses, 401 to 503); nginx documentation, add_header (only some statuses without always)",
    remediation=(
        "Make the security headers the outermost middleware, outside error handling and rate limiting; "
        "in nginx use add_header … always; cover the server's own 404, 413 and 500 pages."
    ),
    seeds=("brain",),
    defects=("errors-without-headers", "limiter-outside-headers"),
)
def check_on_error_responses(
    responses: Responses, limited_responses: Responses, target: Target, limits: ErrorLimits
) -> Verdict:
    """Compare every answer from 400 on with what the successful answers of the same entry carry."""
    expected = carried(responses)
    if expected and not any(expected.values()):
        raise NotApplicable("successful answers carry no security headers either, so there is nothing to compare with")
    errors = [
        answer
        for answer in (*responses.answered, *limited_responses.answered)
        if (answer.status or 0) >= FIRST_ERROR and answer.purpose is not StatusClass.PREFLIGHT
    ]
    findings = tuple(_findings(errors, responses))
    statuses = sorted({answer.status or 0 for answer in errors})
    if not findings:
        _require_enough(responses, errors, expected, target, limits)
    missing = {**responses.not_provoked, **limited_responses.not_provoked}
    unseen = f"; not provoked: {'; '.join(f'{kind}: {why}' for kind, why in missing.items())}" if missing else ""
    seen = ", ".join(str(status) for status in statuses)
    return Verdict(
        findings=findings,
        measured=(Measurement(name="error statuses judged", value=len(statuses), unit="count"),),
        summary=f"{len(errors)} error answers with status {seen} carry the headers of successful ones{unseen}",
    )


def _findings(errors: Iterable[Exchange], responses: Responses) -> Iterable[Finding]:
    """One finding per entry and set of problems."""
    expected = carried(responses)
    grouped: dict[tuple[str, tuple[str, ...]], list[Exchange]] = {}
    for answer in errors:
        names = expected.get(answer.entry, frozenset())
        good = [other for other in representative(responses) if other.entry == answer.entry]
        problems = tuple(p for name in SECURITY_HEADERS if name in names for p in _problems(answer, name, good))
        if problems:
            grouped.setdefault((answer.entry, problems), []).append(answer)
    for (entry, problems), answers in grouped.items():
        statuses = ", ".join(str(status) for status in sorted({answer.status or 0 for answer in answers}))
        yield Finding(
            message=f"{statuses} via {entry}: {'; '.join(problems)}",
            evidence=tuple(evidence(answer, *SECURITY_HEADERS) for answer in answers[:MAX_EVIDENCE]),
        )


def _problems(answer: Exchange, name: str, good: list[Exchange]) -> tuple[str, ...]:
    """What is wrong with a header of an error answer.

    It is missing; or it is neither what a successful answer says (whose value its own check judges) nor good by itself.
    """
    values = answer.all(name)
    if not values:
        return (f"{name} is missing",)
    is_policy = name == "Content-Security-Policy"
    if any(
        values == other.all(name) or (is_policy and csp.normalised(values) == csp.normalised(other.all(name)))
        for other in good
    ):
        return ()
    graders: dict[str, Callable[[], Grade]] = {
        "X-Content-Type-Options": lambda: nosniff.grade(values),
        "X-Frame-Options": lambda: framing.grade(values),
        "Content-Security-Policy": lambda: csp.grade(values, is_document=is_document(answer)),
        "Referrer-Policy": lambda: referrer.grade(values, refused=frozenset({"unsafe-url"})),
        "Permissions-Policy": lambda: permissions.grade(values, denied=()),
        "Strict-Transport-Security": lambda: hsts.grade(values, at_least_seconds=1),
    }
    return graders[name]().findings


def _require_enough(
    responses: Responses,
    errors: list[Exchange],
    expected: dict[str, frozenset[str]],
    target: Target,
    limits: ErrorLimits,
) -> None:
    """Stop a pass that has not seen enough.

    Raises:
        Inconclusive: an entry gave nothing to compare, or no error of a kind that the limits ask for came.
    """
    unseen = [exchange for exchange in responses.exchanges if exchange.entry not in expected]
    if unseen or not expected:
        cause = unseen[0].label if unseen else "nothing was asked"
        raise Inconclusive(
            f"no successful answer to compare with: {cause}", supply="paths:\n  ok: /a/path/answering/200"
        )
    if bare := [entry for entry in expected if entry not in {answer.entry for answer in errors}]:
        raise Inconclusive(
            f"no error answer was provoked via {', '.join(bare)}",
            supply="paths:\n  not_found: /a/path/that/answers/404",
            undeclared="paths.not_found",
        )
    has_server_error = any((answer.status or 0) >= FIRST_SERVER_ERROR for answer in errors)
    if limits.needs_server_error and not has_server_error and "paths.error" not in target.declined:
        raise Inconclusive(
            "no answer from 500 on was provoked; errors up to 499 carry the headers",
            supply="error_path: /a/request/that/raises   # or: none, with why",
            undeclared="error_path",
        )
