"""Judging backups and what comes back from them. Pure."""
