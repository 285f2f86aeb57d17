"""A stack that loses work or requests when its services are stopped, restarted, replaced or lost."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, api, proxy

__all__ = ["DEFECTS"]


def worker(name: str, title: str, *detected_by: str) -> Defect:
    """A switch of the worker, asked for in ``shop`` by ``defects.is_on(name)``. One at a time: each changes its end."""
    environment = {"worker": {"SHOP_DEFECTS": name}}
    return Defect(name=name, title=title, detected_by=detected_by, environment=environment, part="worker-stop")


DEFECTS: tuple[Defect, ...] = (
    worker(
        "worker-drops-job",
        "A job leaves the queue before it is done, and the worker's stop breaks it off",
        "drain.worker_finishes",
        "drain.restart_no_data_loss",
    ),
    worker("job-done-twice", "A job that is done while the worker stops is done again", "drain.worker_finishes"),
    worker(
        "worker-starts-afresh",
        "The worker empties the queue when it starts",
        "drain.worker_finishes",
        "persist.queue_survives",
        "drain.restart_no_data_loss",
    ),
    worker("worker-ignores-signals", "The worker runs on until it is killed", "drain.all_containers"),
    proxy(
        "proxy-never-retries",
        "The proxy asks no other replica where one does not answer",
        "drain.rolling_zero_downtime",
        "scale.failover",
        part="proxy-retries",
    ),
    api("token-of-one-replica", "A replica knows the tokens alone that it gave out", "scale.stateless", part="replica"),
)
