"""Fastify on Node behind HAProxy: API keys, draft RateLimit headers, pino's logs, problem details; the same verdicts where the truth is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.kinds import DISRUPTION, RESTORE, TRAFFIC, checks_of
from tests.e2e.other_make import EITHER, Defect, audit, audit_undeclared, changed, compare, defect

pytestmark = pytest.mark.docker

STACK = "fastify"

SOUND = {
    "start.stack": "pass",
    "headers.cookies": "not_applicable",
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
    "probe.live": "not_applicable",  # 204 says all
    "probe.live_no_deps": "pass",
    "probe.loading_503": "not_applicable",
    "probe.ready": "pass",
    "probe.ready_503_db": "pass",
    "probe.ready_503_redis": "pass",
    "probe.recovers": "pass",
    "probe.startup": "not_applicable",
    "probe.status_ok_body": "pass",
    "probe.system_metrics": "not_applicable",
    "ratelimit.behind_proxy": EITHER,  # whether one caller stays exhausted while another one starts is the machine's speed
    "ratelimit.body_429": "pass",
    "ratelimit.concurrency_exact": "pass",
    "ratelimit.configurable": "pass",
    "ratelimit.enforced": "pass",
    "ratelimit.exempt_paths": "pass",
    "ratelimit.global": "not_applicable",  # neither an hourly limit nor one over all callers is declared
    "ratelimit.headers": "pass",
    "ratelimit.hourly": "not_applicable",  # neither an hourly limit nor one over all callers is declared
    "ratelimit.off_in_development": "inconclusive",  # a burst would have the rest of the look at that stack refused
    "ratelimit.operations": "pass",
    "ratelimit.path_variants": "pass",
    "ratelimit.per_ip": EITHER,
    "ratelimit.per_user": "not_applicable",  # no limit per user is declared
    "ratelimit.policy_fields": "not_applicable",  # neither RateLimit nor RateLimit-Policy is sent
    "ratelimit.probes_survive": "pass",
    "ratelimit.recovers": "pass",
    "ratelimit.redis_fallback": "inconclusive",  # it takes four callers who are counted apart, and there is one address
    "ratelimit.redis_recovery": "inconclusive",  # the same
    "ratelimit.redis_shared": EITHER,  # whether both processes were asked is seen in many answers only
    "ratelimit.refusal_cache": "pass",
    "ratelimit.refusal_cors": "pass",
    "ratelimit.retry_after": "pass",
    "ratelimit.spoof_resistant": "pass",
    "ratelimit.token_bucket": "not_applicable",  # the limit is declared as fixed window
    "cors.allowed_origin": "pass",
    "cors.credentials_safe": "not_applicable",  # no allowed origin may use credentials, so there is nothing to keep to anybody
    "cors.denied_origin": "pass",
    "cors.env_aware": "pass",
    "cors.origins_configurable": "pass",
    "cors.preflight_cached": "pass",
    "cors.production_origins_real": "pass",
    "auth.access_expiry_30m": "not_applicable",
    "auth.alg_confusion": "not_applicable",  # a key is no JSON Web Token
    "auth.alg_none": "not_applicable",
    "auth.bcrypt_12": "not_applicable",  # nobody logs in with a password
    "auth.default_key_rejected": "not_applicable",
    "auth.expired_rejected": "not_applicable",
    "auth.guesses": "not_applicable",  # nobody logs in with a password
    "auth.issuer": "not_applicable",
    "auth.malformed_handled": "pass",
    "auth.no_plaintext_password": "not_applicable",  # nobody logs in with a password
    "auth.principal_isolation": "not_applicable",
    "auth.rbac": "not_applicable",
    "auth.refresh_expiry_7d": "not_applicable",
    "auth.refresh_flow": "not_applicable",
    "auth.required": "pass",
    "auth.tampered": "pass",
    "auth.wrong_password": "not_applicable",  # nobody logs in with a password
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
    "log.iso8601": "waived",  # pino counts milliseconds since 1970
    "log.json": "pass",
    "log.level_by_status": "pass",
    "log.level_production": "pass",
    "log.metrics_nonblocking": "not_applicable",  # metrics are pushed nowhere
    "log.no_secrets": "pass",
    "log.process_time": "not_applicable",
    "log.rotation": "pass",
    "metrics.endpoint": "pass",
    "metrics.http_counter": "pass",
    "metrics.system": "pass",
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
    "compose.limits_figures": "not_applicable",  # no figure is published
    "compose.limits_set": "pass",
    "compose.memory_limit_contains": "pass",
    "compose.no_restart_loop": "pass",
    "compose.reservations": "not_applicable",  # no figure is published
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
    "drain.db_connections_closed": "pass",
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
    "persist.redis_crash": "pass",
    "persist.redis_restart": "pass",
    "persist.redis_save_points": "pass",
    "db.dependency_versions": "pass",
    "db.pool_ceiling": "pass",
    "db.pool_configured": EITHER,  # its statements are cut when a wait is over
    "db.pool_exhaustion_clean": "pass",
    "db.pool_fits_server": "pass",
    "db.pool_recycle": "not_applicable",  # as old as it gets
    "db.pool_reuse": "pass",
    "db.pre_ping": "pass",
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
    "ready without its database": defect("probe.ready_503_db", READY_IGNORES_DB="1"),
    "errors without the headers": defect("headers.on_error_responses", NO_HELMET_ON_ERRORS="1"),
    "a wait in milliseconds": defect("ratelimit.retry_after", "ratelimit.body_429", RETRY_AFTER_IN_MS="1"),
    "any content type": defect("validate.content_type", ANY_TYPE="1"),
    "queries in the log": defect("log.no_secrets", LOG_QUERY="1"),
    "every answer counts as well": defect("metrics.http_counter", COUNTS_ALL_AS_OK="1"),
    "documents for everybody": defect("docs.off_in_production", DOCS_OPEN="1"),
    "alive with its database only": defect("probe.live_no_deps", LIVE_CHECKS_DB="1"),
    "every origin": defect(
        "cors.denied_origin",
        "cors.production_origins_real",
        "cors.env_aware",
        "cors.origins_configurable",
        ANY_ORIGIN="1",
    ),
    "traces for callers": defect("errors.no_stack_trace", TRACE_IN_ERRORS="1"),
    "whatever id one sends": defect("reqid.inbound_safe", ANY_REQUEST_ID="1"),
    "whoever one says one is": defect("ratelimit.spoof_resistant", "log.client_ip", TRUSTS_ANYBODY="1"),
}
#: Seen by checks that stop, kill and start what runs.
UNDER_DISRUPTION = {
    "no pause for its database": defect("retry.db_backoff", HURRIED="1"),
    "a setting that nobody reads": defect("db.server_settings", MAX_CONNECTIONS="300"),
    "a health check that asks nobody": defect("compose.healthcheck_truthful", STORE_ASKS_NOBODY="1"),
    "a stop on the spot": defect(
        "drain.inflight_completes",
        "drain.db_connections_closed",
        "drain.completion_logged",
        unsettles={
            "drain.cleanup_errors_tolerated": "not_applicable",
            "drain.grace_period_fits": "not_applicable",
            "drain.ordered": "not_applicable",
            "drain.refuses_new": "not_applicable",
            "drain.second_signal": "not_applicable",
            "drain.timeout_configurable": "not_applicable",
        },
        CUTS_AT_STOP="1",
    ),
    "a proxy that stays down": defect(
        "compose.restart_policy", "compose.restart_on_crash", "compose.restart_after_reboot", EDGE_RESTART="no"
    ),
    "a volume beside the data": defect("persist.named_volumes", "persist.redis_restart", STORE_PATH="/kept"),
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
    # True, and not accepted by anybody here: pino counts milliseconds since 1970.
    failed = {check for check, outcome in audited.outcomes.items() if outcome == "fail"}
    assert failed <= {"log.iso8601"}, audited.explain()
    found = {row["key"]: row["value"] for row in audited.card["target"]["discovered"]}
    assert found["service"] == "tasks"
    assert found["entry.proxy"] == "https://edge:9443"
    assert found["entry.direct"] == "http://tasks:3000"
    assert (found["roles.proxy"], found["roles.db"], found["roles.redis"]) == ("edge", "db", "store")
    assert found["probes.live"].startswith("/livez")
    assert found["probes.ready"].startswith("/readyz")
    assert found["probes.health"].startswith("/healthz")
    judged = ["headers.hsts_production", "probe.live_no_deps", "probe.ready_503_db", "probe.ready_503_redis"]
    assert {check: audited.outcomes[check] for check in judged} == dict.fromkeys(judged, "pass"), audited.explain()
