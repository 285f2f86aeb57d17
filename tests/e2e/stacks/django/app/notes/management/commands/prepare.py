"""Bring the database up to date and see to it that there is an operator."""

import logging
import os
import time

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection

from notes.defects import has

log = logging.getLogger("notes.prepare")

# Any number of our own: replicas that start together do this one after the other.
LOCK = 4_711_001
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1, 5


def wait_for_database():
    """Come back when the database can be reached, however long that takes."""
    attempt, pause = 1, FIRST_PAUSE_SECONDS
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if has("IMPATIENT"):
                raise
            reason = str(error).strip().splitlines()[0]
            log.warning("database not reachable, attempt %d, next in %d s: %s", attempt, pause, reason)
            time.sleep(pause)
            attempt, pause = attempt + 1, min(2 * pause, LONGEST_PAUSE_SECONDS)
        else:
            return


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        wait_for_database()
        with connection.cursor() as cursor:
            # Until this connection ends, which is when the command does.
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        call_command("migrate", interactive=False, verbosity=0)
        user = get_user_model()
        name, password = os.environ.get("ADMIN_NAME"), os.environ.get("ADMIN_PASSWORD")
        if name and password and not user.objects.filter(username=name).exists():
            user.objects.create_superuser(name, password=password)
