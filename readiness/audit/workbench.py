"""The instruments of one worker: made when a gatherer first asks, closed when the worker ends.

A worker owns at most one shared stack. After a disruption the stack is proven steady, or replaced by a fresh one, so no
fact is skewed by the one before it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readiness.audit.progress import ProgressLog
from readiness.audit.runtimes import make_runtime
from readiness.check import Impact
from readiness.exceptions import StackError
from readiness.gather._declare import GathererMeta, gatherer_meta
from readiness.gather._store import FactStore
from readiness.gather.stack import target as target_fixture
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.instruments.stub import Stubs
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Runtime, Stack, Variant
from readiness.scrub import secrets_of
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from readiness.audit.run import Run
    from readiness.facts.start import StackStart
    from readiness.target import Login, Target

__all__ = ["Workbench"]

#: After a disruption the stack gets this long to answer as before; recovery itself is judged by its own check.
STEADY_SECONDS = 30.0


class Workbench:
    """Everything a worker uses on the stack.

    Args:
        run: the run.
        worker: this worker's name; ``main`` without xdist.
    """

    def __init__(self, run: Run, worker: str) -> None:
        self.run, self.worker = run, worker
        self.progress = ProgressLog(Path(run.folder) / "progress", worker)
        self.store = FactStore(
            folder=run.facts,
            worker=worker,
            instrument=self.instrument,
            after=self._after,
            progress=self.progress,
            refusal=run.refusal,
            is_replay=run.settings.replay is not None,
        )
        self._runtime: Runtime | None = None
        self._stack: Stack | None = None
        self._http: HttpClient | None = None
        self._faults: Faults | None = None
        self._is_set_up = False
        self._secrets: set[str] = set()
        self._makers: dict[str, Callable[[], Any]] = {
            "declared": lambda: run.target,
            "faults": self._make_faults,
            "http": self._make_http,
            "profile": lambda: run.profile,
            "progress": lambda: self.progress,
            "runtime": self._make_runtime,
            "stack": self._make_stack,
            "started": self._make_started,
            "target": self._make_target,
            "stubs": lambda: Stubs(self._make_runtime().name),
            "variants": lambda: Variants(self._make_runtime(), progress=self.progress),
        }

    def plan(self, gatherers: Sequence[GathererMeta]) -> None:
        """What this session's items will ask for."""
        self.store.plan = tuple(gatherers)

    def instrument(self, name: str) -> Any:
        """The instrument of this name.

        Raises:
            Inconclusive: it needs a running stack, and there is none; says why.
        """
        return self._makers[name]()

    def close(self) -> tuple[str, ...]:
        """Undo what is not undone and remove the stack, or leave it up where the run says so; idempotent.

        Returns:
            Where a stack was left up, how to reach and remove it.
        """
        stack = self._stack
        if stack is None or not self.run.settings.keep:
            self._drop_stack()
            return ()
        if self._faults is not None:
            self._faults.undo_all()
        self._stack = None
        return stack.keep()

    @property
    def secrets(self) -> frozenset[str]:
        """Values that must reach no report, as known so far in any worker."""
        found = set(self._secrets)
        for path in (Path(self.run.folder) / "secrets").glob("*.json"):
            found |= set(json.loads(path.read_text(encoding="utf-8")))
        return frozenset(found)

    def _make_runtime(self) -> Runtime:
        if self._runtime is None:
            self._runtime = make_runtime(self.run)
        return self._runtime

    def _make_started(self) -> Stack:
        if self._stack is None:
            began = time.monotonic()
            self.progress("starting the stack", at_most_seconds=None)
            variant = Variant(name="main" if self.worker == "main" else f"main{self.worker}")
            self._stack = self._make_runtime().start(variant, progress=self.progress)
            self.store.span("start the stack", "start", began)
            self._learn_secrets(self._stack)
        return self._stack

    def _make_stack(self) -> Stack:
        stack = self._make_started()
        if not stack.report.is_up:
            raise Inconclusive(
                f"the stack did not start: {root_cause(stack.report)}",
                supply="see the check start.stack for the cause of each service",
            )
        if not self._is_set_up:
            self._set_up(stack)
            self._is_set_up = True
        return stack

    def _make_target(self) -> Target:
        meta = gatherer_meta(target_fixture._get_wrapped_function())  # noqa: SLF001  # pytest offers no public way back
        assert meta is not None  # noqa: S101  # declared with @gatherer a few lines away
        completed: Target = self.store.obtain(meta, meanwhile=False)
        return completed

    def _make_http(self) -> HttpClient:
        if self._http is None:
            self._http = HttpClient(self._make_stack())
        return self._http

    def _make_faults(self) -> Faults:
        if self._faults is None:
            journal = self.run.work / f"journal-{self.worker}.jsonl"
            self._faults = Faults(self._make_stack(), journal=journal, progress=self.progress)
        return self._faults

    def _set_up(self, stack: Stack) -> None:
        """Send the owner's set-up requests, once per stack.

        Raises:
            Inconclusive: one of them was not answered as expected.
        """
        target = self._make_target() if self.run.target.setup else None
        # A system that somebody else runs is set up already, and is not to be changed.
        if target is None or not target.entries or Capability.WRITE not in stack.capabilities:
            return
        with HttpClient(stack) as http:
            for request in target.setup:
                answer = http.send(target.entries[0], request)
                expected = request.expect or tuple(range(200, 300))
                if answer.status not in expected:
                    raise Inconclusive(
                        f"the set-up request {answer.label} was not answered as expected: {answer.body[:200]}"
                    )

    def _after(self, impact: Impact) -> None:
        """Prove the steady state after a disruption; a stack that does not come back is replaced."""
        if impact is Impact.OBSERVES or self._stack is None or not self._stack.report.is_up:
            return
        began = time.monotonic()
        if self._faults is not None:
            self._faults.undo_all()
        if not self._is_steady():
            self.progress("the stack did not come back after the disturbance; replacing it")
            self._drop_stack()
        self.store.span("prove the steady state", "wait", began)

    def _is_steady(self) -> bool:
        target = self._make_target()
        if not target.entries:
            return False
        entry, deadline = target.entries[0], time.monotonic() + STEADY_SECONDS
        probe = target.steady_request
        stack = self._stack
        assert stack is not None  # noqa: S101  # the caller has looked
        with HttpClient(stack, timeout_seconds=5.0) as http:
            while time.monotonic() < deadline:
                status = http.send(entry, probe).status
                if status is not None and (status in probe.expect if probe.expect else status < 500):  # noqa: PLR2004
                    return True
                time.sleep(0.1)
        return False

    def _drop_stack(self) -> None:
        stack, http = self._stack, self._http
        self._stack = self._http = self._faults = None
        self._is_set_up = False
        if http is not None:
            http.close()
        if stack is not None:
            began = time.monotonic()
            stack.close()
            self.store.span("remove the stack", "stop", began)

    def _learn_secrets(self, stack: Stack) -> None:
        """Collect what must be scrubbed, and share it with the other workers and the controller."""
        for service in stack.services:
            # A service that could not even be created has printed nothing yet, and start.stack says why.
            with contextlib.suppress(StackError):
                self._secrets |= secrets_of(stack.environment(service))
        path = Path(self.run.folder) / "secrets" / f"{self.worker}.json"
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(sorted(self._secrets)), encoding="utf-8")
        draft.replace(path)


def _secrets_of_login(login: Login | None) -> frozenset[str]:
    """Passwords of the declared identities, and whatever a static way to log in is made of."""
    if login is None:
        return frozenset()
    people = (*login.users, *([login.admin] if login.admin else []))
    named = {f"password_{n}": person.get("password", "") for n, person in enumerate(people)}
    static = {
        f"{kind}_{name}_secret": str(value)
        for kind, parts in login.static.items()
        if isinstance(parts, dict)
        for name, value in parts.items()
        if name in {"password", "value", "secret", "token", "key", "cookie"}
    }
    return secrets_of({**named, **static})


def root_cause(report: StackStart) -> str:
    """The first service that failed by itself, and why, in one line."""
    if report.problem:
        return report.problem.strip().splitlines()[-1][:300]
    failed = [s for s in report.services if not s.is_ready]
    for service in sorted(failed, key=lambda s: "dependency" in (s.cause or "")):
        return f"{service.service}: {service.cause or 'unknown'}{f' ({service.detail})' if service.detail else ''}"
    return "no service became ready"
