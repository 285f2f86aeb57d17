"""Rate limits that limit nothing, the wrong requests, or for the wrong time."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]

#: Most change what a limiter refuses at all, and so would hide each other.
PART = "limiter"
#: The others change one aspect of it, which shows beside other aspects.
ASPECTS = {
    "operation-unlimited": "operations",
    "exempt-by-substring": "exempt query",
    "limit-per-token": "users",
    "addresses-share-bucket": "addresses",
    "client-not-forwarded": "addresses",
    "leftmost-forwarded-trusted": "addresses",
    "global-limit-ignored": "global",
    "hourly-limit-ignored": "hourly",
    "retry-after-zero": "retry-after",
    "remaining-frozen": "remaining",
    "policy-field-malformed": "policy",
    "refusal-names-other-figure": "refusal body",
    "refusal-cacheable": "refusal cache",
    "limiter-outside-headers": "layers",
    "static-limited": "static",
    "probe-refused-with-its-caller": "probe",
    "limiter-per-process": "store",
    "fallback-unlimited": "store",
    "fallback-for-ever": "store",
    "limiter-switch-ignored": "switch",
    "limiter-in-development": "development",
}

DEFECTS: tuple[Defect, ...] = tuple(
    api(name, title, *detected_by, part=f"{PART}/{ASPECTS[name]}" if name in ASPECTS else PART)
    for name, title, detected_by in (
        ("limiter-not-mounted", "The limiter is configured, and in front of nothing", ["ratelimit.enforced"]),
        ("exempt-prefix-slash", "The prefix / is exempt, and with it every path", ["ratelimit.enforced"]),
        ("operation-unlimited", "One operation is not limited", ["ratelimit.operations"]),
        ("exempt-by-substring", "An exempt path's name in the query exempts any request", ["ratelimit.path_variants"]),
        ("limit-per-token", "Every login gives a user a new allowance", ["ratelimit.per_user"]),
        (
            "addresses-share-bucket",
            "All anonymous callers are counted as one",
            ["ratelimit.per_ip", "ratelimit.behind_proxy"],
        ),
        ("client-not-forwarded", "All clients are counted as the proxy", ["ratelimit.behind_proxy", "log.client_ip"]),
        (
            "leftmost-forwarded-trusted",
            "The client says itself from where it comes",
            ["ratelimit.spoof_resistant", "log.client_ip"],
        ),
        ("global-limit-ignored", "The limit over all callers is never counted", ["ratelimit.global"]),
        ("hourly-limit-ignored", "The hourly limit is never counted", ["ratelimit.hourly"]),
        ("limiter-fixed-window", "Windows of the clock in place of a token bucket", ["ratelimit.token_bucket"]),
        ("limiter-race", "Concurrent requests read the same count", ["ratelimit.concurrency_exact"]),
        (
            "refusal-for-ever",
            "Who was refused once is refused for ever",
            ["ratelimit.recovers", "ratelimit.retry_after", "ratelimit.token_bucket"],
        ),
        ("retry-after-zero", "Retry-After is always 0", ["ratelimit.retry_after"]),
        ("remaining-frozen", "X-RateLimit-Remaining never falls", ["ratelimit.headers"]),
        ("policy-field-malformed", "RateLimit-Policy is no structured field", ["ratelimit.policy_fields"]),
        ("refusal-names-other-figure", "The refusal names a limit that is not in force", ["ratelimit.body_429"]),
        ("refusal-cacheable", "Caches may store the refusal", ["ratelimit.refusal_cache"]),
        (
            "limiter-outside-headers",
            "The refusal passes neither the header layers nor CORS",
            ["ratelimit.refusal_cors", "headers.on_error_responses", "reqid.on_errors"],
        ),
        ("static-limited", "Static files use up the visitor's allowance", ["ratelimit.exempt_paths"]),
        (
            "probe-refused-with-its-caller",
            "A health endpoint is refused with its caller",
            ["ratelimit.probes_survive", "ratelimit.exempt_paths"],
        ),
        ("limiter-per-process", "Every process counts for itself", ["ratelimit.redis_shared"]),
        ("fallback-unlimited", "Without Redis nobody is limited", ["ratelimit.redis_fallback"]),
        ("fallback-for-ever", "After an outage Redis is never used again", ["ratelimit.redis_recovery"]),
        ("limiter-switch-ignored", "RATE_LIMIT_ENABLED=false changes nothing", ["ratelimit.configurable"]),
        ("limiter-in-development", "Development is limited too", ["ratelimit.off_in_development"]),
    )
)
