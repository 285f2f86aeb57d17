"""The one shape of error answers: ``{"error": {"code", "message", "request_id"}}``, with ``fields`` where input was refused."""

import sys
import traceback

import redis
from django.db import InterfaceError, OperationalError
from django.http import JsonResponse
from rest_framework import exceptions, views
from rest_framework.response import Response

from notes.defects import has
from notes.log import request_id

#: A store that is away, or does not answer.
AWAY = (OperationalError, InterfaceError, redis.ConnectionError, redis.TimeoutError)
MESSAGES = {400: "bad request", 403: "not allowed", 404: "not found", 500: "internal error", 503: "not available"}


def body(code, message, **more):
    """What an error answer says."""
    return {"error": {"code": code, "message": message, "request_id": request_id.get(), **more}}


def handle(error, context):
    """REST framework's refusals; anything else is Django's to answer."""
    answer = views.exception_handler(error, context)
    if answer is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        return Response(body("invalid", "the input is refused", fields=answer.data), status=answer.status_code)
    detail = answer.data.get("detail") if isinstance(answer.data, dict) else None
    code = getattr(detail, "code", "error")
    headers = {name: value for name, value in answer.headers.items() if name.lower() in {"allow", "retry-after"}}
    return Response(body(code, str(detail or code)), status=answer.status_code, headers=headers)


def plain(status):
    """A handler of Django's for one status."""

    def handler(request, exception=None):
        if status == 500 and isinstance(sys.exc_info()[1], AWAY):
            return plain(503)(request)
        message = traceback.format_exc() if status == 500 and has("TRACE_IN_ERRORS") else MESSAGES[status]
        return JsonResponse(body(MESSAGES[status].replace(" ", "_"), message), status=status)

    return handler


def forbidden(request, reason=""):
    """CSRF refusals of the operators' pages."""
    return plain(403)(request)
