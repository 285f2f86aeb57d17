"""Settings, from the environment."""

import os
from urllib.parse import urlsplit

from notes.defects import has
from notes.log import logging_of

IS_PRODUCTION = os.environ.get("DJANGO_ENV", "production") == "production"
HAS_HEADERS = os.environ.get("SECURITY_HEADERS", "on") != "off"
HAS_DOCS = not IS_PRODUCTION or has("DOCS_OPEN")


def listed(name):
    """A comma separated variable."""
    return [text.strip() for text in os.environ.get(name, "").split(",") if text.strip()]


SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = has("DEBUG_ON")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "web", *listed("HOSTS")]
PROXY_HOST = os.environ.get("PROXY_HOST", "")
MAX_BODY_BYTES = int(os.environ.get("MAX_BODY_BYTES", "1048576"))

ROOT_URLCONF = "notes.urls"
WSGI_APPLICATION = "notes.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "notes",
]
HEADERS = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "notes.middleware.headers",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "notes.middleware.requests",
    # Before whatever answers by itself: static files and refusals carry the headers too.
    *(HEADERS if HAS_HEADERS else []),
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "notes.middleware.body_limit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

_database = urlsplit(os.environ.get("DATABASE_URL", "postgres://"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _database.hostname,
        "PORT": _database.port,
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "PASSWORD": _database.password,
        # One connection a request: only connecting has a bound that holds where a database hangs, and on a connection
        # that is kept the driver would wait for its answer without end.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"connect_timeout": 2, "options": "-c statement_timeout=5000"},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ.get("REDIS_URL", "redis://"),
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]

USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = "/app/static"

# TLS ends at the proxy, which says so; from anybody else the header would change nothing but links and cookies.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31536000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = not has("COOKIES_IN_CLEAR")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = listed("CORS_ORIGINS")

CORS_ALLOWED_ORIGINS = listed("CORS_ORIGINS")
CORS_ALLOW_ALL_ORIGINS = not IS_PRODUCTION
# The fault is a dot that stands for any character, and an end that nothing holds.
CORS_ALLOWED_ORIGIN_REGEXES = [f"^{origin}" for origin in CORS_ALLOWED_ORIGINS] if has("LOOSE_ORIGINS") else []
CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/api/"
CORS_EXPOSE_HEADERS = ["x-request-id"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["notes.auth.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["notes.parsers.Json"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "notes.errors.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Notes",
    "VERSION": "1.0.0",
    "DESCRIPTION": (
        "Notes of people who log in: POST /api/login answers with a session cookie. The proxy lets 600 requests per minute "
        "from one address through."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
}
# The count of applied migrations would be asked of the database at every start.
PROMETHEUS_EXPORT_MIGRATIONS = False

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_of()
