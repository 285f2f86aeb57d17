"""The compose files say everything that they need."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.containers.services import joined
from readiness.facts.model import StackModel
from readiness.facts.start import StackStart


@check(
    id="compose.config_valid",
    category=Category.COMPOSE,
    severity=Severity.MEDIUM,
    title="The compose files are valid, and every variable in them has a value",
    why="Compose puts nothing in place of a missing value and goes on with a warning: an empty password, a tag of nothing.",
    source="Claims ledger, compose.config_valid; Docker documentation, docker compose config and Interpolation",
    remediation="Give each variable a value in the env file, a default in the compose file (${NAME:-value}), or ask for it: ${NAME:?}.",
    seeds=("brainda", "aistack"),
    defects=("variable-without-a-value",),
)
def check_config_valid(stack_model: StackModel, stack_start: StackStart) -> Verdict:
    """Judge what ``docker compose config`` says with the owner's env file; files that it refuses are no target at all."""
    if stack_start.runtime == "process":
        raise NotApplicable("the stack runs as local processes here: no compose file is read")
    gaps = stack_model.gaps
    if not stack_model.files:
        raise Inconclusive("the compose files of a running system are not seen from outside")
    open_names = joined([*gaps.required, *gaps.unset])
    if not gaps.env_file and (open_names or gaps.env_files):
        raise Inconclusive(
            f"no env file is here that could set {open_names or joined(gaps.env_files)}",
            supply="compose: {env_file: .env.production}   # the values of production, or a copy with other secrets",
            undeclared="compose.env_file",
        )
    findings: list[Finding] = []
    source = f"docker compose config with {gaps.env_file}"
    for name in gaps.required:
        proof = Evidence(source=source, text=f"required variable {name} is missing a value")
        findings.append(Finding(message=f"compose refuses the project: {name} has no value", evidence=(proof,)))
    for name in gaps.unset:
        proof = Evidence(source=source, text=f"The {name} variable is not set. Defaulting to a blank string.")
        findings.append(Finding(message=f"{name} is not set, and nothing is put in its place", evidence=(proof,)))
    for path in gaps.env_files:
        proof = Evidence(source=source, text=f"env file {path} not found")
        findings.append(Finding(message=f"{path}, which a service names, does not exist", evidence=(proof,)))
    values = f"values from {gaps.env_file}" if gaps.env_file else "every variable has a default"
    return Verdict(findings=tuple(findings), summary=f"{joined(stack_model.files)}: no error, no warning; {values}")
