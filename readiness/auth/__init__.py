"""Judging logins, tokens, roles and stored passwords. Pure: no I/O, no clock."""
