"""Limits in force, and how they compare with those that are declared."""

from __future__ import annotations

from readiness.facts.container_trials import ControlGroup
from readiness.facts.containers import Container
from readiness.facts.model import StackModel

__all__ = ["cpus_of", "same"]

#: A limit of processors is kept in hundred-thousandths of a period; two that differ by less than this are one.
TOLERANCE = 0.005


def cpus_of(container: Container, model: StackModel, group: ControlGroup | None) -> float | None:
    """The processors that the owner's container may use; None without a limit.

    The copy lowers a limit that this machine cannot give, so where the one in force is all that the machine has, the
    declared one counts.
    """
    declared = model.services[container.service].resources.cpus if container.service in model.services else None
    in_force = container.cpus
    if declared is None or in_force is None:
        return in_force
    machine = group.machine_cpus if group is not None else 0
    is_lowered = declared > in_force and (not machine or same(in_force, machine))
    return declared if is_lowered else in_force


def same(one: float, other: float) -> bool:
    """Whether two figures are one, but for rounding."""
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))
