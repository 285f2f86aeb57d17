"""Which runtime a run uses, and how it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from readiness.declared.scaling import swarm_of
from readiness.exceptions import ConfigError
from readiness.target_file import line_of

if TYPE_CHECKING:
    from readiness.audit.run import Run
    from readiness.audit.settings import Settings
    from readiness.runtime import Runtime
    from readiness.target import Target

__all__ = ["choose_runtime", "make_runtime"]


def choose_runtime(settings: Settings, target: Target) -> str:
    """``compose`` where an engine answers, else ``process`` where the target describes processes.

    Raises:
        ConfigError: neither is possible; says what is missing and how to supply it. Or a stack is to be kept that would
            keep this machine's engine in a swarm.
    """
    if settings.replay is not None:
        return "replay"
    if settings.url is not None:
        from readiness.runtime.attached import AttachedRuntime  # noqa: PLC0415

        AttachedRuntime(settings.url, target, own_hosts=settings.own_hosts)  # refuses what is not the owner's
        return "attached"
    from readiness.runtime.engine import available  # noqa: PLC0415  # not needed, and not imported, where nothing runs

    wants_compose = settings.runtime in {"auto", "compose"} and target.compose is not None
    trouble = available() if wants_compose else None
    if wants_compose and trouble is None:
        _refuse_kept_swarm(settings, target)
        return "compose"
    if settings.runtime in {"auto", "process"} and target.processes:
        return "process"
    raise ConfigError(
        _why_not(settings, target, trouble),
        file=target.file,
        hint="start a Docker engine with the compose plugin, or describe local commands under 'processes:'",
    )


def _refuse_kept_swarm(settings: Settings, target: Target) -> None:
    """An engine cannot leave a swarm while a stack is up whose containers find each other by name: it would stay in it."""
    if settings.keep and swarm_of(target) is not None:
        raise ConfigError(
            "scaling.engine: swarm and --readiness-keep exclude each other: as long as the kept stack is up, this machine's "
            "engine cannot leave the swarm that the audit makes of it",
            file=target.file,
            line=line_of(target, "scaling", "engine"),
            hint="leave out --readiness-keep, or declare scaling: {engine: compose} for this run",
        )


def _why_not(settings: Settings, target: Target, trouble: str | None) -> str:
    compose = f"compose: {trouble}" if trouble else "compose: the target names no compose file"
    process = "process: the target describes no processes"
    reasons = {"compose": [compose], "process": [process]}.get(settings.runtime, [compose, process])
    return f"no way to run {target.name}: {'; '.join(reasons)}"


def make_runtime(run: Run) -> Runtime:
    """The runtime of this run.

    Raises:
        ConfigError: a replay has none: what it lacks is not in the recording.
    """
    if run.runtime == "compose":
        from readiness.runtime.compose import ComposeRuntime  # noqa: PLC0415  # docker and testcontainers are heavy

        return ComposeRuntime(run.target, run_id=run.id, work=run.work)
    if run.runtime == "process":
        from readiness.runtime.process import ProcessRuntime  # noqa: PLC0415

        return ProcessRuntime(run.target, run_id=run.id, work=run.work)
    if run.runtime == "attached" and run.settings.url is not None:
        from readiness.runtime.attached import AttachedRuntime  # noqa: PLC0415

        is_active = "active" in run.settings.allow
        return AttachedRuntime(run.settings.url, run.target, own_hosts=run.settings.own_hosts, is_active=is_active)
    raise ConfigError("a replay judges recorded facts and runs no stack")
