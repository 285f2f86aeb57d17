"""Judging containers: what the owner declares, what is in force, and what became of containers under faults. Pure."""
