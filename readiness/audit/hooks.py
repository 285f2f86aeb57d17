"""The pytest hooks of an audit: collection, judging, outcomes; in the controller also workers' traffic and the report."""

from __future__ import annotations

import json
import pkgutil
import threading
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from readiness import gather
from readiness.audit import fixtures
from readiness.audit.interruption import Interruption, cut_before_lineless
from readiness.audit.items import check_meta, gatherers_of, impact_of, select, write_scope
from readiness.audit.judging import Judge
from readiness.audit.progress import uncaptured_lines
from readiness.audit.reporting import Reporter
from readiness.audit.run import Run
from readiness.audit.start import create_run
from readiness.audit.workbench import Workbench
from readiness.catalogue import shipped_checks
from readiness.check import Category, Impact
from readiness.declared.scaling import swarm_of
from readiness.exceptions import ConfigError, ReadinessError
from readiness.facts._codec import decode, encode
from readiness.profile_file import check_known, check_limits
from readiness.runtime.reaper import Handle, reap_dead_runs, start_reaper
from readiness.scorecard import CheckResult
from readiness.scrub import Scrubber
from readiness.target_file import line_of
from readiness.verdict import Outcome, Verdict
from readiness.waiver import validate, waive

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["install"]

#: The name under which a result travels in ``user_properties``, to the controller and into JUnit XML.
PROPERTY = "readiness"

_VERDICT = pytest.StashKey[Verdict]()

#: A run that is over before the leftovers of dead ones are gone waits this long for them; the next one goes on.
REAPING_SECONDS = 30.0

#: pytest status of outcomes that are neither passed nor failed: (category, letter, word).
STATUSES = {
    Outcome.FAIL: ("below the gate", "f", "BELOW GATE"),
    Outcome.NOT_APPLICABLE: ("not applicable", "n", "N/A"),
    Outcome.INCONCLUSIVE: ("inconclusive", "?", "INCONCLUSIVE"),
    Outcome.WAIVED: ("waived", "w", "WAIVED"),
}


def install(config: pytest.Config) -> None:
    """Set the audit up in this process.

    Raises:
        pytest.UsageError: the profile, the target or the machine does not allow one.
    """
    worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
    try:
        run = Run.from_text(worker_input["readiness_run"]) if worker_input else create_run(config)
    except ReadinessError as error:
        raise pytest.UsageError(str(error)) from error
    for impact in Impact:
        config.addinivalue_line("markers", f"{impact.value}: what obtaining the facts of a check does to the target")
    for category in Category:
        config.addinivalue_line("markers", f"{category.value}: a family of checks")
    config.addinivalue_line("python_files", "check_*.py")
    # Shipped checks lie outside the rootdir, where this part of --lf would skip their files unseen.
    config.pluginmanager.set_blocked("lfplugin-collskip")
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        extra = [*run.profile.checks, *(str(Path(run.target.folder) / path) for path in run.target.checks)]
        config.args[:] = [str(shipped_checks()), *extra]
        # Files of one name in several families are no conflict under importlib, and nothing touches sys.path.
        config.option.importmode = "importlib"
    for module in pkgutil.iter_modules(gather.__path__):
        if not module.name.startswith("_"):
            config.pluginmanager.register(import_module(f"{gather.__name__}.{module.name}"), f"readiness-{module.name}")
    name = worker_input["workerid"] if worker_input else "main"
    bench = Workbench(run, name)
    config.stash[fixtures.BENCH] = bench
    config.pluginmanager.register(fixtures, "readiness-fixtures")
    config.pluginmanager.register(AuditHooks(run, bench), "readiness-audit")
    if worker_input is None:
        config.pluginmanager.register(ControllerHooks(run, bench, config), "readiness-controller")


