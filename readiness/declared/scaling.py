"""How many containers of the service may run at once: section ``scaling`` of ``readiness.yaml``."""

from __future__ import annotations

from readiness.target import Target
from readiness.verdict import NotApplicable

__all__ = ["replicas_of", "require_scaling"]

#: One, and another one.
REPLICAS = 2


def replicas_of(target: Target) -> int:
    """As many as are tried; 0 where the owner says that there is exactly one by design."""
    if "scaling" in target.declined:
        return 0
    return int((target.extra.get("scaling") or {}).get("replicas", REPLICAS))


def require_scaling(target: Target) -> None:
    """Stop a judgement of several replicas where there is one by design.

    Raises:
        NotApplicable: with the owner's reason.
    """
    if "scaling" in target.declined:
        raise NotApplicable(f"scaling: none, because {target.declined['scaling']}")
