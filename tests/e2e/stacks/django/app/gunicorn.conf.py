"""gunicorn: two workers with threads, logging as the service does."""

import os

from prometheus_client import multiprocess

from notes.log import logging_of

bind = "0.0.0.0:8000"
workers = 2
# A store that hangs holds a thread, not the worker: the probes are still answered.
worker_class = "gthread"
threads = 16
timeout = 30
# Below the grace period of compose.yaml.
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT", "20"))
keepalive = 5
worker_tmp_dir = "/dev/shm"
# The service writes the line of a request itself.
accesslog = None
logconfig_dict = logging_of()


def child_exit(server, worker):
    """Keep the counts of a worker that is gone, and drop its gauges."""
    multiprocess.mark_process_dead(worker.pid)
