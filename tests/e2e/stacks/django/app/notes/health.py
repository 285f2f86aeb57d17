"""Probes. A store that hangs must not hold them: each is asked by a connection of its own, for two seconds at most."""

import time
from threading import Lock

import psycopg
import redis
from django.conf import settings
from django.http import HttpResponse, JsonResponse

from notes.defects import has

CACHE_SECONDS = 10


def _is_database_up():
    declared = settings.DATABASES["default"]
    try:
        with psycopg.connect(
            host=declared["HOST"],
            port=declared["PORT"],
            dbname=declared["NAME"],
            user=declared["USER"],
            password=declared["PASSWORD"],
            connect_timeout=2,
            autocommit=True,
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _is_cache_up():
    try:
        with redis.Redis.from_url(
            settings.CACHES["default"]["LOCATION"], socket_connect_timeout=1, socket_timeout=1
        ) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _measured():
    return {"database": _is_database_up() or has("READY_IGNORES_DB"), "cache": _is_cache_up()}


def _report(checks):
    is_well = all(checks.values())
    body = {
        "status": "ok" if is_well else "unavailable",
        "checks": {name: "ok" if up else "down" for name, up in checks.items()},
    }
    return JsonResponse(body, status=200 if is_well else 503)


def live(request):
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


def ready(request):
    """Requests can be served."""
    return _report(_measured())


_last = {"at": -CACHE_SECONDS, "checks": {}}
_lock = Lock()


def health(request):
    """The same, measured at most every few seconds: for dashboards."""
    with _lock:
        if time.monotonic() - _last["at"] >= CACHE_SECONDS:
            _last.update(at=time.monotonic(), checks=_measured())
        return _report(_last["checks"])
