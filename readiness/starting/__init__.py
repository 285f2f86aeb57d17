"""Judging how a service starts: attempts at a dependency, their pauses, what is logged of them, and start scripts. Pure."""
