"""Which containers a rule is about, and how they are named to their owner."""

from __future__ import annotations

from collections.abc import Iterable

from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.verdict import Inconclusive

__all__ = ["is_one_shot", "is_one_shot_by_model", "joined", "long_running", "size"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
#: Policies by which a container that ends without an error stays ended.
_ENDING = frozenset({"no", "on-failure"})
_STEP = 1024


def long_running(at_rest: ContainersAtRest, model: StackModel) -> tuple[Container, ...]:
    """The containers that are there to stay; jobs that end by design are left out.

    Raises:
        Inconclusive: there is none to judge.
    """
    found = tuple(container for container in at_rest.containers if not is_one_shot(container, model))
    if not found:
        raise Inconclusive("no container of the stack is there to stay, so none can be judged")
    return found


def is_one_shot(container: Container, model: StackModel) -> bool:
    """Whether it ends by design: others wait for its end, or it has ended without an error and nothing restarts it."""
    has_ended = container.status == "exited" and container.exit_code == 0 and container.restart in _ENDING
    return has_ended or is_one_shot_by_model(container.service, model)


def is_one_shot_by_model(name: str, model: StackModel) -> bool:
    """Whether other services wait for this one's end."""
    conditions = (service.depends_on.get(name) for service in model.services.values())
    return "service_completed_successfully" in conditions


def joined(names: Iterable[str]) -> str:
    """``"api, db"``, each once."""
    return ", ".join(dict.fromkeys(names))


def size(number: float) -> str:
    """``"384 MiB"``."""
    unit = 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.4g} {_UNITS[unit]}"
