"""The end of a run, in the controller: from results and facts to the scorecard, its files and the terminal."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import readiness
from readiness.audit.critical_path import critical_path
from readiness.audit.host import describe_host, version_of
from readiness.audit.progress import ProgressPrinter
from readiness.audit.recording import keep_recording
from readiness.audit.start import load_card
from readiness.claims_file import load_claims
from readiness.comparison import claimed_against_proven, since
from readiness.exceptions import ReadinessError
from readiness.facts._codec import decode, encode
from readiness.facts.model import StackModel
from readiness.facts.start import StackStart
from readiness.gather._store import read_spans
from readiness.render import terminal, write
from readiness.scorecard import (
    SCHEMA_VERSION,
    CheckResult,
    ProfileInfo,
    RunInfo,
    Scorecard,
    TargetInfo,
    ToolInfo,
    from_json,
    to_json,
)
from readiness.scoring import ALGORITHM_VERSION, grade_run
from readiness.scrub import Scrubber
from readiness.target import Target
from readiness.waiver import notices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from readiness.audit.run import Run
    from readiness.audit.workbench import Workbench

__all__ = ["Reporter"]


class Reporter:
    """Collects the results of one run and turns them into a scorecard.

    Attributes:
        problem: why the report could not be written, or nothing.
    """

    def __init__(self, run: Run, bench: Workbench) -> None:
        self._run, self._bench = run, bench
        self._results: dict[str, CheckResult] = {}
        self._card: Scorecard | None = None
        self._files: list[Path] = []
        self._printer: ProgressPrinter | None = None
        self.problem = ""

    def show_progress(self, write_line: Callable[[str], None]) -> None:
        """Print what is being waited for, from now until the end."""
        folder = Path(self._run.folder) / "progress"
        self._printer = ProgressPrinter(folder, began=self._run.began, write_line=write_line)
        self._printer.start()

    def add(self, result: CheckResult) -> None:
        """Take one check's result."""
        self._results[result.id] = result

    def finish(self, *, broken_off: str) -> Scorecard | None:
        """Grade the run and write the report; None where there was nothing to grade.

        Args:
            broken_off: why the run did not come to its end, or nothing.
        """
        if self._printer is not None:
            self._printer.close()
        scope = self._scope()
        if not scope:
            return None
        self._card = self._build(scope, broken_off=broken_off)
        try:
            if self._run.settings.record is not None:
                keep_recording(self._run, Path(self._run.settings.record), self._scrubber())
            self._files = write(self._card, Path(self._run.settings.report), self._run.settings.formats)
        except (OSError, ReadinessError) as error:
            self.problem = f"the report could not be written: {error}"
        return self._card

    def summarise(self, terminalreporter: Any) -> None:
        """Print the card in short, and where its files are."""
        if self._card is not None:
            terminalreporter.section("readiness", sep="=")
            width = terminalreporter._tw.fullwidth  # noqa: SLF001  # the public width rounds down for wide characters
            encoding = getattr(terminalreporter._tw._file, "encoding", None) or "ascii"  # noqa: SLF001
            text = terminal.render(
                self._card,
                width=width,
                colour=terminalreporter.hasmarkup,
                ascii_only=not encoding.lower().startswith("utf"),
            )
            terminalreporter.write_line(text.rstrip("\n"))
        if self.problem:
            terminalreporter.write_line(self.problem, red=True)
        for path in self._files:
            terminalreporter.write_line(f"written: {path}")
        for path in sorted(self._run.work.glob("kept-*.txt")):
            terminalreporter.section("the stack was left up", sep="-")
            terminalreporter.write_line(path.read_text(encoding="utf-8"))

    def close(self) -> None:
        """End the progress; the run's folder goes with its guard, or here where a replay had none."""
        if self._printer is not None:
            self._printer.close()
        if self._run.settings.replay is not None:
            shutil.rmtree(self._run.folder, ignore_errors=True)

    def _scope(self) -> list[CheckResult]:
        """One result per check in scope: what came in, else *did not run*."""
        try:
            absent = json.loads((Path(self._run.folder) / "scope.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [self._results.get(row["id"]) or decode(CheckResult, row) for row in absent]

    def _claims(self, checks: Sequence[CheckResult]) -> tuple[dict[str, Any], ...]:
        if self._run.settings.claims is None:
            return ()
        claims = load_claims(Path(self._run.settings.claims))
        source = " ".join(part for part in (claims.source or claims.system, claims.grade) if part)
        target = encode(self._run.target)
        declared = {**target["extra"], **target, "limit": target["limits"]}
        return tuple(claimed_against_proven(claims.claims, checks, source=source, declared=declared))

    def _baseline(self, checks: Sequence[CheckResult]) -> dict[str, Any]:
        if self._run.settings.baseline is None:
            return {}
        return since(load_card(Path(self._run.settings.baseline)).checks, checks)

    def _scrubber(self) -> Scrubber:
        # A password that equals a service's name is known to everybody, and blanking it would blank the report.
        model: StackModel | None = self._bench.store.peek("stack_model", StackModel)
        return Scrubber(self._bench.secrets, public={self._run.target.name, *(model.services if model else ())})

    def _build(self, results: list[CheckResult], *, broken_off: str) -> Scorecard:
        run, store = self._run, self._bench.store
        start: StackStart | None = store.peek("stack_start", StackStart)
        model: StackModel | None = store.peek("stack_model", StackModel)
        target: Target = store.peek("target", Target) or run.target
        missing = sum(1 for result in results if result.id not in self._results)
        partial = ""
        if missing:
            partial = f"{missing} of {len(results)} checks in scope did not run"
            partial += f": {broken_off}" if broken_off else ""
        judged = time.monotonic()
        graded = grade_run(
            results,
            profile=run.profile,
            stack_started=start is None or start.is_up,
            partial=partial,
            broken_off=broken_off,
        )
        spans = (*read_spans(run.facts),) if run.settings.replay is None else ()
        card = Scorecard(
            schema_version=SCHEMA_VERSION,
            algorithm_version=ALGORITHM_VERSION,
            tool=ToolInfo(name="pytest-readiness", version=readiness.__version__),
            profile=ProfileInfo(
                name=run.profile.name,
                title=run.profile.title,
                description=run.profile.description,
                excluded=dict(run.profile.exclude),
            ),
            target=_target_info(target, run, start, model),
            run=RunInfo(
                id=run.id,
                started_at=run.started_at,
                seconds=time.monotonic() - run.began,
                critical_path=critical_path(spans, began=run.began, judging_began=judged),
                host=describe_host(run.runtime),
                partial=partial,
            ),
            grade=graded.grade,
            score=graded.score,
            interval=graded.interval,
            coverage=graded.coverage,
            caps=graded.caps,
            gate=graded.gate,
            next_grade=graded.next_grade,
            categories=graded.categories,
            checks=graded.checks,
            claims=self._claims(graded.checks),
            baseline=self._baseline(graded.checks),
            notices=notices(run.target.waivers, graded.checks),
        )
        return from_json(self._scrubber().clean(to_json(card)))


def _target_info(target: Target, run: Run, start: StackStart | None, model: StackModel | None) -> TargetInfo:
    roles = {name: role.value for role, names in target.roles.items() for name in names}
    declared = model.services if model else {}
    states = {s.service: s for s in start.services} if start else {}
    services = tuple(
        {
            "service": name,
            "role": roles.get(name, ""),
            "image": (states[name].image if name in states else "")
            or (declared[name].image if name in declared else ""),
            "state": states[name].state if name in states else "",
        }
        for name in dict.fromkeys((*declared, *states))
    )
    return TargetInfo(
        name=target.name,
        runtime=start.runtime if start else run.runtime,
        services=services,
        discovered=tuple({"key": d.key, "value": d.value, "reason": d.reason} for d in target.discovered),
        changes=tuple(encode(change) for change in (start.changes if start else ())),
        start=encode(start) if start else None,
        version=version_of(Path(target.folder)),
    )
