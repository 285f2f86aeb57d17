"""Judging how a service ends: what became of what was open, and what the reader is shown of it."""
