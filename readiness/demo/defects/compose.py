"""Containers without limits, that stay down, or whose health checks tell nothing. All of it is in the compose file."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect

__all__ = ["DEFECTS"]


def _overlay(name: str, title: str, *detected_by: str, part: str) -> Defect:
    """A compose file of the defect's own name, laid over the demo's."""
    return Defect(
        name=name, title=title, detected_by=detected_by, compose=f"defects/overlays/{name}.yaml", part=f"compose/{part}"
    )


DEFECTS: tuple[Defect, ...] = (
    _overlay(
        "worker-without-memory-limit",
        "Nothing bounds the memory that the worker takes",
        "compose.limits_set",
        "compose.limits_figures",
        part="worker/memory",
    ),
    _overlay(
        "worker-without-cpu-limit",
        "Nothing bounds the processors that the worker takes",
        "compose.limits_set",
        "compose.limits_figures",
        part="worker/cpus",
    ),
    _overlay(
        "worker-may-take-every-processor",
        "The worker's CPU limit is above what the machine has",
        "compose.cpu_limit_contains",
        "compose.limits_figures",
        part="worker/cpus",
    ),
    _overlay(
        "worker-with-another-limit",
        "The worker may take twice the memory that is published",
        "compose.limits_figures",
        part="worker/memory",
    ),
    _overlay(
        "limits-above-the-host",
        "One limit alone is above what the machine has",
        "compose.totals_fit_host",
        "compose.limits_figures",
        part="cache/memory",
    ),
    _overlay(
        "worker-without-reservation", "Nothing is kept for the worker", "compose.reservations", part="worker/reserve"
    ),
    _overlay(
        "worker-not-restarted",
        "The worker stays down after a crash",
        "compose.restart_policy",
        "compose.restart_on_crash",
        "compose.restart_after_reboot",
        part="worker/restart",
    ),
    _overlay(
        "proxy-gives-up-without-its-api",
        "The proxy waits for ever where it is started before the API",
        "compose.restart_after_reboot",
        part="proxy/command",
    ),
    _overlay(
        "api-stumbles-over-its-crash",
        "The API cannot start where a crash left its lock",
        "compose.restart_on_crash",
        part="api",
    ),
    _overlay(
        "worker-restarts-by-itself",
        "The worker ends every 20 seconds and is started again",
        "compose.no_restart_loop",
        part="worker",
    ),
    _overlay(
        "worker-without-health-check",
        "Nothing asks whether the worker works",
        "compose.healthcheck_defined",
        part="worker/health",
    ),
    _overlay(
        "worker-health-check-of-another-port",
        "The worker's health check asks where nobody listens",
        "compose.healthcheck_truthful",
        part="worker/health",
    ),
    _overlay(
        "worker-health-check-always-green",
        "The worker's health check cannot fail",
        "compose.healthcheck_truthful",
        part="worker/health",
    ),
    _overlay(
        "api-health-check-of-the-port",
        "The API's health check is content with an open port",
        "compose.healthcheck_truthful",
        part="api/health",
    ),
    _overlay(
        "api-outlived-by-its-shell",
        "A shell keeps the API's container running when the API is killed for its memory",
        "compose.memory_limit_contains",
        part="api",
    ),
    _overlay(
        "variable-without-a-value",
        "The compose file asks for a variable that nobody sets",
        "compose.config_valid",
        part="worker/environment",
    ),
)
