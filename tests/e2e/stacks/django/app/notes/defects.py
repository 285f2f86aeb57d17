"""Defects that the environment switches on, as NAME=1."""

import os


def has(name):
    """Whether the defect is on."""
    return os.environ.get(name) == "1"
