"""Starts that go well by luck."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api

__all__ = ["DEFECTS"]


def _script(name: str, title: str, line: str, *detected_by: str) -> Defect:
    """Another start script; the figures are the demo's own."""
    declared = {"script": ["bash", "-c", line], "limit_seconds": 180, "env": {"limit_seconds": "START_LIMIT_SECONDS"}}
    return Defect(
        name=name, title=title, detected_by=detected_by, declares={"startup": declared}, part="startup/script"
    )


DEFECTS: tuple[Defect, ...] = (
    Defect(
        name="starts-before-database",
        title="The API starts before its database is healthy, and ends when it is not there",
        detected_by=(
            "startup.dependency_order",
            "startup.failed_dependency_blocks",
            "startup.repeatable",
            "retry.db_late",
        ),
        environment={"api": {"SHOP_DEFECTS": "starts-before-database"}},
        compose="defects/overlays/starts-before-database.yaml",
        part="startup/order",
    ),
    Defect(
        name="first-start-fails",
        title="The worker's first start on an empty disk fails, and its restart policy hides it",
        detected_by=("startup.repeatable",),
        compose="defects/overlays/first-start-fails.yaml",
        part="startup/worker",
    ),
    api(
        "loading-answers-500",
        "The API fails with 500 while its model loads",
        "startup.requests_while_loading",
        part="startup/loading",
    ),
    api(
        "loads-before-listening",
        "The API fetches its model before it listens, and until then nothing answers",
        "startup.async_load",
        part="startup/listening",
    ),
    api(
        "inference-shares-a-buffer",
        "Requests that embed a text at the same moment share one buffer",
        "startup.concurrent_inference",
        part="embed/one",
    ),
    api(
        "batch-order-lost",
        "A batch is sorted by length, and its vectors are not put back in order",
        "startup.concurrent_inference",
        part="embed/batch",
    ),
    api(
        "download-cut-kills",
        "A download of the model that is cut ends the process",
        "startup.survives_download_failure",
        part="startup/download",
    ),
    api(
        "corrupt-model-loops",
        "A cached model that is cut off ends the process at each start",
        "startup.survives_corrupt_model",
        part="startup/cached",
    ),
    api(
        "disk-full-kills",
        "A disk that is too full for the model ends the process",
        "startup.survives_disk_full",
        part="startup/disk",
    ),
    Defect(
        name="sleeps-before-start",
        title="The worker sleeps for a while before it starts",
        detected_by=("startup.no_fixed_sleep",),
        compose="defects/overlays/sleeps-before-start.yaml",
        part="startup/worker",
    ),
    _script(
        "start-script-sleeps",
        "The start script waits for a fixed time on top",
        "./start.sh && sleep 15",
        "startup.health_polling",
    ),
    _script(
        "start-script-succeeds-anyway",
        "The start script gives up without failing",
        "./start.sh || true",
        "startup.health_polling_timeout",
    ),
    _script(
        "start-script-says-nothing",
        "The start script keeps to itself what it waits for",
        "exec ./start.sh > /dev/null 2>&1",
        "startup.health_polling",
        "startup.health_polling_timeout",
    ),
)
