"""Where everything is."""

import os

from django.conf import settings
from django.contrib import admin
from django.urls import path
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from notes import errors, health, views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health", health.health),
    path("health/live", health.live),
    path("health/ready", health.ready),
    # The proxy does not pass it on.
    path("metrics", ExportToDjangoView),
    path("api/register", views.Register.as_view()),
    path("api/login", views.Login.as_view()),
    path("api/logout", views.Logout.as_view()),
    path("api/me", views.Me.as_view()),
    path("api/notes", views.Notes.as_view()),
    path("api/notes/<int:pk>", views.OneNote.as_view()),
    path("api/published", views.Published.as_view()),
    path("api/users", views.Users.as_view()),
]
if settings.HAS_DOCS:
    urlpatterns += [
        path("api/schema", SpectacularAPIView.as_view(permission_classes=[], authentication_classes=[]), name="schema"),
        path(
            "api/docs",
            SpectacularSwaggerView.as_view(url_name="schema", permission_classes=[], authentication_classes=[]),
        ),
    ]
if os.environ.get("ERROR_ROUTE") == "1":
    urlpatterns += [path("boom", views.boom)]

handler400 = errors.plain(400)
handler403 = errors.plain(403)
handler404 = errors.plain(404)
handler500 = errors.plain(500)
