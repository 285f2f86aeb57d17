#!/bin/sh
# Brings the database up to date, then becomes gunicorn.
set -eu
mkdir -p "$PROMETHEUS_MULTIPROC_DIR"
rm -f "$PROMETHEUS_MULTIPROC_DIR"/*.db
python manage.py prepare
exec gunicorn --config gunicorn.conf.py notes.wsgi:application
