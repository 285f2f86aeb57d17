"""Which answers a header rule speaks of, and from per-answer messages to one verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.verdict import Evidence, Finding, Inconclusive, Verdict

__all__ = [
    "FIRST_ERROR",
    "MAX_EVIDENCE",
    "SECURITY_HEADERS",
    "carried",
    "conclude",
    "declared",
    "entries_of",
    "evidence",
    "is_document",
    "is_forwarded_https",
    "is_subresource",
    "representative",
    "sound",
]

#: The headers that a service sets for all of its answers at once; what is compared between kinds of answers and settings.
SECURITY_HEADERS = (
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Content-Security-Policy",
    "Referrer-Policy",
    "Permissions-Policy",
    "Strict-Transport-Security",
)

#: The same message from more answers than these proves nothing more.
MAX_EVIDENCE = 6
MAX_TEXT = 400
#: First status that tells of an error (RFC 9110, 15.5).
FIRST_ERROR, FIRST_REDIRECT = 400, 300


def sound(responses: Responses) -> tuple[Exchange, ...]:
    """The answers that report no error: those that per-header rules judge.

    Left out: answers to preflights and other OPTIONS, which no document comes from, and the redirect from plain http to
    https, which proxies make by themselves and browsers soon skip (RFC 6797, 8.3).
    """
    return tuple(
        answer
        for answer in responses.answered
        if (answer.status or 0) < FIRST_ERROR
        and answer.purpose is not StatusClass.PREFLIGHT
        and answer.method != "OPTIONS"
        and not _is_upgrade(answer)
    )


def _is_upgrade(answer: Exchange) -> bool:
    is_redirect = FIRST_REDIRECT <= (answer.status or 0) < FIRST_ERROR
    return is_redirect and not answer.https and (answer.first("location") or "").lower().startswith("https://")


def representative(responses: Responses) -> tuple[Exchange, ...]:
    """The successful answers that show what an entry sends with everything: no redirects, styles, scripts or images."""
    return tuple(a for a in sound(responses) if (a.status or 0) < FIRST_REDIRECT and not is_subresource(a))


def carried(responses: Responses, *, by_some: bool = False) -> dict[str, frozenset[str]]:
    """Entry -> those of :data:`SECURITY_HEADERS` that all (or some) of its representative answers carry."""
    found: dict[str, frozenset[str]] = {}
    for answer in representative(responses):
        here = frozenset(name for name in SECURITY_HEADERS if answer.all(name))
        before = found.get(answer.entry, here)
        found[answer.entry] = before | here if by_some else before & here
    return found


def is_forwarded_https(exchange: Exchange) -> bool:
    """Whether the request said, as a proxy would, that it came over https."""
    return any(name.lower() == "x-forwarded-proto" and value == "https" for name, value in exchange.request_headers)


def is_document(answer: Exchange) -> bool:
    """Whether a browser may run script in the answer: HTML, and SVG and XML, which can carry script too."""
    kind = _content_type(answer)
    return answer.is_html or kind == "image/svg+xml" or kind in {"text/xml", "application/xml"}


def is_subresource(answer: Exchange) -> bool:
    """Whether the answer is a style, script, image, font or medium, to which rules for documents do not apply."""
    kind = _content_type(answer)
    return not is_document(answer) and (
        kind.startswith(("image/", "font/", "audio/", "video/", "application/font"))
        or kind in {"text/css", "text/javascript", "application/javascript", "application/wasm"}
    )


def _content_type(answer: Exchange) -> str:
    return (answer.first("content-type") or "").split(";")[0].strip().lower()


def declared(headers: Mapping[str, str], name: str, answer: Exchange) -> list[str]:
    """Where the owner states the header's exact value, the difference from it."""
    for key, value in headers.items():
        if key.lower() == name.lower() and answer.all(name) != (value,):
            seen = " | ".join(answer.all(name))[:120]
            return [
                f"{name} is {seen!r}, not {value!r} as stated" if seen else f"{name}: {value} is stated and missing"
            ]
    return []


def entries_of(responses: Responses) -> tuple[str, ...]:
    """The entries that were asked, in order."""
    return tuple(dict.fromkeys(exchange.entry for exchange in responses.exchanges))


def evidence(answer: Exchange, *names: str) -> Evidence:
    """What an answer says in some of its headers, verbatim."""
    wanted = {name.lower() for name in names}
    lines = [f"{name}: {value}" for name, value in answer.headers if name.lower() in wanted]
    return Evidence(source=answer.label, text="\n".join(lines)[:MAX_TEXT] or f"no {' or '.join(names)}")


def conclude(
    responses: Responses,
    answers: Iterable[Exchange],
    grade: Callable[[Exchange], Iterable[str]],
    *,
    headers: tuple[str, ...],
    holds: str,
) -> Verdict:
    """Judge each answer and put equal messages together.

    Args:
        responses: the fact; an entry of it without any answer to judge leaves the rest undecided.
        answers: those of its answers that the rule speaks of.
        grade: what is wrong with one answer.
        headers: names shown as evidence.
        holds: what a passed check has seen, after the number of answers.

    Raises:
        Inconclusive: nothing is wrong with what answered, but an entry gave no answer to judge.
    """
    judged = tuple(answers)
    seen: dict[str, list[Evidence]] = {}
    for answer in judged:
        for message in grade(answer):
            seen.setdefault(message, []).append(evidence(answer, *headers))
    if not seen:
        _require_all(responses, judged)
    findings = [
        Finding(message=_with_count(message, len(proofs)), evidence=tuple(proofs[:MAX_EVIDENCE]))
        for message, proofs in seen.items()
    ]
    where = ", ".join(dict.fromkeys(answer.entry for answer in judged))
    return Verdict(findings=tuple(findings), summary=f"{len(judged)} answers via {where}: {holds}")


def _with_count(message: str, count: int) -> str:
    return message if count == 1 else f"{message} ({count} answers)"


def _require_all(responses: Responses, judged: tuple[Exchange, ...]) -> None:
    answering = {answer.entry for answer in judged}
    silent = [entry for entry in entries_of(responses) if entry not in answering]
    if not responses.exchanges:
        raise Inconclusive("nothing was asked: no entry or no path is known", undeclared="paths.ok", supply=_PATHS)
    if silent:
        causes = [f"{entry}: {_cause(responses, entry)}" for entry in silent]
        raise Inconclusive(f"no answer to judge via {'; '.join(causes)}", supply=_PATHS)


def _cause(responses: Responses, entry: str) -> str:
    """Why an entry has no answer to judge: the first failure, else what it answered."""
    exchanges = [exchange for exchange in responses.exchanges if exchange.entry == entry]
    return exchanges[0].label if len(exchanges) == 1 else f"{exchanges[0].label} and {len(exchanges) - 1} more"


_PATHS = "paths:\n  ok: /a/path/that/answers/200"
