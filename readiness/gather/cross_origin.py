"""What pages of other origins are told by the running stack, and by one whose list of origins is another."""

from __future__ import annotations

from collections.abc import Mapping

from readiness.check import Impact
from readiness.cors.answers import is_told
from readiness.cors.origins import (
    DEVELOPER,
    INVENTED,
    PLACEHOLDERS,
    STRANGER,
    as_sent,
    is_list_name,
    look_alikes,
    settings_of,
    written,
)
from readiness.declared.cors import cors_of
from readiness.facts.cors import CrossOrigin, CrossOriginAnswer, OriginKind, OriginSettings
from readiness.gather import gatherer
from readiness.gather.cross_origin_asking import ask, asked_request, require_an_answer
from readiness.gather.own_user import environment_of, own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Runtime, Stack, Variant
from readiness.target import Request, Target
from readiness.verdict import Inconclusive

__all__ = ["cross_origin", "cross_origin_reset"]

#: Allowed origins that are tried, and those of them whose look-alikes are.
MAX_ALLOWED, MAX_IMITATED = 5, 1
WITH_COOKIE = frozenset({OriginKind.ALLOWED, OriginKind.FOREIGN, OriginKind.NULL})


@gatherer(impact=Impact.OBSERVES, at_most_seconds=60)
def cross_origin(target: Target, stack: Stack, http: HttpClient) -> CrossOrigin:
    """Every entry asked from allowed origins, strangers, look-alikes and placeholders: preflight and request.

    Asks as a user of its own where there is a login, so that its few dozen requests count against nobody else.
    """
    settings = _settings(target, stack)
    headers = _headers(target, stack, http)
    request = asked_request(target)
    is_guess = request == Request(path="/")
    if is_guess and target.entries:
        require_an_answer(http, target.entries[0], request, headers)
    asked = _origins(settings)
    if Capability.WRITE not in stack.capabilities:
        # Somebody's running system: dozens of requests as nobody could use up what its limiter leaves to others.
        asked = [pair for pair in asked if pair[0] in WITH_COOKIE]
    answers = tuple(ask(http, target.entries, request, asked, headers=headers, with_cookie=WITH_COOKIE))
    if is_guess and answers and all(is_told(answer) and not answer.speaks_of_origins for answer in answers):
        # A page at the root, and an API that says more to other origins beside it, are the usual case.
        raise Inconclusive(
            "the root says nothing to pages of other origins, and no other path is known",
            supply="paths:\n  ok: /a/path/answering/200",
            undeclared="paths.ok",
        )
    kept: tuple[CrossOriginAnswer, ...] = ()
    # An answer that caches may keep shows what has to vary; API answers often forbid to be kept.
    if target.paths.static is not None and target.paths.static.method == "GET":
        allowed = [(kind, origin) for kind, origin in _origins(settings) if kind is OriginKind.ALLOWED][:1]
        compared = [*allowed, (OriginKind.FOREIGN, STRANGER)] if allowed else []
        static = ask(http, target.entries, target.paths.static, compared, headers={})
        kept = tuple(answer for answer in static if not answer.is_preflight)
    return CrossOrigin(answers=answers, kept=kept, settings=settings)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def cross_origin_reset(target: Target, runtime: Runtime, variants: Variants) -> CrossOrigin:
    """The same stack with two invented origins in place of its own, in a second stack."""
    declared = cors_of(target)
    service = declared.service or target.service or ""
    settings = OriginSettings()
    # Where the list is set is seen in the model's variables only once a stack runs, so a known name saves a start.
    if declared.variable:
        settings = OriginSettings(
            origins=target.origins, service=service, variable=declared.variable, form=declared.form
        )
    model = runtime.model().services.get(service)
    if not declared.variable and model is not None:
        names = [name for name in model.environment if is_list_name(name)]
        if len(names) == 1:
            settings = OriginSettings(origins=target.origins, service=service, variable=names[0])
    if not settings.variable:
        raise Inconclusive(
            "nothing says which variable holds the allowed origins",
            supply="cors:\n  variable: CORS_ORIGINS",
            undeclared="cors.variable",
        )
    origins = tuple(INVENTED)
    variant = Variant(name="origins", environment={service: {settings.variable: written(origins, settings.form)}})
    with variants(variant) as stack, HttpClient(stack) as http:
        asked = [
            *((OriginKind.INVENTED, origin) for origin in origins),
            *((OriginKind.FORMER, as_sent(origin)) for origin in target.origins[:MAX_ALLOWED]),
        ]
        headers = _headers(target, stack, http)
        answers = tuple(ask(http, target.entries, asked_request(target), asked, headers=headers))
    return CrossOrigin(answers=answers, settings=settings)


def _settings(target: Target, stack: Stack) -> OriginSettings:
    declared = cors_of(target)
    service = declared.service or target.service or ""
    environment = environment_of(target, stack, service)
    return settings_of(target.origins, environment, service=service, variable=declared.variable, form=declared.form)


def _headers(target: Target, stack: Stack, http: HttpClient) -> Mapping[str, str]:
    """Who asks: a user of this look's own, else nobody. Of the answers nothing is kept that could hold a secret."""
    try:
        return own_user(target, stack, http, "origins").headers
    except Inconclusive:
        return {}


def _origins(settings: OriginSettings) -> list[tuple[OriginKind, str]]:
    """Who is tried, each origin once and as what it is first: an allowed one is no stranger."""
    allowed = tuple(origin for origin in settings.origins if origin != "*")[:MAX_ALLOWED]
    tried = [(OriginKind.ALLOWED, origin) for origin in allowed]
    tried += [(OriginKind.FOREIGN, STRANGER), (OriginKind.NULL, "null")]
    for origin in allowed[:MAX_IMITATED]:
        tried += look_alikes(origin)
    tried += [(OriginKind.LOCAL, origin) for origin in DEVELOPER]
    tried += [(OriginKind.PLACEHOLDER, origin) for origin in PLACEHOLDERS]
    known = set(settings.origins)
    return [pair for pair in tried if pair[0] is OriginKind.ALLOWED or pair[1] not in known]
