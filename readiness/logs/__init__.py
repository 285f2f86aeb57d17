"""Judging log lines and request ids: pure functions over texts, and what the field calls things."""
