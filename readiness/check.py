"""A check: one decorated pure function from facts to a :class:`~readiness.verdict.Verdict`, and its metadata."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

from readiness.verdict import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CATEGORY_TITLES", "Category", "CheckMeta", "Impact", "Stability", "check", "meta_of"]

P = ParamSpec("P")

#: Where the decorator keeps the metadata on the function.
META_ATTRIBUTE = "__readiness_check__"


class Category(enum.StrEnum):
    """The families of checks, in the order in which a scorecard shows them; the value is the id's first part."""

    START = "start"
    HEADERS = "headers"
    PROBE = "probe"
    RATELIMIT = "ratelimit"
    CORS = "cors"
    AUTH = "auth"
    VALIDATE = "validate"
    ERRORS = "errors"
    REQID = "reqid"
    LOG = "log"
    METRICS = "metrics"
    ALERTS = "alerts"
    SENTRY = "sentry"
    DOCS = "docs"
    TLS = "tls"
    STARTUP = "startup"
    RETRY = "retry"
    DRAIN = "drain"
    SCALE = "scale"
    COMPOSE = "compose"
    PERSIST = "persist"
    DB = "db"
    BACKUP = "backup"


CATEGORY_TITLES: dict[Category, str] = {
    Category.START: "Start of the stack",
    Category.HEADERS: "Security headers",
    Category.PROBE: "Health probes",
    Category.RATELIMIT: "Rate limiting",
    Category.CORS: "CORS",
    Category.AUTH: "Authentication and authorisation",
    Category.VALIDATE: "Request validation",
    Category.ERRORS: "Error handling",
    Category.REQID: "Request ids",
    Category.LOG: "Logging",
    Category.METRICS: "Metrics",
    Category.ALERTS: "Alerts",
    Category.SENTRY: "Error tracking",
    Category.DOCS: "API documentation",
    Category.TLS: "TLS",
    Category.STARTUP: "Cold start",
    Category.RETRY: "Retries and timeouts",
    Category.DRAIN: "Graceful shutdown",
    Category.SCALE: "Scaling and availability",
    Category.COMPOSE: "Containers",
    Category.PERSIST: "Persistence",
    Category.DB: "Database",
    Category.BACKUP: "Backup and restore",
}


class Stability(enum.StrEnum):
    """What users may expect of a check between releases."""

    EXPERIMENTAL = "experimental"
    STABLE = "stable"
    DEPRECATED = "deprecated"


class Impact(enum.StrEnum):
    """What obtaining a fact does to the target; ordered from harmless to severe."""

    OBSERVES = "observes"
    PERTURBS = "perturbs"
    DISRUPTS = "disrupts"

    @property
    def rank(self) -> int:
        """0 for observes up to 2 for disrupts."""
        return list(Impact).index(self)


@dataclass(frozen=True, kw_only=True)
class CheckMeta:
    """Everything a reader, a profile or a report needs to know of a check without running it.

    Attributes:
        id: ``family.noun``, as in the claims ledger; unique.
        title: what holds when the check passes.
        category: the family.
        severity: how much a failure hurts.
        stability: what may change under users.
        why: whom a failure hurts, one or two sentences.
        source: the rule's origin (RFC, vendor page, ledger).
        remediation: the owner's next step.
        covers: ids of the claims ledger that the check decides; its own id is among them where it is one.
        seeds: which seed guides claim it.
        defects: names of the demo's defects that this check detects.
        facts: the facts it reads: its function's argument names without ``limits``.
        limits: the limits dataclass, or None.
    """

    id: str
    title: str
    category: Category
    severity: Severity
    stability: Stability
    why: str
    source: str
    remediation: str
    covers: tuple[str, ...]
    seeds: tuple[str, ...]
    defects: tuple[str, ...]
    facts: tuple[str, ...]
    limits: type | None


def check(
    *,
    id: str,  # noqa: A002  # the name under which everybody knows a check
    title: str,
    category: Category,
    severity: Severity,
    why: str,
    source: str,
    remediation: str,
    stability: Stability = Stability.STABLE,
    covers: tuple[str, ...] = (),
    seeds: tuple[str, ...] = (),
    defects: tuple[str, ...] = (),
) -> Callable[[Callable[P, Verdict]], Callable[P, Verdict]]:
    """Declare a function to be a check; its arguments are the facts it needs, plus ``limits`` where it has limits.

    Raises:
        TypeError: the metadata is incomplete or contradicts itself; raised at import, so a check that cannot be
            reported never runs.
    """

    def decorate(function: Callable[P, Verdict]) -> Callable[P, Verdict]:
        parameters = inspect.signature(function).parameters
        limits = typing.get_type_hints(function).get("limits")
        if limits is not None and not dataclasses.is_dataclass(limits):
            raise TypeError(f"check {id}: annotate 'limits' with a dataclass whose fields have defaults")
        texts = {"title": title, "why": why, "source": source, "remediation": remediation}
        problems = [f"{name} is empty" for name, text in texts.items() if not text.strip()]
        if not re.fullmatch(r"[a-z0-9]+(\.[a-z0-9_]+)+", id):
            problems.append("an id reads family.noun, lower case")
        if problems:
            raise TypeError(f"check {id!r}: {'; '.join(problems)}")
        meta = CheckMeta(
            id=id,
            title=title,
            category=category,
            severity=severity,
            stability=stability,
            why=why,
            source=source,
            remediation=remediation,
            covers=covers or (id,),
            seeds=seeds,
            defects=defects,
            facts=tuple(name for name in parameters if name != "limits"),
            limits=typing.cast("type | None", limits),
        )
        setattr(function, META_ATTRIBUTE, meta)
        # pytest collects what says so, whatever it is called; undecorated helpers stay helpers.
        function.__test__ = True  # type: ignore[attr-defined]  # functions take attributes
        return function

    return decorate


def meta_of(function: object) -> CheckMeta | None:
    """The metadata of a check, or None where ``function`` is not one."""
    meta: Any = getattr(function, META_ATTRIBUTE, None)
    return meta if isinstance(meta, CheckMeta) else None