class AuditHooks:
    """What happens in every process that runs checks."""

    def __init__(self, run: Run, bench: Workbench) -> None:
        self._run, self._bench, self._judge = run, bench, Judge(profile=run.profile)
        self._interruption: Interruption | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let a SIGTERM end the run as Ctrl-C does, so that everything is removed."""
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        self._interruption = Interruption(uncaptured_lines(terminal) if terminal is not None else lambda _: None)
        self._interruption.install()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Let an interruption be shown, wherever it arrived."""
        cut_before_lineless(excinfo.tb)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Give the signals back when nothing is left to be undone."""
        if self._interruption is not None:
            self._interruption.remove()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep what the profile wants, and order it."""
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            self._refuse_unknown_names(items)
        dropped = select(items, self._run)
        if dropped:
            config.hook.pytest_deselected(items=dropped)
        write_scope(items, self._run, self._judge)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan what the items that are left will ask for."""
        planned = {meta.name: meta for item in session.items for meta in gatherers_of(item)}
        self._bench.plan(tuple(planned.values()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object | None:
        """Run a check: keep its verdict instead of warning about a returned value."""
        meta = check_meta(pyfuncitem)
        if meta is None:
            return None
        arguments = {name: pyfuncitem.funcargs[name] for name in (*meta.facts, *(["limits"] if meta.limits else []))}
        verdict = pyfuncitem.obj(**arguments)
        if not isinstance(verdict, Verdict):
            raise TypeError(f"check {meta.id} returned {type(verdict).__name__}; a check returns a Verdict")
        pyfuncitem.stash[_VERDICT] = verdict
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report its outcome by the gate, and the result to carry."""
        report = yield
        meta = check_meta(item)
        if meta is None or report.when == "teardown" or (call.excinfo is None and report.when == "setup"):
            return report
        if call.excinfo is not None and not isinstance(call.excinfo.value, Exception):
            return report  # interrupted or exited: pytest's own business
        impact = impact_of(item)
        if call.excinfo is None:
            result = self._judge.of_verdict(meta, impact, item.stash[_VERDICT], seconds=call.duration)
        else:
            result = self._judge.of_error(meta, impact, call.excinfo.value, seconds=call.duration)
        result = waive(result, self._run.target.waivers, today=datetime.now(UTC).date())
        data = Scrubber(self._bench.secrets).clean(encode(result))
        result = decode(CheckResult, data)
        # Into this report for the card, and into the item for JUnit XML, which reads the teardown's report.
        report.user_properties.append((PROPERTY, json.dumps(data)))
        item.user_properties.append((PROPERTY, json.dumps(data)))
        self._show(report, item, result)
        return report

    def _refuse_unknown_names(self, items: list[pytest.Item]) -> None:
        """A typo in a profile or a waiver would silently change the scope, or cost a run to be told of."""
        target = self._run.target
        metas = {meta.id: meta for item in items if (meta := check_meta(item)) is not None}
        try:
            check_known(self._run.profile, metas)
            for meta in metas.values():
                check_limits(self._run.profile, meta.id, meta.limits)
            validate(
                target.waivers,
                known=set(metas),
                file=target.file,
                line_of=lambda position: line_of(target, "waivers", position),
            )
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from error

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Remove this process's stack, or say where it is left."""
        kept = self._bench.close()
        if kept:
            (self._run.work / f"kept-{self._bench.worker}.txt").write_text("\n".join(kept), encoding="utf-8")

    def _show(self, report: pytest.TestReport, item: pytest.Item, result: CheckResult) -> None:
        if result.outcome is Outcome.PASS:
            return
        if self._judge.fails_gate(result):
            report.outcome = "failed"
            report.longrepr = _long(result)
            return
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, _long(result).splitlines()[0])


class ControllerHooks:
    """What happens once per run: traffic with the workers, progress, the scorecard, the exit status."""

    def __init__(self, run: Run, bench: Workbench, config: pytest.Config) -> None:
        self._run, self._bench, self._config = run, bench, config
        self._reporter = Reporter(run, bench)
        self._others_failed = 0
        self._broken_off = ""
        self._guard: Handle | None = None
        # What a dead run left goes now, beside our own start: asking the engine takes a moment.
        self._reaping = threading.Thread(target=reap_dead_runs, name="readiness-reap", daemon=True)
        if run.settings.replay is None:
            # From here on whatever the run makes goes with it, however it ends.
            self._guard = start_reaper(run.id, run.work)
            self._reaping.start()

    def pytest_sessionstart(self) -> None:
        """Print progress."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and self._config.get_verbosity() >= 0:
            self._reporter.show_progress(uncaptured_lines(terminal))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker which run it belongs to."""
        node.workerinput["readiness_run"] = self._run.to_text()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect results, from this process or from a worker."""
        found = [value for name, value in report.user_properties if name == PROPERTY]
        if found:
            self._reporter.add(decode(CheckResult, json.loads(str(found[-1]))))
        elif report.failed:
            self._others_failed += 1
            if report.when not in {"setup", "call", "teardown"}:  # xdist's word for a worker that is gone
                self._broken_off = f"a worker died while it ran {report.nodeid}"

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Outcomes that pytest has no word for."""
        if not isinstance(report, pytest.TestReport) or report.outcome != "skipped":
            return None
        found = [value for name, value in report.user_properties if name == PROPERTY]
        return STATUSES.get(Outcome(json.loads(str(found[-1]))["outcome"])) if found else None

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the scorecard; the gate decides the exit status of a run that was not broken off."""
        if self._config.option.collectonly:
            return
        broken_off = self._broken_off if exitstatus in {0, 1} else "the run was interrupted"
        card = self._reporter.finish(broken_off=broken_off)
        if card is not None and exitstatus in {0, 1}:
            is_whole = card.gate.passed and not self._others_failed and not self._reporter.problem
            session.exitstatus = 0 if is_whole else 1

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the scorecard in short."""
        self._reporter.summarise(terminalreporter)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        self._reporter.close()
        if self._guard is not None:
            self._reaping.join(REAPING_SECONDS)
            self._guard.close(keep=self._run.settings.keep)
            self._tell_of_swarm()

    def _tell_of_swarm(self) -> None:
        """Say where the engine could not leave the swarm that this run has made: only its owner can help then."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None or self._run.runtime != "compose" or swarm_of(self._run.target) is None:
            return
        from readiness.runtime.swarm import notice  # noqa: PLC0415  # only where a swarm was asked for

        for line in notice(self._run.id):
            terminal.write_line(f"readiness: {line}", red=True)


def _long(result: CheckResult) -> str:
    if result.outcome is Outcome.FAIL:
        lines = [f"{result.id}: {finding.message}" for finding in result.findings]
        return "\n".join([*lines, f"  why: {result.why}", f"  do:  {result.remediation}"])
    return f"{result.id}: {result.reason or 'waived'}"
