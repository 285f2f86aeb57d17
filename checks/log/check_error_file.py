"""The error log holds errors alone, and the whole log holds them too."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.logs import logs_of
from readiness.facts.logs import LogFile, RequestLogs
from readiness.logs.fields import places_of
from readiness.logs.levels import level_of, numbering_of
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
    # What came through another entry may have been the proxy's own 502.
    answers = [asked for asked in request_logs.of("error", "canary") if not asked.kind]
    provoked = [asked for asked in answers if (asked.status or 0) >= 500]  # noqa: PLR2004
    if not provoked:
        raise Inconclusive(
            "no error was provoked", supply="error_path: /a/request/that/raises", undeclared="error_path"
        )
    findings = [finding for file in files for finding in _judge(file)]
    others = [f for f in request_logs.files if (f.service, f.path) not in names and not f.problem]
    findings += [finding for file in others for finding in _lacking(file)]
    doubts = [doubt for file in files for doubt in _doubts(file)]
    if not findings and doubts:
        raise Inconclusive("; ".join(doubts))
    measured = tuple(
        Measurement(name=f"lines of {file.path} read", value=sum(file.levels.values()), unit="count") for file in files
    )
    return Verdict(findings=tuple(findings), measured=measured, summary="the error file holds errors alone")


class _Levels:
    """What the levels in a file stand for. A line that names none, as those of a traceback, belongs to the one above."""

    def __init__(self, file: LogFile) -> None:
        self.entries = [Entry(line) for line in file.lines]
        self._places = places_of(self.entries, {})
        self._numbering = numbering_of(self.entries, self._places)
        self.named = {written: level_named(written, self._numbering) for written in file.levels}
        self.has_errors = any(level is not None and level >= Level.ERROR for level in self.named.values())
        self.others = [written for written, level in self.named.items() if level is not None and level < Level.ERROR]

    def quiet(self) -> list[Entry]:
        """The lines that are known to be no errors."""
        levels = ((entry, level_of(entry, self._places, self._numbering)) for entry in self.entries)
        return [entry for entry, level in levels if level is not None and level < Level.ERROR]


def _judge(file: LogFile) -> Iterator[Finding]:
    levels = _Levels(file)
    if levels.others:
        shown = ", ".join(f"{written}: {file.levels[written]}" for written in levels.others)
        proof = tuple(entry.evidence for entry in levels.quiet()[:MAX_EVIDENCE])
        yield Finding(message=f"{file.path} also holds lines that are no errors ({shown})", evidence=proof)
    elif not file.levels and not file.lines:
        yield Finding(message=f"an error was provoked, and {file.path} holds none")


def _doubts(file: LogFile) -> Iterator[str]:
    """Why a file without a finding proves nothing."""
    levels = _Levels(file)
    unknown = [written for written, level in levels.named.items() if level is None]
    if unknown:
        yield f"nothing tells which levels {', '.join(unknown)} in {file.path} are"
    elif not levels.has_errors:
        yield f"no line of {file.path} names a level"


def _lacking(file: LogFile) -> Iterator[Finding]:
    levels = _Levels(file)
    if levels.has_errors and all(level is not None and level >= Level.ERROR for level in levels.named.values()):
        yield Finding(message=f"{file.path}, which should hold everything, holds errors alone")
