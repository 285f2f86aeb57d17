"""Variants: the same stack with other settings, beside the main one, for as long as a block lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from readiness.exceptions import UnsupportedError
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.facts.start import ServiceStart, StackStart
    from readiness.runtime import Progress, Runtime, Stack, Variant

__all__ = ["Variants"]


class Variants:
    """Starts second stacks. Call it with a variant to get a context manager that yields the stack.

    Args:
        runtime: what starts them.
        progress: told about every wait.
    """

    def __init__(self, runtime: Runtime, *, progress: Progress) -> None:
        self._runtime = runtime
        self._progress = progress

    @contextlib.contextmanager
    def __call__(self, variant: Variant) -> Iterator[Stack]:
        """Start ``variant``, yield its stack, and remove it on every way out.

        Raises:
            Inconclusive: the runtime cannot make such a stack, or the variant does not come up although
                ``variant.wait`` asks for it; carries the cause. Without ``wait``, or where the variant ``may_fail``, the
                caller reads ``stack.report``.
            StackError: the machine is at fault.
        """
        try:
            stack = self._runtime.start(variant, progress=self._progress)
        except UnsupportedError as error:
            raise Inconclusive(f"variant {variant.name}: {error}", supply=error.hint) from error
        try:
            if variant.wait and not variant.may_fail and not stack.report.is_up:
                raise Inconclusive(f"variant {variant.name} does not come up: {_cause(stack.report)}")
            yield stack
        finally:
            stack.close()


def _cause(report: StackStart) -> str:
    """Why the stack is not up, in one line: those that failed by themselves before those that waited for them."""
    failed = [service for service in report.services if not service.is_ready]
    roots = [s for s in failed if not any(other.service in s.needs for other in failed)] or failed
    return report.problem or "; ".join(_line(service) for service in roots) or "no cause was reported"


def _line(service: ServiceStart) -> str:
    parts = [service.service, str(service.cause or service.state), service.detail]
    return ": ".join(part for part in parts if part)
