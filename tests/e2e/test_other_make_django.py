"""Django under gunicorn behind HAProxy: sessions in cookies, a limiter in the proxy, Python's words in logs and metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.kinds import DISRUPTION, RESTORE, TRAFFIC, checks_of
from tests.e2e.other_make import EITHER, Defect, audit, audit_undeclared, changed, compare, defect

pytestmark = pytest.mark.docker

STACK = "django"

SOUND = {
    "start.stack": "pass",
    "headers.cookies": "pass",
    "headers.csp": "pass",
    "headers.frame_deny": "pass",
    "headers.hsts_absent_nonprod": "pass",
    "headers.hsts_production": "pass",
    "headers.isolation": "pass",
    "headers.leaks": "pass",
    "headers.nosniff": "pass",
    "headers.on_error_responses": "pass",
    "headers.permissions_policy": "pass",
    "headers.private_cache": "pass",
    "headers.referrer_policy": "pass",
    "headers.toggle": "pass",
    "headers.xss_protection": "pass",
    "probe.aggregates_backends": "not_applicable",
    "probe.alerts_field": "not_applicable",
    "probe.basic_503": "pass",
    "probe.cache_10s": "pass",
    "probe.detailed": "not_applicable",
    "probe.detailed_truthful": "not_applicable",
    "probe.disk_memory": "not_applicable",
    "probe.error_sanitised": "pass",
    "probe.fast": "pass",
    "probe.hang_bounded": "pass",
    "probe.health_ok": "pass",
    "probe.legacy_shallow": "not_applicable",
    "probe.live": "pass",
    "probe.live_no_deps": "pass",
    "probe.loading_503": "not_applicable",
    "probe.ready": "pass",
    "probe.ready_503_db": "pass",
    "probe.ready_503_redis": "pass",
    "probe.recovers": "pass",
    "probe.startup": "not_applicable",
    "probe.status_ok_body": "pass",
    "probe.system_metrics": "not_applicable",
    "ratelimit.behind_proxy": EITHER,  # whether the first caller stays exhausted while a second one starts is the machine's speed
    "ratelimit.body_429": "waived",
    "ratelimit.concurrency_exact": "pass",
    "ratelimit.configurable": "pass",
    "ratelimit.enforced": "pass",
    "ratelimit.exempt_paths": "pass",
    "ratelimit.global": "not_applicable",  # neither an hourly limit nor one over all callers is declared
    "ratelimit.headers": "waived",
    "ratelimit.hourly": "not_applicable",  # neither an hourly limit nor one over all callers is declared
    "ratelimit.off_in_development": "inconclusive",  # a burst would have the rest of the look at that stack refused
    "ratelimit.operations": "pass",
    "ratelimit.path_variants": "pass",
    "ratelimit.per_ip": EITHER,  # the same
    "ratelimit.per_user": "not_applicable",  # no limit per user is declared
    "ratelimit.policy_fields": "not_applicable",  # neither RateLimit nor RateLimit-Policy is sent
    "ratelimit.probes_survive": "pass",
    "ratelimit.recovers": "pass",
    "ratelimit.redis_fallback": "not_applicable",  # the proxy counts by itself
    "ratelimit.redis_recovery": "not_applicable",  # the proxy counts by itself
    "ratelimit.redis_shared": "not_applicable",  # the proxy counts by itself
    "ratelimit.refusal_cache": "pass",
    "ratelimit.refusal_cors": "pass",
    "ratelimit.retry_after": "pass",
    "ratelimit.spoof_resistant": "pass",
    "ratelimit.token_bucket": "not_applicable",  # the limit is declared as sliding window
    "cors.allowed_origin": "pass",
    "cors.credentials_safe": "pass",
    "cors.denied_origin": "pass",
    "cors.env_aware": "pass",
    "cors.origins_configurable": "pass",
    "cors.preflight_cached": "pass",
    "cors.production_origins_real": "pass",
    "auth.access_expiry_30m": "not_applicable",
    "auth.alg_confusion": "not_applicable",  # a session's cookie is no JSON Web Token
    "auth.alg_none": "not_applicable",
    "auth.bcrypt_12": "pass",
    "auth.default_key_rejected": "not_applicable",
    "auth.expired_rejected": "not_applicable",
    "auth.guesses": "pass",
    "auth.issuer": "not_applicable",
    "auth.malformed_handled": "pass",
    "auth.no_plaintext_password": "pass",
    "auth.principal_isolation": "pass",
    "auth.rbac": "pass",
    "auth.refresh_expiry_7d": "not_applicable",
    "auth.refresh_flow": "not_applicable",
    "auth.required": "pass",
    "auth.tampered": "pass",
    "auth.wrong_password": "pass",
    "validate.bad_input_4xx": "pass",
    "validate.batch_32": "not_applicable",
    "validate.content_type": "pass",
    "validate.input_10000": "pass",
    "validate.max_body": "pass",
    "errors.consistent_format": "pass",
    "errors.dependency_down_clean": "pass",
    "errors.logged": "pass",
    "errors.no_sensitive_info": "pass",
    "errors.no_stack_trace": "pass",
    "errors.request_id_in_body": "pass",
    "errors.structured_500": "pass",
    "errors.survives": "pass",
    "reqid.cross_service": "not_applicable",
    "reqid.header": "pass",
    "reqid.in_logs": "pass",
    "reqid.inbound_safe": "pass",
    "reqid.on_errors": "pass",
    "log.access_line": "pass",
    "log.client_ip": "pass",
    "log.error_file": "not_applicable",  # no error log file is declared (logs.files with holds: errors)
    "log.iso8601": "pass",
    "log.json": "pass",
    "log.level_by_status": "pass",
    "log.level_production": "pass",
    "log.metrics_nonblocking": "not_applicable",  # metrics are pushed nowhere
    "log.no_secrets": "pass",
    "log.process_time": "not_applicable",
    "log.rotation": "pass",
    "metrics.endpoint": "pass",
    "metrics.http_counter": "pass",
    "metrics.system": "not_applicable",
    "alerts.rules_valid": "not_applicable",
    "alerts.thresholds_agree": "not_applicable",
    "sentry.captures": "not_applicable",
    "sentry.context": "not_applicable",
    "sentry.outage_harmless": "not_applicable",
    "sentry.sampling": "not_applicable",
    "sentry.scrubbed": "not_applicable",
    "docs.api_info": "not_applicable",
    "docs.off_in_production": "pass",
    "docs.on_in_development": "pass",
    "docs.openapi_complete": "pass",
    "docs.rate_limits_documented": "pass",
    "compose.config_valid": "pass",
    "compose.cpu_limit_contains": EITHER,  # a busy machine leaves no container its limit
    "compose.healthcheck_defined": "pass",
    "compose.healthcheck_truthful": "pass",
    "compose.limits_figures": "pass",
    "compose.limits_set": "pass",
    "compose.memory_limit_contains": "pass",
    "compose.no_restart_loop": "pass",
    "compose.reservations": "pass",
    "compose.restart_on_crash": "pass",
    "compose.restart_after_reboot": "pass",
    "compose.restart_policy": "pass",
    "compose.totals_fit_host": "pass",
    "drain.all_containers": "pass",
    "drain.restart_no_data_loss": "pass",
    "drain.rolling_zero_downtime": "pass",
    "drain.worker_finishes": "not_applicable",  # it has no background work
    "scale.failover": "pass",
    "scale.stateless": "pass",
    "drain.cleanup_errors_tolerated": "pass",
    "drain.completion_logged": "pass",
    "drain.db_connections_closed": "not_applicable",  # it connects anew for every request, and closes with its answer
    "drain.exit_code": "pass",
    "drain.grace_period_fits": "pass",
    "drain.inflight_completes": "pass",
    "drain.inflight_write_commits": "pass",
    "drain.keepalive": "pass",
    "drain.ordered": "pass",
    "drain.pid1_forwards": "pass",
    "drain.refuses_new": "pass",
    "drain.second_signal": "pass",
    "drain.timeout_30s": "pass",
    "drain.timeout_configurable": "pass",
    "tls.certificate": "pass",
    "tls.ciphers": "pass",
    "tls.http2": "pass",
    "tls.https": "pass",
    "tls.no_plain_http": "pass",
    "tls.versions": "pass",
    "persist.idempotency_keys": "not_applicable",  # nothing is done once per key
    "persist.named_volumes": "pass",
    "persist.queue_survives": "not_applicable",
    "persist.recreate": "pass",
    "persist.redis_crash": "not_applicable",  # the cache is declared to be volatile
    "persist.redis_restart": "not_applicable",  # the same
    "persist.redis_save_points": "not_applicable",  # nothing states how Redis runs
    "db.dependency_versions": "not_applicable",  # none is stated
    "db.pool_ceiling": "not_applicable",  # every request has a connection of its own
    "db.pool_configured": "not_applicable",
    "db.pool_exhaustion_clean": "not_applicable",
    "db.pool_fits_server": "not_applicable",
    "db.pool_recycle": "not_applicable",
    "db.pool_reuse": "waived",
    "db.pre_ping": "not_applicable",
    "db.server_settings": "pass",
    "retry.db_backoff": "pass",
    "retry.db_late": "pass",
    "retry.exhausted_clear": "pass",
    "retry.logged": "pass",
    "startup.async_load": "not_applicable",  # nothing is loaded
    "startup.concurrent_inference": "not_applicable",
    "startup.dependency_order": "pass",
    "startup.failed_dependency_blocks": "pass",
    "startup.health_polling": "not_applicable",  # compose waits
    "startup.health_polling_timeout": "not_applicable",
    "startup.no_fixed_sleep": "pass",
    "startup.repeatable": "pass",
    "startup.requests_while_loading": "not_applicable",
    **dict.fromkeys(checks_of(RESTORE), "not_applicable"),  # the machine is backed up as a whole
    "startup.survives_corrupt_model": "not_applicable",
    "startup.survives_disk_full": "not_applicable",
    "startup.survives_download_failure": "not_applicable",
}

#: Defects that meet in one audit must be seen apart: no two of a set touch the same check.
UNDER_TRAFFIC = {
    "any page that begins like an allowed one": defect(
        "cors.denied_origin", "cors.credentials_safe", LOOSE_ORIGINS="1"
    ),
    "bodies of any size": defect("validate.max_body", ANY_SIZE="1"),
    "no id where it went wrong": defect("reqid.on_errors", "errors.request_id_in_body", NO_ID_ON_ERRORS="1"),
    "cookies in the log": defect("log.no_secrets", LOG_COOKIES="1"),
    "sessions in clear": defect("headers.cookies", COOKIES_IN_CLEAR="1"),
    "old TLS": defect("tls.versions", TLS_FROM="TLSv1.0", TLS_CIPHERS="HIGH:!aNULL:!MD5:@SECLEVEL=0"),
    "passwords may be guessed for ever": defect("auth.guesses", ENDLESS_GUESSES="1"),
    "everybody's notes": defect("auth.principal_isolation", ANYBODYS_NOTES="1"),
    "a limit of whoever one says one is": defect("ratelimit.spoof_resistant", "log.client_ip", COUNTS_FORWARDED="1"),
    "traces for callers": defect("errors.no_stack_trace", TRACE_IN_ERRORS="1"),
    "documents for everybody": defect("docs.off_in_production", DOCS_OPEN="1"),
    "ready without its database": defect("probe.ready_503_db", "probe.basic_503", READY_IGNORES_DB="1"),
}
#: Seen by checks that stop, kill and start what runs.
UNDER_DISRUPTION = {
    "no patience for its database": defect(
        "retry.db_late",
        unsettles={"retry.db_backoff": "not_applicable", "retry.logged": "not_applicable"},
        IMPATIENT="1",
    ),
    "more memory than the wiki says": defect("compose.limits_figures", WEB_MEMORY="1G"),
}


def test_a_sound_stack_is_judged_sound(tmp_path: Path) -> None:
    audited = audit(tmp_path, STACK)
    compare(audited, SOUND)
    assert audited.code == 0, audited.explain()


@pytest.mark.parametrize(
    ("defects", "families"),
    [
        pytest.param(UNDER_TRAFFIC, TRAFFIC, id="traffic"),
        pytest.param(UNDER_DISRUPTION, DISRUPTION, id="disruption"),
    ],
)
def test_every_defect_is_seen_and_blamed_on_nothing_else(
    defects: dict[str, Defect], families: frozenset[str], tmp_path: Path
) -> None:
    audited = audit(tmp_path, STACK, defects.values(), families=families)
    compare(audited, changed(SOUND, defects.values()), families=families)
    assert audited.code == 1, audited.explain()


def test_without_a_declaration_nothing_is_accused(tmp_path: Path) -> None:
    # What cannot be told without a declaration costs the grade, and with it perhaps the gate: accused is what fails.
    audited = audit_undeclared(tmp_path, STACK)
    assert audited.card["checks"], audited.explain()
    assert "fail" not in audited.outcomes.values(), audited.explain()
    found = {row["key"]: row["value"] for row in audited.card["target"]["discovered"]}
    assert found["service"] == "web"
    assert found["entry.proxy"] == "https://edge:8443"
    assert found["entry.direct"] == "http://web:8000"
    assert (found["roles.proxy"], found["roles.db"], found["roles.redis"]) == ("edge", "db", "cache")
    assert found["probes.live"].startswith("/health/live")
    assert found["probes.ready"].startswith("/health/ready")
    judged = ["probe.live_no_deps", "probe.ready_503_db", "probe.ready_503_redis", "tls.versions"]
    assert {check: audited.outcomes[check] for check in judged} == dict.fromkeys(judged, "pass"), audited.explain()
