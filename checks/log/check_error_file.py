"""The error log holds errors alone, and the whole log holds them too."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.logs import logs_of
from readiness.facts.logs import LogFile, RequestLogs
from readiness.logs.fields import Line, places_of
from readiness.logs.values import Level, level_named
from readiness.logs.view import MAX_EVIDENCE, Entry
from readiness.target import Target

EXAMPLE = "logs:\n  files: [{service: SERVICE, path: /var/log/app_error.log, holds: errors}]"


@check(
    id="log.error_file",
    category=Category.LOG,
    severity=Severity.LOW,
    title="The error log file holds errors, and nothing but errors",
    why="Whoever watches the error file alone must find everything there, and must not have to sift it.",
    source="claims ledger, log.error_file",
    remediation="Give the error file's handler the level ERROR, and the main file's none above the logger's.",
    seeds=("myragdb",),
    defects=("error-file-has-everything",),
)
def check_error_file(request_logs: RequestLogs, target: Target) -> Verdict:
    """Judge the levels in each declared error file, after an error was provoked; and look for it in the main file."""
    declared = [file for file in logs_of(target).files if file.holds == "errors"]
    target.require("logs", True, example=EXAMPLE)  # may be none
    if not declared:
        raise NotApplicable("no error log file is declared (logs.files with holds: errors)")
    if request_logs.no_logs:
        raise Inconclusive(request_logs.no_logs)
    names = {(file.service, file.path) for file in declared}
    files = [file for file in request_logs.files if (file.service, file.path) in names]
    if problem := next(
        (file.problem for file in files if file.problem), "" if files else "no declared file was looked at"
    ):
        raise Inconclusive(problem)
    provoked = [asked for asked in request_logs.of("error", "canary") if (asked.status or 0) >= 500]  # noqa: PLR2004
    if not provoked:
        raise Inconclusive(
            "no error was provoked", supply="error_path: /a/request/that/raises", undeclared="error_path"
        )
    findings = [finding for file in files for finding in _judge(file)]
    others = [f for f in request_logs.files if (f.service, f.path) not in names and not f.problem]
    findings += [finding for file in others for finding in _lacking(file)]
    measured = tuple(
        Measurement(name=f"lines of {file.path} read", value=sum(file.levels.values()), unit="count") for file in files
    )
    return Verdict(findings=tuple(findings), measured=measured, summary="the error file holds errors alone")


def _is_error(level: str) -> bool:
    named = level_named(int(level)) if level.isdecimal() else level_named(level)
    return named is not None and named >= Level.ERROR


def _judge(file: LogFile) -> Iterator[Finding]:
    others = {level: count for level, count in file.levels.items() if not _is_error(level)}
    if others:
        lines = [Line(line.text) for line in file.lines]
        places = places_of(lines, {})
        quiet = [entry for line in file.lines if not _is_error(str(places.get(entry := Entry(line), "level")))]
        shown = ", ".join(f"{level}: {count}" for level, count in others.items())
        proof = tuple(entry.evidence for entry in quiet[:MAX_EVIDENCE])
        yield Finding(message=f"{file.path} also holds lines that are no errors ({shown})", evidence=proof)
    elif not any(map(_is_error, file.levels)):
        yield Finding(message=f"an error was provoked, and {file.path} holds none")


def _lacking(file: LogFile) -> Iterator[Finding]:
    if file.levels and all(map(_is_error, file.levels)):
        yield Finding(message=f"{file.path}, which should hold everything, holds errors alone")
