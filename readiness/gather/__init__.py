"""Obtaining facts. One gatherer is one disturbance (or one look) that serves every check which judges it.

A gatherer is declared with :func:`gatherer` and becomes a pytest fixture of the same name. Its arguments are
*instruments* (``INSTRUMENTS``), never other facts, so two gatherers cannot wait for each other. It runs once per run,
whatever the number of workers.
"""

from __future__ import annotations

from readiness.gather._declare import INSTRUMENTS, GathererMeta, gatherer, gatherer_meta

__all__ = ["INSTRUMENTS", "GathererMeta", "gatherer", "gatherer_meta"]
