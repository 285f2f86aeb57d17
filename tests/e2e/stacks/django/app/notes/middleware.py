"""What holds for every request."""

import logging
import re
import time
import uuid

from django.conf import settings
from django.http import JsonResponse

from notes import errors
from notes.defects import has
from notes.log import request_id
from notes.proxy import client_of

logger = logging.getLogger("notes.requests")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
POLICY = "default-src 'self'; frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'self'"


def requests(get_response):
    """Names the request, and writes its line."""

    def middleware(request):
        sent = request.headers.get("X-Request-ID", "")
        token = request_id.set(sent if UUID.fullmatch(sent) else str(uuid.uuid4()))
        started = time.perf_counter()
        try:
            response = get_response(request)
            if not (has("NO_ID_ON_ERRORS") and response.status_code >= 400):
                response["X-Request-ID"] = request_id.get()
            status = response.status_code
            level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO
            extra = {
                "method": request.method,
                "path": request.path,
                "status": status,
                "duration_ms": round((time.perf_counter() - started) * 1000, 2),
                "client": client_of(request),
            }
            if has("LOG_COOKIES"):
                extra["cookies"] = request.headers.get("Cookie", "")
            logger.log(level, "%s %s %s", request.method, request.path, status, extra=extra)
            return response
        finally:
            request_id.reset(token)

    return middleware


def headers(get_response):
    """The headers that Django does not set by itself."""

    def middleware(request):
        response = get_response(request)
        response.setdefault("Content-Security-Policy", POLICY)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware


def body_limit(get_response):
    """Refuses large bodies by their length."""

    def middleware(request):
        announced = request.headers.get("Content-Length") or "0"
        if int(announced) > settings.MAX_BODY_BYTES and not has("ANY_SIZE"):
            message = f"a body holds at most {settings.MAX_BODY_BYTES} bytes"
            return JsonResponse(errors.body("too_large", message), status=413)
        return get_response(request)

    return middleware
