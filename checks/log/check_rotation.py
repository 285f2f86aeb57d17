"""Logs are bounded: they rotate before they fill the disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.logs import LogFileDeclared, logs_of
from readiness.facts.logs import LogFile, RequestLogs
from readiness.facts.model import ServiceModel, StackModel
from readiness.target import Target

#: Docker's own format with rotation built in (Docker documentation, local logging driver: 20 MB, five files).
BOUNDED = frozenset({"local", "none"})
#: Drivers that hand lines on: whoever takes them rotates them.
UNBOUNDED = frozenset({"json-file"})
_SIZE = re.compile(r"\s*(\d+)\s*([kmg]?)b?\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class RotationLimits:
    """How far a file may be beyond the size at which it rotates."""

    # A line is written before its file is looked at, and several processes may share one.
    slack_ratio: float = 1.5


@check(
    id="log.rotation",
    category=Category.LOG,
    severity=Severity.MEDIUM,
    title="Logs rotate and cannot fill the disk",
    why="The json-file driver keeps everything by default; a busy service fills the host's disk, and takes its database along.",
    source="claims ledger, log.rotation; Docker documentation, json-file logging driver (max-size defaults to -1, unlimited)",
    remediation='For containers: logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}. For files: a rotating handler.',
    seeds=("myragdb",),
    defects=("log-file-unbounded",),
)
def check_rotation(
    stack_model: StackModel, request_logs: RequestLogs, target: Target, limits: RotationLimits
) -> Verdict:
    """Judge what the owner's compose file says of each container's log, and the declared files as they are."""
    declared = logs_of(target)
    target.require("logs", True, example="logs: {}")  # may be none
    containers = [service for service in stack_model.services.values() if service.image or service.build_context]
    findings: list[Finding] = []
    judged: list[str] = []
    if declared.rotation == "compose":
        findings += _containers(containers)
        judged += [service.name for service in containers]
    doubts: list[str] = []
    for file in declared.files:
        seen = next((f for f in request_logs.files if (f.service, f.path) == (file.service, file.path)), None)
        findings += _file(file, seen, limits, doubts)
        judged.append(f"{file.service}:{file.path}")
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    if not judged:
        if declared.rotation == "daemon":
            raise NotApplicable("the engine's own settings rotate what containers print, as declared")
        raise NotApplicable("no container's log is declared by a compose file, and no log file is")
    measured = (Measurement(name="logs judged", value=len(judged), unit="count"),)
    return Verdict(findings=tuple(findings), measured=measured, summary=f"bounded: {', '.join(judged)}")


def _containers(services: list[ServiceModel]) -> Iterator[Finding]:
    without: list[str] = []
    for service in services:
        driver = service.log_driver or "json-file"
        if driver in BOUNDED or driver not in UNBOUNDED:
            continue
        size = service.log_options.get("max-size", "")
        if not service.log_driver and not service.log_options:
            without.append(service.name)
        elif not _is_bounded(size):
            proof = Evidence(
                source=f"services.{service.name}.logging", text=f"driver {driver}, max-size {size or 'not set'}"
            )
            yield Finding(message=f"the log of {service.name} grows without bound", evidence=(proof,))
    if without:
        text = "without logging options the engine's default holds, which is json-file without max-size"
        proof = Evidence(source="compose file", text=text)
        yield Finding(message=f"no rotation is set for the log of {', '.join(without)}", evidence=(proof,))


def _is_bounded(size: str) -> bool:
    match = _SIZE.fullmatch(size)
    return match is not None and int(match[1]) > 0


def _file(
    declared: LogFileDeclared, seen: LogFile | None, limits: RotationLimits, doubts: list[str]
) -> Iterator[Finding]:
    """A file beyond its size has not rotated; one that has not reached it yet shows nothing."""
    where = f"{declared.path} of {declared.service}"
    if seen is None or seen.problem or seen.size_bytes is None:
        doubts.append(f"{where}: {seen.problem if seen and seen.problem else 'not looked at'}")
        return
    if declared.max_bytes is None:
        if not seen.rotated:
            doubts.append(f"{where} has not rotated yet; logs.files.max_bytes says at which size it should")
        return
    sizes = {declared.path: seen.size_bytes, **seen.rotated}
    largest = max(sizes, key=lambda name: sizes[name])
    if sizes[largest] > declared.max_bytes * limits.slack_ratio:
        text = ", ".join(f"{name}: {size} B" for name, size in sizes.items())
        proof = Evidence(source=f"files in {declared.service}", text=text)
        yield Finding(
            message=f"{where} is {sizes[largest]} B; it should rotate at {declared.max_bytes} B", evidence=(proof,)
        )
    elif not seen.rotated and declared.holds == "everything":
        doubts.append(f"{where} has {seen.size_bytes} B and has not rotated yet, at {declared.max_bytes} B it should")
