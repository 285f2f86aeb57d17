"""Every way in which the demo can be made unsound, one switch each, and the checks that must notice it, and no others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from readiness.exceptions import ConfigError

__all__ = ["DEFECTS", "Defect", "overlay"]

#: These variables are lists, joined where several defects set them; any other variable is set by one defect alone.
LISTS = ("SHOP_DEFECTS", "PROXY_DEFECTS")


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One broken property.

    Attributes:
        name: as given to ``--readiness-demo=``.
        title: what is wrong with the stack, in one line.
        detected_by: ids of the checks that fail; no other check's verdict changes.
        environment: service -> variables that switch it on.
    """

    name: str
    title: str
    detected_by: tuple[str, ...]
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def _api(name: str, title: str, *detected_by: str) -> Defect:
    environment = {"api": {"SHOP_DEFECTS": name}}
    return Defect(name=name, title=title, detected_by=detected_by, environment=environment)


def _proxy(name: str, title: str, *detected_by: str) -> Defect:
    environment = {"proxy": {"PROXY_DEFECTS": name}}
    return Defect(name=name, title=title, detected_by=detected_by, environment=environment)


DEFECTS: tuple[Defect, ...] = (
    # Security headers.
    _api("no-nosniff", "X-Content-Type-Options is missing", "headers.nosniff"),
    _proxy("nosniff-twice", "The proxy adds a second X-Content-Type-Options", "headers.nosniff"),
    _api("frame-sameorigin", "X-Frame-Options is SAMEORIGIN", "headers.frame_deny"),
    _api("csp-unsafe-inline", "Pages allow every inline script", "headers.csp"),
    _api("csp-report-only", "The content security policy only reports", "headers.csp"),
    _api("csp-nonce-repeated", "Every page has the same nonce", "headers.csp"),
    _proxy("proxy-drops-csp", "The proxy removes the content security policy", "headers.csp"),
    _api("referrer-unsafe-url", "Other sites receive whole URLs", "headers.referrer_policy"),
    _api("permissions-open", "Pages may ask for the position and the microphone", "headers.permissions_policy"),
    _api("hsts-short", "HSTS lasts a day", "headers.hsts_production"),
    _proxy("hsts-twice", "The proxy adds a second Strict-Transport-Security", "headers.hsts_production"),
    _api("hsts-in-development", "HSTS is sent outside production", "headers.hsts_absent_nonprod"),
    _api("xss-filter-without-block", "X-XSS-Protection lacks mode=block", "headers.xss_protection"),
    _api("errors-without-headers", "Error answers carry no security headers", "headers.on_error_responses"),
    _api("toggle-ignored", "SECURITY_HEADERS_ENABLED=false changes nothing", "headers.toggle"),
    _proxy("server-version-leak", "The proxy tells its version", "headers.leaks"),
    _api("cookie-without-httponly", "Scripts can read the refresh cookie", "headers.cookies"),
    _api("coop-missing", "Cross-Origin-Opener-Policy is missing", "headers.isolation"),
    _api("private-cacheable", "A user's own answers may be stored by shared caches", "headers.private_cache"),
    # Probes.
    _api("health-requires-login", "The health endpoint asks for a login", "probe.health_ok"),
    _api("live-timestamp-frozen", "Liveness tells the time of the start", "probe.live"),
    _api("live-checks-database", "Liveness fails with the database", "probe.live_no_deps"),
    _api("ready-omits-redis", "Readiness does not list Redis", "probe.ready"),
    _api("ready-constant-times", "Readiness makes its response times up", "probe.ready"),
    _api("ready-ignores-database", "Readiness stays green without the database", "probe.ready_503_db"),
    _api("ready-ignores-redis", "Readiness stays green without Redis", "probe.ready_503_redis"),
    _api(
        "unhealthy-with-200", "Readiness says unhealthy with status 200", "probe.ready_503_db", "probe.ready_503_redis"
    ),
    _api("ready-never-recovers", "Readiness stays red after an outage", "probe.recovers"),
    _api("ready-hangs", "Readiness hangs with a hanging dependency", "probe.hang_bounded"),
    _api("startup-always-ok", "The startup probe succeeds before the start has", "probe.startup"),
    _api("legacy-checks-database", "The shallow health endpoint fails with the database", "probe.legacy_shallow"),
    _api("basic-always-ok", "The health endpoint is 200 without database or Redis", "probe.basic_503"),
    _api("health-uncached", "Every health request asks the database", "probe.cache_10s"),
    _api("health-stale", "A health answer is reused for a minute", "probe.cache_10s"),
    _api("live-slow", "Liveness takes 0.3 s", "probe.fast"),
    _api("detailed-omits-latency", "The detailed report has no latencies", "probe.detailed"),
    _api("detailed-lies", "The detailed report calls every component healthy", "probe.detailed_truthful"),
    _api("detailed-overall-ok", "The detailed report's status ignores its components", "probe.aggregates_backends"),
    _api("disk-memory-ignored", "The health endpoint ignores disk and memory", "probe.disk_memory"),
    _api("metrics-constant", "The system metrics are made up", "probe.system_metrics"),
    _api("alerts-empty", "The alerts are always empty", "probe.alerts_field"),
    _api("loading-answers-200", "The model's endpoint is 200 while it loads", "probe.loading_503"),
    _api("model-status-error", "The model's endpoint says error with status 200", "probe.status_ok_body"),
    _api("error-leaks-dsn", "Readiness tells the database's address and password", "probe.error_sanitised"),
    # Start.
    Defect(
        name="wrong-database-password",
        title="The API and the worker have another password than the database",
        detected_by=("start.stack",),
        environment={service: {"DATABASE_PASSWORD": "not-the-databases-password"} for service in ("api", "worker")},
    ),
)


def overlay(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Service -> variables that switch the named defects on; nothing for no names.

    Raises:
        ConfigError: a name is unknown; says the nearest one.
    """
    known = {defect.name: defect for defect in DEFECTS}
    merged: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(names):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ConfigError(
                f"no defect {name[:80]!r} in the demo; did you mean {near[0]!r}?",
                hint=f"the defects are {', '.join(known)}",
            )
        for service, variables in known[name].environment.items():
            mine = merged.setdefault(service, {})
            for variable, value in variables.items():
                is_joined = variable in LISTS and variable in mine
                mine[variable] = f"{mine[variable]},{value}" if is_joined else value
    return merged
