"""Judging what stores keep: settings as declared and in force, data directories and mounts, what must be durable. Pure."""
