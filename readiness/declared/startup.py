"""How the owner starts the stack, and what a service fetches at its start: section ``startup`` of ``readiness.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.target import Target

__all__ = ["MODEL_EXAMPLE", "STARTUP_EXAMPLE", "FetchedModel", "Startup", "fetched_model_of", "startup_of"]

STARTUP_EXAMPLE = (
    "startup:\n  script: [./start.sh]  # run where it can harm nothing, beside a copy of the stack\n"
    "  limit_seconds: 180\n  env: {limit_seconds: START_LIMIT_SECONDS}"
)
MODEL_EXAMPLE = (
    "startup:\n  model:\n    service: embeddings\n    hub_env: HF_ENDPOINT  # the variable with the hub's address\n"
    "    cache: /data/models  # or ${VARIABLE} of the service\n"
    "    files: {/org/model/resolve/main/model.safetensors: models/model.safetensors}  # path at the hub: file of yours"
)
#: The ledger's figure (startup.health_polling_timeout).
LIMIT_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Startup:
    """The section.

    Attributes:
        script: the command, from the target's folder; empty where none is declared.
        limit_seconds: after so long it gives up.
        limit_variable: what sets that; empty without one.
    """

    script: tuple[str, ...] = ()
    limit_seconds: float = LIMIT_SECONDS
    limit_variable: str = ""


@dataclass(frozen=True, kw_only=True)
class FetchedModel:
    """A model that a service fetches from a hub at its start.

    Attributes:
        service: which one; empty for the one under audit.
        hub_variable: its variable with the hub's address.
        cache: the folder in the service where it keeps what it has fetched; ``${NAME}`` is a variable of the service.
        files: path at the hub -> the file below the target's folder that is answered there, or how many made-up bytes.
    """

    hub_variable: str
    cache: str
    files: Mapping[str, str | int] = field(default_factory=dict)
    service: str = ""


def startup_of(target: Target) -> Startup:
    """The declaration, typed."""
    raw: Mapping[str, Any] = target.extra.get("startup") or {}
    script = raw.get("script") or ()
    return Startup(
        script=(script,) if isinstance(script, str) else tuple(script),
        limit_seconds=float(raw.get("limit_seconds", LIMIT_SECONDS)),
        limit_variable=(raw.get("env") or {}).get("limit_seconds", ""),
    )


def fetched_model_of(target: Target) -> FetchedModel | None:
    """The model, typed; None where none is declared."""
    raw = (target.extra.get("startup") or {}).get("model")
    if not isinstance(raw, Mapping):
        return None
    return FetchedModel(
        service=raw.get("service", ""), hub_variable=raw["hub_env"], cache=raw["cache"], files=dict(raw["files"])
    )
