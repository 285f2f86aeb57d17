"""Prove production readiness: run a stack, use it, break it, restore it, and grade what is true."""

from __future__ import annotations

from readiness.check import Category, Impact, Stability, check
from readiness.verdict import (
    Evidence,
    Finding,
    Inconclusive,
    Measurement,
    NotApplicable,
    Outcome,
    Severity,
    Verdict,
)

__version__ = "0.1.0"

__all__ = [
    "Category",
    "Evidence",
    "Finding",
    "Impact",
    "Inconclusive",
    "Measurement",
    "NotApplicable",
    "Outcome",
    "Severity",
    "Stability",
    "Verdict",
    "check",
]
