"""How many containers of the service may run at once, and who runs them: section ``scaling`` of ``readiness.yaml``."""

from __future__ import annotations

from readiness.target import Target
from readiness.verdict import NotApplicable

__all__ = ["replicas_of", "require_scaling", "swarm_of"]

#: One, and another one.
REPLICAS = 2


def replicas_of(target: Target) -> int:
    """As many as are tried; 0 where the owner says that there is exactly one by design."""
    if "scaling" in target.declined:
        return 0
    return int((target.extra.get("scaling") or {}).get("replicas", REPLICAS))


def swarm_of(target: Target) -> str | None:
    """How others find the replicas in a Docker Swarm, ``vip`` or ``dnsrr``; empty for as the service has it.

    None where the owner did not ask for a swarm: it changes the state of this machine's engine for a while.
    """
    declared = target.extra.get("scaling") or {}
    if "scaling" in target.declined or declared.get("engine", "compose") != "swarm":
        return None
    return str(declared.get("endpoint_mode", ""))


def require_scaling(target: Target) -> None:
    """Stop a judgement of several replicas where there is one by design.

    Raises:
        NotApplicable: with the owner's reason.
    """
    if "scaling" in target.declined:
        raise NotApplicable(f"scaling: none, because {target.declined['scaling']}")
