"""Plausible and hostile scorecards for tests, and the sample that the repository shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from readiness.chart import Chart, Lane, Line, Span, Tone
from readiness.check import Category, Impact
from readiness.facts._codec import encode
from readiness.facts.start import Change, FailureCause, ServiceStart, StackStart
from readiness.profile import Gate, Profile
from readiness.scorecard import (
    SCHEMA_VERSION,
    CheckResult,
    CriticalPathStep,
    ProfileInfo,
    RunInfo,
    Scorecard,
    TargetInfo,
    ToolInfo,
)
from readiness.scoring import ALGORITHM_VERSION, grade_run
from readiness.verdict import Evidence, Finding, Measurement, Outcome, Severity

L, M, H, C = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
PERTURBS, DISRUPTS = Impact.PERTURBS, Impact.DISRUPTS

PROFILE = Profile(
    name="production",
    title="Production",
    description="A service that users outside the team depend on.",
    exclude={
        "probe.legacy_shallow": "no caller of the old path is left",
        "probe.system_metrics": "measured by the platform's own agents",
    },
    gate=Gate(fail_on=H, min_grade="B", required=("headers.nosniff",)),
)


def check(
    name: str,
    title: str,
    severity: Severity,
    outcome: Outcome = Outcome.PASS,
    *,
    impact: Impact = Impact.OBSERVES,
    **values: Any,
) -> CheckResult:
    family = name.partition(".")[0]
    defaults: dict[str, Any] = {
        "covers": (name,),
        "why": f"Somebody relies on this: {title[0].lower()}{title[1:]}.",
        "source": "Claims ledger",
        "remediation": f"Make it hold that {title[0].lower()}{title[1:]}.",
        "seeds": ("memorai", "brain"),
        "facts": ("responses",) if family == "headers" else ("steady_state",),
        "seconds": 0.01,
    }
    return CheckResult(
        id=name,
        title=title,
        category=Category(family),
        severity=severity,
        impact=impact,
        outcome=outcome,
        **{**defaults, **values},
    )


def sample_checks() -> tuple[CheckResult, ...]:
    return (
        check(
            "start.stack",
            "Every service starts and becomes ready",
            C,
            summary="5 of 5 services became ready in 21.4 s.",
            measurements=(Measurement(name="time to readiness", value=21.4, unit="s"),),
            facts=("stack_start",),
        ),
        check(
            "headers.nosniff",
            "Every response carries X-Content-Type-Options: nosniff once",
            M,
            summary="Present once, exact, on 14 responses of 9 status classes, through the proxy and directly.",
        ),
        check(
            "headers.frame_deny",
            "Every response forbids framing",
            M,
            summary="X-Frame-Options: DENY on 14 responses.",
        ),
        check(
            "headers.csp",
            "Every response carries a Content-Security-Policy that stops injected scripts",
            H,
            Outcome.FAIL,
            credit=0.4,
            why=(
                "One stored comment with a script tag runs in every visitor's session; the policy is what stops it when"
                " escaping was forgotten somewhere."
            ),
            source="W3C Content Security Policy Level 3, section 6.7; OWASP Secure Headers Project",
            remediation=(
                "Remove 'unsafe-inline' from script-src and give each inline script a nonce that is new in every response."
            ),
            findings=(
                Finding(
                    message="script-src allows 'unsafe-inline', so an injected script runs.",
                    evidence=(
                        Evidence(
                            source="GET / via proxy: 200",
                            text="content-security-policy: default-src 'self'; script-src 'self' 'unsafe-inline'",
                        ),
                        Evidence(
                            source="GET /items via proxy: 200",
                            text="content-security-policy: default-src 'self'; script-src 'self' 'unsafe-inline'",
                        ),
                    ),
                ),
                Finding(
                    message="The policy is missing on the 502 that the proxy makes itself.",
                    evidence=(
                        Evidence(
                            source="GET /items via proxy while api was stopped: 502",
                            text=(
                                "HTTP/1.1 502 Bad Gateway\nServer: nginx\nContent-Type: text/html\nContent-Length: 150\n"
                                "Connection: keep-alive\n\n<html>\n<head><title>502 Bad Gateway</title></head>\n<body>…"
                            ),
                        ),
                    ),
                ),
            ),
            facts=("responses", "error_responses"),
        ),
        check(
            "headers.referrer_policy",
            "No path leaks to other sites in the Referer header",
            L,
            summary="strict-origin-when-cross-origin on 14 responses.",
        ),
        check(
            "headers.permissions_policy",
            "Geolocation, microphone and camera are switched off",
            L,
            Outcome.WAIVED,
            reason="planned, accepted by web-team until 2026-12-01",
            findings=(
                Finding(
                    message="microphone is allowed for every origin.",
                    evidence=(
                        Evidence(
                            source="GET / via proxy: 200", text="permissions-policy: geolocation=(), microphone=*"
                        ),
                    ),
                ),
            ),
            waiver={
                "reason": "planned",
                "owner": "web-team",
                "expires": "2026-12-01",
                "note": "voice search is being removed, SHOP-412",
            },
            seeds=("brain",),
        ),
        check(
            "headers.hsts_production",
            "In production browsers are told to use HTTPS for a year",
            H,
            summary="max-age=31536000; includeSubDomains, sent once.",
            measurements=(Measurement(name="max-age", value=31536000, unit="s", at_least=31536000),),
        ),
        check(
            "headers.hsts_absent_nonprod",
            "Outside production HSTS is not sent",
            M,
            impact=DISRUPTS,
            summary="Absent with ENVIRONMENT=development; all other headers unchanged.",
            facts=("development_responses",),
        ),
        check(
            "headers.on_error_responses",
            "Error responses carry the same security headers",
            M,
            Outcome.FAIL,
            impact=PERTURBS,
            credit=0.75,
            why="Error pages echo input more often than any other page.",
            remediation="Set the headers in the proxy with 'always', or in the outermost middleware.",
            findings=(
                Finding(
                    message="2 of 8 error statuses lack security headers: 429, 502.",
                    evidence=(
                        Evidence(
                            source="101st GET /items within a minute: 429",
                            text="HTTP/1.1 429 Too Many Requests\nRetry-After: 60\nContent-Type: application/json",
                        ),
                    ),
                ),
            ),
            measurements=(
                Measurement(name="share of error statuses with all headers", value=0.75, unit="ratio", at_least=1),
            ),
            facts=("error_responses",),
        ),
        check(
            "headers.cookies",
            "Cookies are Secure, HttpOnly and SameSite",
            H,
            summary="1 cookie (refresh_token): Secure; HttpOnly; SameSite=Strict.",
        ),
        check(
            "headers.toggle",
            "The switch for security headers governs them",
            L,
            Outcome.NOT_APPLICABLE,
            reason="variants.headers_off: none, because the headers cannot be switched off by design",
            seeds=("memorai",),
        ),
        check(
            "probe.health_ok",
            "The main health endpoint answers 200 on a healthy stack, without login",
            C,
            summary="GET /health/ready answered 200 in 8 ms without credentials.",
            measurements=(Measurement(name="answer time", value=8.1, unit="ms", at_most=3000),),
        ),
        check(
            "probe.live",
            "Liveness reports status, a current timestamp and a growing uptime",
            M,
            summary="Uptime grew by 5.0 s in 5.0 s; the clock is 0.2 s off.",
            measurements=(Measurement(name="clock offset", value=0.2, unit="s", at_most=5),),
            seeds=("brain",),
        ),
        check(
            "probe.live_no_deps",
            "Liveness does not depend on the database or the cache",
            C,
            impact=DISRUPTS,
            summary="200 throughout 15 s without database and 15 s without cache; never restarted.",
            facts=("database_outage", "cache_outage"),
        ),
        check(
            "probe.ready_503_db",
            "Losing the database turns readiness to 503",
            H,
            impact=DISRUPTS,
            summary="503 after 1.2 s; names checks.database, leaves checks.redis healthy.",
            measurements=(Measurement(name="time to 503", value=1.2, unit="s", at_most=15),),
            charts=(
                Chart(
                    title="Readiness while the database is away",
                    lanes=(
                        Lane(
                            label="GET /health/ready",
                            spans=(
                                Span(start=0, end=1.2, tone=Tone.WARN, label="200"),
                                Span(start=1.2, end=15, tone=Tone.GOOD, label="503"),
                            ),
                        ),
                        Lane(label="readiness <db>", spans=(Span(start=7, end=7, tone=Tone.BAD, label="time-out"),)),
                    ),
                ),
            ),
            facts=("database_outage",),
        ),
        check(
            "probe.recovers",
            "When the dependency returns, so does the probe, without a restart",
            H,
            impact=DISRUPTS,
            summary="200 again 2.4 s after the database; same process, no restart.",
            measurements=(Measurement(name="time to recovery", value=2.4, unit="s", at_most=30),),
            facts=("database_outage",),
        ),
        check(
            "probe.hang_bounded",
            "With a hanging dependency the probe still answers in time",
            H,
            Outcome.FAIL,
            impact=DISRUPTS,
            why=(
                "A store that hangs is commoner than one that refuses. A probe without an answer counts as failed, and"
                " every worker that waits with it is lost to users."
            ),
            source="Kubernetes documentation, Configure Liveness, Readiness and Startup Probes: timeoutSeconds",
            remediation="Give the probe's own database query a timeout shorter than the prober's (3 s), and answer 503.",
            findings=(
                Finding(
                    message="No answer within 15 s while the database was frozen; the prober gives up after 3 s.",
                    evidence=(
                        Evidence(
                            source="GET /health/ready while db was paused",
                            text="no answer after 15.0 s; 3 of 3 attempts",
                        ),
                        Evidence(
                            source="log of api",
                            text='{"event": "pool timeout", "pool_size": 20, "waited_seconds": 30.0, "level": "error"}',
                        ),
                    ),
                ),
            ),
            measurements=(Measurement(name="answer time", value=15.0, unit="s", at_most=3.0),),
            charts=(
                Chart(
                    title="Answers during the hang",
                    y_unit="count",
                    lines=(
                        Line(label="sent", points=tuple((n / 4, float(n)) for n in range(60)), is_step=True),
                        Line(label="answered", points=((0.0, 0.0), (15.0, 4.0)), tone=Tone.BAD),
                    ),
                ),
            ),
            facts=("database_pause", "cache_pause"),
            seconds=0.02,
        ),
        check(
            "probe.cache_10s",
            "Health answers are measured at most once in 10 s",
            M,
            Outcome.INCONCLUSIVE,
            reason="not configured: probes.basic",
            supply="probes:\n  basic: {path: /api/health, cache_seconds: 10}",
            seeds=("memorai",),
            facts=("health_storm",),
        ),
        check(
            "probe.disk_memory",
            "Low disk or memory turns the health check to 503",
            L,
            Outcome.INCONCLUSIVE,
            impact=DISRUPTS,
            reason="needs mount a small disk, which the process runtime cannot do",
            supply="run with --readiness-runtime=compose",
            seeds=("memorai",),
            facts=("disk_full",),
        ),
        check(
            "probe.detailed",
            "The detailed report has every component with status and latency",
            L,
            Outcome.FAIL,
            credit=0.5,
            remediation="Report latency_ms for each store, measured by the query that decides its status.",
            findings=(
                Finding(
                    message="redis has no latency.",
                    evidence=(
                        Evidence(
                            source="GET /health/detailed as admin: 200",
                            text='{"components": [{"name": "database", "status": "healthy", "latency_ms": 1.9},\n'
                            ' {"name": "redis", "status": "healthy"}]}',
                        ),
                    ),
                ),
            ),
            seeds=("memorai", "myragdb"),
            facts=("detailed_report",),
        ),
        check(
            "probe.fast",
            "Liveness is fast",
            M,
            impact=PERTURBS,
            summary="p95 of 200 sequential and 50 concurrent requests below the limit.",
            measurements=(
                Measurement(name="p95 sequential", value=4.2, unit="ms", at_most=100),
                Measurement(name="p95 concurrent", value=38.0, unit="ms", at_most=100),
            ),
            facts=("probe_timing",),
        ),
        check(
            "probe.error_sanitised",
            "Error texts of probes hold no credentials, addresses or paths",
            H,
            impact=DISRUPTS,
            summary="23 answers during outages searched for 6 secrets, URLs and tracebacks.",
            facts=("database_outage", "cache_outage"),
        ),
        check(
            "probe.alerting",
            "Somebody is called when readiness fails for five minutes",
            M,
            Outcome.ATTESTED,
            reason="outside the stack; stated by platform-team",
            seeds=("memorai",),
            facts=(),
        ),
    )


START = StackStart(
    runtime="compose",
    is_up=True,
    seconds=21.4,
    build_seconds=6.0,
    services=(
        ServiceStart(
            service="db",
            state="running",
            health="healthy",
            is_ready=True,
            seconds=6.3,
            image="postgres:16 (sha256:2f…9c)",
        ),
        ServiceStart(
            service="cache",
            state="running",
            health="healthy",
            is_ready=True,
            seconds=1.1,
            image="redis:7 (sha256:77…01)",
        ),
        ServiceStart(
            service="api",
            state="running",
            health="healthy",
            is_ready=True,
            seconds=12.9,
            needs=("db", "cache"),
            image="shop-api (built)",
        ),
        ServiceStart(
            service="worker", state="running", is_ready=True, seconds=2.0, needs=("cache",), image="shop-api (built)"
        ),
        ServiceStart(
            service="proxy",
            state="running",
            is_ready=True,
            seconds=1.4,
            needs=("api",),
            restarts=1,
            image="nginx:1.28 (sha256:c0…4e)",
        ),
    ),
    changes=(
        Change(
            service="api",
            what="port 8000 published on an ephemeral port of 127.0.0.1",
            why="8000 may be in use, and is not ours",
        ),
        Change(service="db", what="volume pgdata replaced by a throw-away one", why="the owner's data stays untouched"),
        Change(
            service="", what="network proxy-net replaced by one of the run", why="external networks reach other stacks"
        ),
    ),
)

DOWN = StackStart(
    runtime="compose",
    is_up=False,
    seconds=74.0,
    services=(
        ServiceStart(service="db", state="running", health="healthy", is_ready=True, seconds=6.3, image="postgres:16"),
        ServiceStart(service="cache", state="running", health="healthy", is_ready=True, seconds=1.1, image="redis:7"),
        ServiceStart(
            service="api",
            state="restarting",
            health="unhealthy",
            is_ready=False,
            exit_code=3,
            restarts=4,
            cause=FailureCause.AUTHENTICATION,
            detail="the password of DATABASE_URL is not the one that db was created with",
            health_log=("curl: (7) Failed to connect to localhost port 8000 after 0 ms: Connection refused",) * 2,
            log_lines=(
                "INFO:     Waiting for application startup.",
                'asyncpg.exceptions.InvalidPasswordError: password authentication failed for user "shop"',
                "ERROR:    Application startup failed. Exiting.",
            ),
            needs=("db", "cache"),
            image="shop-api (built)",
        ),
        ServiceStart(
            service="proxy",
            state="created",
            is_ready=False,
            cause=FailureCause.DEPENDENCY_NOT_HEALTHY,
            detail="waits for api",
            needs=("api",),
        ),
    ),
    changes=START.changes,
    refused=(
        Change(service="metrics", what="mount of the engine's socket", why="it would give the container this machine"),
    ),
)


def build_card(
    checks: Iterable[CheckResult],
    *,
    start: StackStart | None = START,
    profile: Profile = PROFILE,
    partial: str = "",
    **values: Any,
) -> Scorecard:
    graded = grade_run(tuple(checks), profile=profile, stack_started=start is None or start.is_up, partial=partial)
    card = Scorecard(
        schema_version=SCHEMA_VERSION,
        algorithm_version=ALGORITHM_VERSION,
        tool=ToolInfo(name="pytest-readiness", version="0.1.0"),
        profile=ProfileInfo(
            name=profile.name, title=profile.title, description=profile.description, excluded=dict(profile.exclude)
        ),
        target=TargetInfo(
            name="shop",
            runtime="compose",
            services=(
                {"service": "proxy", "role": "proxy", "image": "nginx:1.28", "state": "running"},
                {"service": "api", "role": "app", "image": "shop-api", "state": "running"},
                {"service": "worker", "role": "worker", "image": "shop-api", "state": "running"},
                {"service": "db", "role": "db", "image": "postgres:16", "state": "running"},
                {"service": "cache", "role": "redis", "image": "redis:7", "state": "running"},
            ),
            discovered=(
                {
                    "key": "service",
                    "value": "api",
                    "reason": "the only service with a published HTTP port behind the proxy",
                },
                {
                    "key": "probes.ready",
                    "value": "/health/ready",
                    "reason": "named in the OpenAPI document, answers 200",
                },
                {"key": "roles.db", "value": "db", "reason": "image postgres:16"},
            ),
            changes=tuple(encode(change) for change in start.changes) if start else (),
            start=encode(start) if start else None,
            version="3f9c2d1 (main)",
        ),
        run=RunInfo(
            id="7k2m9q",
            started_at="2026-03-01T09:30:00Z",
            seconds=96.2,
            critical_path=(
                CriticalPathStep(name="compose up", kind="start", seconds=21.4),
                CriticalPathStep(name="database_pause", kind="gather", seconds=33.5),
                CriticalPathStep(name="probe cache expires", kind="wait", seconds=12.0),
                CriticalPathStep(name="checks", kind="judge", seconds=0.3),
            ),
            host={
                "cpus": 2,
                "memory_bytes": 25_000_000_000,
                "platform": "Linux 6.1 x86_64",
                "python": "3.12.7",
                "engine": "Docker 26.1, compose 2.26",
            },
            partial=partial,
        ),
        grade=graded.grade,
        score=graded.score,
        interval=graded.interval,
        coverage=graded.coverage,
        caps=graded.caps,
        gate=graded.gate,
        next_grade=graded.next_grade,
        categories=graded.categories,
        checks=graded.checks,
        claims=(
            {
                "claim": "Security headers: A+",
                "claimed": "yes",
                "checks": ["headers.csp", "headers.nosniff"],
                "verdict": "partly",
            },
            {
                "claim": "Survives a database outage",
                "claimed": "yes",
                "checks": ["probe.recovers"],
                "verdict": "proven",
            },
        ),
        baseline={"new": ["probe.hang_bounded"], "fixed": ["headers.cookies"], "worse": [], "better": ["headers.csp"]},
        notices=("The waiver for headers.frame_deny waives nothing: the check passes; remove the waiver.",),
    )
    return dataclasses.replace(card, **values)


def sample_card() -> Scorecard:
    """The demo stack with a few defects: every outcome and every section occurs."""
    return build_card(sample_checks())


def sound_card() -> Scorecard:
    """A stack on which everything passes: most sections are empty."""
    passed = [dataclasses.replace(c, outcome=Outcome.PASS, findings=(), waiver=None) for c in sample_checks()]
    return build_card(passed, claims=(), baseline={}, notices=(), profile=Profile(name="personal"))


def down_card() -> Scorecard:
    """A stack that did not start: nothing that needs it could be judged."""
    down = check(
        "start.stack",
        "Every service starts and becomes ready",
        C,
        Outcome.FAIL,
        remediation="Give api the password that db is created with.",
        findings=(Finding(message="api does not start: authentication", evidence=()),),
    )
    unknown = [
        dataclasses.replace(
            c, outcome=Outcome.INCONCLUSIVE, findings=(), waiver=None, reason="the stack did not start: api"
        )
        for c in sample_checks()[1:]
    ]
    return build_card([down, *unknown], start=DOWN, claims=(), baseline={})


def empty_card() -> Scorecard:
    """Nothing was checked."""
    return build_card([], start=None, partial="-k nothing", claims=(), baseline={}, notices=())


def hostile_card(text: str) -> Scorecard:
    """The sample with ``text`` in the place of every string that a target or its owner can choose."""
    card = sample_card()
    return dataclasses.replace(
        card,
        profile=_replaced(card.profile, text),
        target=_replaced(card.target, text),
        run=_replaced(card.run, text),
        gate=_replaced(card.gate, text),
        caps=(text,),
        claims=tuple({**_replaced(row, text), "verdict": "refuted"} for row in card.claims),
        baseline=_replaced(card.baseline, text),
        notices=(text,),
        checks=tuple(
            dataclasses.replace(_replaced(c, text), id=c.id, covers=c.covers, category=c.category, outcome=c.outcome)
            for c in card.checks
        ),
    )


def _replaced(value: Any, text: str) -> Any:
    if type(value) is str:
        return text
    if isinstance(value, tuple | list):
        return type(value)(_replaced(item, text) for item in value)
    if isinstance(value, dict):
        return {key: _replaced(item, text) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: _replaced(getattr(value, f.name), text) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **changes)
    return value
