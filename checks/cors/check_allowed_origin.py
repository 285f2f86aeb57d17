"""Pages of the allowed origins may read the answers."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, NotApplicable, Severity, Verdict, check
from readiness.cors.answers import ORIGINS, at_the_edge, gathered, is_told, refuses, require_told, require_written_out
from readiness.facts.cors import CrossOrigin, CrossOriginAnswer, OriginKind
from readiness.target import Target

LOGIN_WANTED = (401, 403)
SUCCESS = range(200, 300)  # a preflight needs an ok status (Fetch standard, 4.8)


@check(
    id="cors.allowed_origin",
    category=Category.CORS,
    severity=Severity.MEDIUM,
    title="Pages of every allowed origin may read the answers, after a preflight that needs no login",
    why="Otherwise the owner's own pages fail in browsers, and only there: tests without a browser never see it.",
    source="Fetch standard, 3.3 and 4.8; RFC 9110, 12.5.5 (Vary)",
    remediation="Answer preflights before authentication, echo the allowed origin exactly once, and add Vary: Origin.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("cors-vary-missing", "cors-second-origin-forgotten"),
)
def check_allowed_origin(cross_origin: CrossOrigin, target: Target) -> Verdict:
    """Judge preflights and requests from each allowed origin through each entry, and what caches are told."""
    target.require("cors", value=True, example="")
    target.require("origins", cross_origin.settings.origins or cross_origin.settings.pattern, example=ORIGINS)
    require_written_out(cross_origin.settings)
    answers = at_the_edge(cross_origin.of(OriginKind.ALLOWED))
    if not answers and "*" in cross_origin.settings.origins:
        raise NotApplicable("every origin is allowed, so no particular one can be left out")
    messages = [(message, answer) for answer in answers for message in _wrong(answer)]
    messages += [(message, answer) for answer, message in _unvaried(cross_origin)]
    findings = gathered(messages)
    if not findings:
        require_told(answers)
    origins = ", ".join(dict.fromkeys(answer.origin for answer in answers))
    entries = ", ".join(dict.fromkeys(answer.entry for answer in answers))
    return Verdict(findings=findings, summary=f"{origins} may read the answers via {entries}; {len(answers)} asked")


def _wrong(answer: CrossOriginAnswer) -> Iterator[str]:
    """What stops the page of an allowed origin."""
    if not is_told(answer):
        return
    what = "the preflight" if answer.is_preflight else "the answer"
    if answer.is_preflight and answer.status in LOGIN_WANTED:
        yield f"the preflight from {answer.origin} is refused with {answer.status}: browsers send no login with it"
    elif answer.is_preflight and answer.status not in SUCCESS:
        yield f"the preflight from {answer.origin} is answered {answer.status}, so the request is never sent"
    allowed = answer.all("access-control-allow-origin")
    if len(allowed) > 1:
        yield f"Access-Control-Allow-Origin is sent {len(allowed)} times, so browsers refuse every origin"
    elif refuses(answer):
        yield (
            f"{what} to {answer.origin} allows {allowed[0]!r}" if allowed else f"{what} does not allow {answer.origin}"
        )


def _unvaried(fact: CrossOrigin) -> Iterator[tuple[CrossOriginAnswer, str]]:
    """Answers that a cache would give to the wrong origin: they differ by origin, may be kept, and do not say so.

    Answers to OPTIONS are never kept by caches (RFC 9110, 9.3.7), and ``no-store`` is kept by none.
    """
    plain = [answer for answer in (*fact.answers, *fact.kept) if not answer.is_preflight and is_told(answer)]
    for answer in plain:
        said = answer.all("access-control-allow-origin")
        others = [a.all("access-control-allow-origin") for a in plain if (a.entry, a.url) == (answer.entry, answer.url)]
        if answer.kind is not OriginKind.ALLOWED or said != (answer.origin,) or all(other == said for other in others):
            continue
        if "no-store" in ",".join(answer.all("cache-control")).lower():
            continue
        varies = {name.strip().lower() for value in answer.all("vary") for name in value.split(",")}
        if not varies & {"origin", "*"}:
            yield answer, "an answer that caches may keep differs by origin without Vary: Origin"
