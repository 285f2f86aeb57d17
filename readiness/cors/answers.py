"""What an answer lets a page of another origin do, and from many answers to findings. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from http import HTTPStatus

from readiness.facts.cors import CrossOriginAnswer, OriginKind, OriginSettings
from readiness.verdict import Evidence, Finding, Inconclusive

__all__ = [
    "ORIGINS",
    "STRANGERS",
    "accepts",
    "allows_credentials",
    "at_the_edge",
    "evidence",
    "gathered",
    "is_list_known",
    "is_told",
    "may_be_meant",
    "refuses",
    "require_told",
    "require_written_out",
    "untold",
]

#: Origins that nobody allowed and that look like nobody's or almost like an allowed one.
STRANGERS = (
    OriginKind.FOREIGN,
    OriginKind.NULL,
    OriginKind.SCHEME,
    OriginKind.PORT,
    OriginKind.PREFIX,
    OriginKind.SUFFIX,
    OriginKind.SUBDOMAIN,
    OriginKind.DOT,
)
#: Origins whose pages shall be able to read.
_WELCOME = (OriginKind.ALLOWED, OriginKind.INVENTED)
#: What to add where no allowed origin is known.
ORIGINS = "origins: [https://app.your-company.com]   # or: none, with why"
ALLOW_ORIGIN, ALLOW_CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"
#: The same message from more answers than these proves nothing more.
MAX_EVIDENCE = 6
#: First status of an answer that failed by itself, whoever asked (RFC 9110, 15.6).
FIRST_SERVER_ERROR = 500


def accepts(answer: CrossOriginAnswer) -> bool:
    """Whether the asking origin, or every origin, is allowed (Fetch standard, 4.10, CORS check)."""
    allowed = {value.strip() for value in answer.all(ALLOW_ORIGIN)}
    return answer.origin in allowed or "*" in allowed


def allows_credentials(answer: CrossOriginAnswer) -> bool:
    """Whether cookies and logins are allowed; the value is compared with case (Fetch standard, 3.3.3)."""
    return any(value.strip() == "true" for value in answer.all(ALLOW_CREDENTIALS))


def is_told(answer: CrossOriginAnswer) -> bool:
    """Whether the answer shows what origins are allowed: it came, and is neither a limiter's refusal nor a failure."""
    return (
        answer.status is not None
        and answer.status != HTTPStatus.TOO_MANY_REQUESTS
        and answer.status < FIRST_SERVER_ERROR
    )


def refuses(answer: CrossOriginAnswer) -> bool:
    """Whether it keeps a page of the asking origin from what it asked for."""
    return is_told(answer) and not accepts(answer) and not _is_bare_error(answer)


def untold(answers: Iterable[CrossOriginAnswer]) -> list[str]:
    """What could not be judged, in words; what an answer allows is believed even where it is an error."""
    return [
        answer.label
        for answer in answers
        if not accepts(answer) and (not is_told(answer) or (answer.kind in _WELCOME and _is_bare_error(answer)))
    ]


def _is_bare_error(answer: CrossOriginAnswer) -> bool:
    """Whether a request, not a preflight, failed: frameworks answer errors outside the layer that knows the origins."""
    return not answer.is_preflight and answer.status is not None and answer.status >= HTTPStatus.BAD_REQUEST


def is_list_known(settings: OriginSettings, declined: Collection[str]) -> bool:
    """Whether anything says who may read: a list, or the owner's word that nobody may (a key that is ``none``)."""
    return bool(settings.origins) or "origins" in declined


def may_be_meant(answer: CrossOriginAnswer, answers: Iterable[CrossOriginAnswer]) -> bool:
    """Whether allowing this origin may be by design where no list is known: without credentials, as everybody is.

    Public data is for everybody (Fetch standard, 3.3.5: ``*`` is safe for what anybody can ask for).
    """
    everybody = [one for one in answers if one.kind is OriginKind.FOREIGN and one.entry == answer.entry]
    return not allows_credentials(answer) and any(map(accepts, everybody))


def at_the_edge(answers: Iterable[CrossOriginAnswer]) -> tuple[CrossOriginAnswer, ...]:
    """Without inner entries that never speak of origins, where the first entry does: the proxy does it for them.

    Args:
        answers: in the order of the entries, of which the first is the one that pages use.
    """
    asked = tuple(answers)
    speaking = {answer.entry for answer in asked if answer.speaks_of_origins or not is_told(answer)}
    return tuple(answer for answer in asked if asked[0].entry not in speaking or answer.entry in speaking)


def require_written_out(settings: OriginSettings) -> None:
    """Stop a judgement that needs each allowed origin.

    Raises:
        Inconclusive: a pattern stands in the list.
    """
    if settings.pattern:
        where = f"{settings.variable} of {settings.service}" if settings.variable else "origins"
        raise Inconclusive(
            f"{where} holds a pattern, {settings.pattern}: which origins it stands for is not known",
            supply=ORIGINS,
            undeclared="origins",
        )


def require_told(answers: Iterable[CrossOriginAnswer]) -> None:
    """Stop a judgement without findings that some answers could still overturn.

    Raises:
        Inconclusive: nothing was asked, or not everything was answered.
    """
    asked = list(answers)
    if not asked:
        raise Inconclusive("nothing was asked: no entry is known", undeclared="entry", supply="entry: {…}")
    if missing := untold(asked):
        raise Inconclusive(f"{len(missing)} of {len(asked)} answers tell nothing, such as {missing[0][:200]}")


def evidence(answer: CrossOriginAnswer) -> Evidence:
    """What the answer says, verbatim."""
    lines = [f"{name}: {value}" for name, value in answer.headers]
    return Evidence(source=answer.label, text="\n".join(lines)[:400] or "no header for other origins")


def gathered(messages: Iterable[tuple[str, CrossOriginAnswer]]) -> tuple[Finding, ...]:
    """Equal messages as one finding, each with the answers that prove it."""
    seen: dict[str, list[Evidence]] = {}
    for message, answer in messages:
        seen.setdefault(message, []).append(evidence(answer))
    return tuple(
        Finding(
            message=message if len(proofs) == 1 else f"{message} ({len(proofs)} answers)",
            evidence=tuple(proofs[:MAX_EVIDENCE]),
        )
        for message, proofs in seen.items()
    )
