"""Sessions of Django's, for an API: a browser on another site can send the cookie, but not without saying where it is."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS


class Session(SessionAuthentication):
    """Django's session; requests that change something must not come from a foreign page."""

    def enforce_csrf(self, request):
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("Origin")
        own = f"{request.scheme}://{request.get_host()}"
        if origin is not None and origin not in {own, *settings.CORS_ALLOWED_ORIGINS}:
            raise exceptions.PermissionDenied("requests of other origins change nothing here")


class Described(OpenApiAuthenticationExtension):
    """For the API's description."""

    target_class = "notes.auth.Session"
    name = "session"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
