"""The owner's start script, run confined: beside the stack that is healthy, and beside one that never will be."""

from __future__ import annotations

import dataclasses
import shlex

from readiness.check import Impact
from readiness.declared.startup import Startup, startup_of
from readiness.exceptions import ReadinessError
from readiness.facts.model import StackModel
from readiness.facts.probe_body import mask
from readiness.facts.startup import ScriptRun, StartScriptRuns
from readiness.gather import gatherer
from readiness.gather.probe_asking import known_secrets
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Progress, Runtime, Stack, Variant
from readiness.starting.scripted import names_in
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

__all__ = ["start_script_runs"]

#: In place of the owner's limit, where a variable sets it: two rounds of the ledger's five seconds.
SHORT_LIMIT_SECONDS = 10
#: The ledger's margin beyond the limit, and some more to see how late it is.
MARGIN_SECONDS, PATIENCE_SECONDS = 10.0, 10.0
#: A healthy stack is seen within the ledger's 10 s; who takes longer is given this long to show how much longer.
HEALTHY_SECONDS = 40.0
LINES, LINE_CHARS = 60, 200
#: Whose absence keeps least of the others from being started.
CHOSEN = (Role.WORKER, Role.SCHEDULER, Role.PROXY, Role.APP)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=420)
def start_script_runs(
    target: Target, stack: Stack, runtime: Runtime, variants: Variants, progress: Progress
) -> StartScriptRuns:
    """Run the script twice; it has no network and no engine, and what it writes is gone with it."""
    declared = startup_of(target)
    if not declared.script:
        return StartScriptRuns(not_done={"script": "no start script is declared"})
    if Capability.BESIDE not in stack.capabilities:
        raise Inconclusive(
            "needs an engine: a start script asks it how healthy the services are",
            supply="run with --readiness-runtime=compose",
        )
    health = {name: stack.state(name).health for name in stack.services}
    checked = tuple(sorted(name for name, word in health.items() if word is not None))
    fact = StartScriptRuns(script=shlex.join(declared.script), checked=checked)
    if not checked:
        return dataclasses.replace(fact, not_done={"healthy": "no service has a health check"})
    progress("running the start script beside the stack", at_most_seconds=HEALTHY_SECONDS)
    unhealthy = [name for name in checked if health[name] != "healthy"]
    if unhealthy:
        return dataclasses.replace(fact, not_done={"healthy": f"{', '.join(unhealthy)} not healthy at rest"})
    fact = dataclasses.replace(fact, healthy=_run(stack, declared, {}, checked, seconds=HEALTHY_SECONDS))
    model = runtime.model()
    never = _never(target, model, checked)
    is_waited_for = any(service.depends_on.get(never) == "service_healthy" for service in model.services.values())
    variables = {declared.limit_variable: str(SHORT_LIMIT_SECONDS)} if declared.limit_variable else {}
    limit = float(SHORT_LIMIT_SECONDS) if variables else declared.limit_seconds
    patience = limit + MARGIN_SECONDS + PATIENCE_SECONDS
    progress(f"running the start script while {never} is never healthy", at_most_seconds=patience)
    variant = Variant(name="never", wait=False, may_fail=True, health_checks={never: ("false",)})
    try:
        with variants(variant) as second:
            failing = _run(second, declared, variables, checked, seconds=patience)
    except Inconclusive as error:
        return dataclasses.replace(fact, not_done={"failing": str(error)})
    return dataclasses.replace(fact, never=never, failing=failing, limit_seconds=limit, is_waited_for=is_waited_for)


def _never(target: Target, model: StackModel, checked: tuple[str, ...]) -> str:
    """A service that others do not wait for, where there is one."""
    waited_for = {need for service in model.services.values() for need in service.depends_on}
    by_role = [name for role in CHOSEN for name in target.services_of(role) if name in checked]
    ordered = [*by_role, *checked]
    return next((name for name in ordered if name not in waited_for), ordered[0])


def _run(
    stack: Stack, declared: Startup, variables: dict[str, str], checked: tuple[str, ...], *, seconds: float
) -> ScriptRun:
    try:
        done = stack.run_beside(declared.script, variables=variables, timeout_seconds=seconds)
    except ReadinessError as error:
        return ScriptRun(exit_code=None, seconds=0.0, problem=str(error)[:300])
    secrets = known_secrets(stack)
    lines = mask(done.output, secrets).splitlines()[-LINES:]
    found = names_in(done.output, (*checked, *done.fixed_names.values()))
    return ScriptRun(
        exit_code=done.exit_code,
        seconds=round(done.seconds, 3),
        lines=tuple(line[:LINE_CHARS] for line in lines),
        named=tuple(name for name in checked if {name, done.fixed_names.get(name)} & {*found}),
        asked_seconds=round(done.asked_seconds, 3),
        asked=len(done.asked_at),
        asked_last_seconds=round(done.asked_at[-1], 3) if done.asked_at else None,
        lacked=tuple(mask(text, secrets) for text in done.lacked),
        refused=done.refused[:10],
        problem=done.problem,
    )
