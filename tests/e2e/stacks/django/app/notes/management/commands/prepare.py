"""Bring the database up to date and see to it that there is an operator."""

import os

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

# Any number of our own: replicas that start together do this one after the other.
LOCK = 4_711_001


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        with connection.cursor() as cursor:
            # Until this connection ends, which is when the command does.
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        call_command("migrate", interactive=False, verbosity=0)
        user = get_user_model()
        name, password = os.environ.get("ADMIN_NAME"), os.environ.get("ADMIN_PASSWORD")
        if name and password and not user.objects.filter(username=name).exists():
            user.objects.create_superuser(name, password=password)
