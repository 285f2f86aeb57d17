"""The process runtime: the target's services as local commands, on free ports, with throw-away state.

Every stack has its own ports, state, home and temporary directories below the run's folder; the owner's folder is where
the commands run and where nothing is written by us. The environment is built up from nothing: a command sees what
its declaration says, never the secrets of whoever runs the audit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from readiness.exceptions import ConfigError, ReadinessError, StackError, UnsupportedError
from readiness.facts.containers import Container
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.start import Change, FailureCause, StackStart
from readiness.runtime import Capability, Completed, Endpoint, RanBeside, ServiceState, process_tree
from readiness.runtime.carrying import copy_tree
from readiness.runtime.commands import Places, check_processes, expand, order
from readiness.runtime.owners_commands import kept_folder, of_this_machine, run_owners
from readiness.runtime.owners_words import OwnersWords
from readiness.runtime.ports import LOOPBACK, PortLease
from readiness.runtime.process_removal import removal_script
from readiness.runtime.process_start import MAX_HEALTH_LOG, Outcome, Seen, describe
from readiness.runtime.reaper import RUN_VARIABLE
from readiness.runtime.supervised import SERVICE_VARIABLE, Launch, SpawnError, Supervised, Usage

if TYPE_CHECKING:
    from readiness.runtime import Progress, Stack, Variant
    from readiness.target import ProcessSpec, Target

__all__ = ["ProcessRuntime", "ProcessStack"]

CAPABILITIES = frozenset(
    {
        Capability.STOP,
        Capability.PAUSE,
        Capability.SIGNAL,
        Capability.LOGS,
        Capability.EXEC,
        Capability.RECREATE,
        Capability.VARIANT,
        Capability.CRASH,
        Capability.OWNERS,
        Capability.WRITE,
    }
)
#: Where ``deadlines`` says nothing.
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.05
#: One look at a service; a first answer may take a while.
ASK_SECONDS = 2.0
#: A service without a port is taken for started when it has lived so long (or has ended with 0: a one-shot).
ALIVE_SECONDS = 1.0
#: The stop signal of :meth:`ProcessStack.close` is a courtesy, so that shared memory and lock files go too.
CLOSE_GRACE_SECONDS = 3.0
#: A dependency download on a slow line; installing is the owner's command and its output is the evidence.
INSTALL_SECONDS = 900.0
#: Of an answer's body; it becomes evidence.
BODY_BYTES = 400
#: Of what an installation printed.
INSTALL_CHARS = 20_000
NOT_FOUND, NOT_EXECUTABLE = 127, 126

_FIGURES = re.compile(r"[\d.]+")


class ProcessRuntime:
    """Starts stacks of local processes.

    Args:
        target: needs ``processes``.
        run_id: marks every process, so that none outlives the run.
        work: the run's folder; created where missing.

    Raises:
        ConfigError: ``processes`` cannot be run as declared; names the key.
    """

    name = "process"

    def __init__(self, target: Target, *, run_id: str, work: Path) -> None:
        if not target.processes:
            raise ConfigError("the target describes no processes", file=target.file, hint="add 'processes:'")
        check_processes(target)
        self._target = target
        self._run_id = run_id
        self._work = work

    def model(self) -> StackModel:
        """The process table in the shape of a compose model; of variables only the names."""
        return StackModel(
            services={
                name: ServiceModel(
                    name=name,
                    command=spec.command,
                    environment=tuple(sorted({*spec.env, *self._target.environment.get(name, {})})),
                    ports=() if spec.port is None else (spec.port,),
                    depends_on=dict.fromkeys(spec.after, "service_healthy"),
                )
                for name, spec in self._target.processes.items()
            },
            files=() if self._target.file is None else (self._target.file,),
        )

    def start(self, variant: Variant, *, progress: Progress) -> Stack:
        """Start a stack; services that do not wait for each other start together.

        Without ``variant.wait`` only what others start ``after`` is waited for, as ``docker compose up -d`` does.

        Raises:
            UnsupportedError: the variant wants a small disk, several replicas, another health check or a slower processor.
            ConfigError: the variant names a service that does not exist.
            StackError: the machine is at fault.
        """
        if variant.tmpfs:
            raise UnsupportedError(Capability.TMPFS, runtime=self.name, hint="run with --readiness-runtime=compose")
        if variant.replicas:
            raise UnsupportedError(Capability.SCALE, runtime=self.name, hint="run with --readiness-runtime=compose")
        if any(variant.health_checks.values()) or variant.cpus:
            wish = "to slow a service down" if variant.cpus else "to replace a health check"
            raise UnsupportedError(wish, runtime=self.name, hint="needs an engine: --readiness-runtime=compose")
        if strangers := sorted({*variant.environment, *variant.stopped} - set(self._target.processes)):
            raise ConfigError(
                f"variant {variant.name}: no service {strangers[0]!r} in processes", file=self._target.file
            )
        began = time.monotonic()
        self._work.mkdir(parents=True, exist_ok=True)
        failed_installs = self._install(progress)
        installed = time.monotonic()
        stack = ProcessStack(self._target, variant, run_id=self._run_id, work=self._work)
        try:
            stack.bring_up(failed_installs, progress=progress, build_seconds=installed - began)
        except BaseException:
            stack.close()
            raise
        return stack

    def _install(self, progress: Progress) -> dict[str, str]:
        """Run every ``install`` once per run, whichever worker comes first; of those that failed, what they printed."""
        failed: dict[str, str] = {}
        wanted = {name: spec for name, spec in self._target.processes.items() if spec.install}
        if not wanted:
            return failed
        folder = self._work / "installed"
        folder.mkdir(exist_ok=True)
        with filelock.FileLock(folder / "lock", timeout=INSTALL_SECONDS * len(wanted)):
            for name, spec in wanted.items():
                done = folder / f"{name}.json"
                if not done.exists():
                    progress(f"installing {name}", at_most_seconds=INSTALL_SECONDS)
                    done.write_text(json.dumps(self._run_install(name, spec)), encoding="utf-8")
                code, output = json.loads(done.read_text(encoding="utf-8"))
                if code != 0:
                    failed[name] = f"{output}\ninstall ended with exit code {code}"
        return failed

    def _run_install(self, name: str, spec: ProcessSpec) -> tuple[int, str]:
        places = Places(service=name, folder=self._target.folder, ports={})
        home = self._work / "installed" / "home"
        home.mkdir(exist_ok=True)
        marker = f"{self._run_id}/install/{name}"
        launch = Launch(
            service=name,
            command=tuple(expand(text, places) for text in spec.install),
            environment=_base_environment(home=home, tmp=home, run_id=self._run_id, marker=marker),
            folder=self._target.folder,
            marker=marker,
        )
        done = _run(launch, work=self._work, seconds=INSTALL_SECONDS)
        return (
            (1, f"still ran after {INSTALL_SECONDS:g} s")
            if done is None
            else (done.exit_code, done.output[-INSTALL_CHARS:])
        )


@dataclass(kw_only=True)
class _Service:
    """One service of one stack. ``outcome`` is how its start went, once ``is_known`` is set."""

    name: str
    spec: ProcessSpec
    folder: Path
    process: Supervised
    lock: threading.RLock = field(default_factory=threading.RLock)
    instance: int = 1
    outcome: Outcome | None = None
    is_known: threading.Event = field(default_factory=threading.Event)
    answers: list[str] = field(default_factory=list)

    def settle(self, outcome: Outcome) -> None:
        """Say how the start went, to all who wait for it."""
        self.outcome = outcome
        self.is_known.set()

    def remember(self, answer: str) -> None:
        """Keep an answer of the ready path that differs from the one before in more than its figures."""
        if not self.answers or _FIGURES.sub("", self.answers[-1]) != _FIGURES.sub("", answer):
            self.answers = [*self.answers, answer][-MAX_HEALTH_LOG:]

    def seen(self) -> Seen:
        """What the report says of it. A service that was ready may have ended since."""
        status = self.process.status
        if status == "exited":
            self.process.log.settle()
        outcome = self.outcome or Outcome(unanswered="one answer did not end in time")
        is_one_shot = self.spec.port is None and self.process.exit_code == 0
        if outcome.is_ready and status == "exited" and not is_one_shot:
            outcome = dataclasses.replace(outcome, is_ready=False)
        return Seen(
            service=self.name,
            needs=self.spec.after,
            status=status,
            exit_code=self.process.exit_code,
            log=self.process.log.text(),
            outcome=outcome,
            answers=None if self.spec.ready is None else tuple(self.answers),
        )


class ProcessStack:
    """A stack of processes. Made by :class:`ProcessRuntime`."""

    runtime = "process"
    capabilities = CAPABILITIES

    def __init__(self, target: Target, variant: Variant, *, run_id: str, work: Path) -> None:
        self._target, self._variant = target, variant
        self._run_id, self._work = run_id, work
        self._token = f"s-{secrets.token_hex(4)}"
        self._folder = work / self._token
        self._lease = PortLease()
        self._services: dict[str, _Service] = {}
        self._ports: dict[str, int] = {}
        self._cancelled = threading.Event()
        self._closing = threading.Lock()
        self._report = StackStart(runtime=self.runtime, is_up=False, seconds=0.0)

    @property
    def report(self) -> StackStart:
        """How the start went."""
        return self._report

    @property
    def services(self) -> tuple[str, ...]:
        """All services, those that the variant left stopped included: they can be started."""
        return tuple(self._target.processes)

    def endpoint(self, service: str, port: int) -> Endpoint:
        """Where the service's declared port answers; the same for the life of the stack, running or not."""
        declared = self._service(service).spec.port
        if declared != port:
            raise StackError(f"{service} has no port {port}; processes.{service}.port is {declared or 'not declared'}")
        return Endpoint(host=LOOPBACK, port=self._ports[service])

    def state(self, service: str) -> ServiceState:
        """The main process's state: created, running, paused or exited. Nothing restarts a process by itself."""
        found = self._service(service)
        return ServiceState(
            service=service,
            status=found.process.status,
            instance=f"{self._token}-{service}-{found.instance}",
            started_at=found.process.started_at,
            exit_code=found.process.exit_code,
            finished_at=found.process.finished_at,
        )

    def usage(self, service: str) -> Usage:
        """Memory and processor time of everything the service runs."""
        return self._service(service).process.usage()

    def stop(self, service: str) -> None:
        """Its stop signal to the main process, the declared grace period, SIGKILL to everything it started."""
        with self._held(service) as found:
            found.process.stop()

    def start(self, service: str) -> None:
        """Start it again on the same port with the same state; nothing happens where it runs."""
        with self._held(service) as found:
            found.process.start()

    def pause(self, service: str) -> None:
        """SIGSTOP to everything the service runs; its connections stay open and hang."""
        with self._held(service) as found:
            found.process.pause()

    def unpause(self, service: str) -> None:
        """SIGCONT to everything the service runs."""
        with self._held(service) as found:
            found.process.unpause()

    def signal(self, service: str, signal: str) -> None:
        """Send a signal, by name with or without ``SIG``, to the main process."""
        number = _signal(signal)
        with self._held(service) as found:
            found.process.send(number)

    def signal_past_engine(self, service: str, signal: str, *, everyone: bool = False) -> None:
        """Send a signal: nothing here restarts a process, so a death looks the same to everybody."""
        number = _signal(signal)
        with self._held(service) as found:
            found.process.send(number, everyone=everyone)

    def containers(self, service: str) -> tuple[Container, ...]:  # noqa: ARG002  # the protocol's
        """There are none.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(Capability.INSPECT, runtime=self.runtime, hint="run with --readiness-runtime=compose")

    def replica_endpoints(self, service: str, port: int) -> Mapping[str, Endpoint]:  # noqa: ARG002  # the protocol's
        """A service is one process here."""
        raise self._one_replica()

    def replace(self, service: str, container: str) -> None:  # noqa: ARG002  # the protocol's
        """A service is one process here."""
        raise self._one_replica()

    def kill(self, service: str, container: str) -> None:  # noqa: ARG002  # the protocol's
        """A service is one process here."""
        raise self._one_replica()

    def update(self, service: str) -> None:  # noqa: ARG002  # the protocol's
        """A service is one process here."""
        raise self._one_replica()

    def is_updated(self, service: str) -> bool:  # noqa: ARG002  # the protocol's
        """A service is one process here."""
        raise self._one_replica()

    def _one_replica(self) -> UnsupportedError:
        return UnsupportedError(Capability.SCALE, runtime=self.runtime, hint="run with --readiness-runtime=compose")

    def recreate(self, service: str) -> None:
        """Stop it and start a new instance: same port, same state (as a volume), empty home, temporary files and log."""
        with self._held(service) as found:
            found.process.stop()
            for part in ("home", "tmp"):
                _remove(found.folder / part)
                _make(found.folder / part)
            found.process.log.clear()
            found.instance += 1
            found.process.start()

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 1000) -> str:
        """What its processes wrote to standard output and error, by the time at which it arrived here."""
        return self._service(service).process.log.text(since=since, tail=tail)

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        """Run a command beside the service: same folder, variables, ports and files, but a process of its own.

        A command that cannot be executed ends with 127 or 126, as in a container. The output is both streams, the last
        MiB of them.

        Raises:
            StackError: it did not end in time; it has been ended.
        """
        found = self._service(service)
        marker = f"{self._run_id}/{self._token}/{service}/exec-{secrets.token_hex(4)}"
        launch = Launch(
            service=service,
            command=tuple(command),
            environment={**found.process.launch.environment, SERVICE_VARIABLE: marker},
            folder=self._target.folder,
            marker=marker,
        )
        done = _run(launch, work=self._work, seconds=timeout_seconds)
        if done is None:
            raise StackError(f"{command[0]} beside {service} still ran after {timeout_seconds:g} s")
        return done

    def throw_away_place(self, service: str, path: str) -> str:
        """Below this stack's own folder, as for :meth:`copy_out`.

        Raises:
            StackError: it is elsewhere.
        """
        return str(self._place_of(service, path))

    def copy_out(self, service: str, path: str, to: Path) -> None:
        """From a folder of this stack's, mostly below the service's ``{state}``, which may stand in ``path``.

        Raises:
            StackError: it is elsewhere, is none, or holds what is not carried.
        """
        place = self._place_of(service, path)
        if not place.is_dir():
            raise StackError(f"{path} of {service} is no folder")
        _carry(place, to)

    def copy_in(self, service: str, source: Path, path: str) -> None:
        """Into such a folder; what is there and not in ``source`` stays.

        Raises:
            StackError: it is elsewhere, or cannot be written.
        """
        place = self._place_of(service, path)
        nearest = next(folder for folder in (place, *place.parents) if folder.exists())
        status = nearest.stat()
        _carry(source, place, owner=(status.st_uid, status.st_gid))

    def _place_of(self, service: str, path: str) -> Path:
        """The folder that a path of a service's means: only what is thrown away with the stack is carried."""
        self._service(service)
        own = self._folder / service / "state"
        places = Places(service=service, folder=self._target.folder, state=str(own), ports=self._ports)
        place = (own / expand(path, places)).resolve()
        if not place.is_relative_to(self._folder.resolve()):
            raise StackError(f"{path} of {service} is not below its throw-away directory")
        return place

    def run_beside(
        self,
        command: Sequence[str],  # noqa: ARG002  # the protocol's
        *,
        variables: Mapping[str, str],  # noqa: ARG002  # as above
        timeout_seconds: float,  # noqa: ARG002  # as above
    ) -> RanBeside:
        """There is no engine whose state it could read.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(Capability.BESIDE, runtime=self.runtime, hint="run with --readiness-runtime=compose")

    def run_owners(
        self,
        command: Sequence[str],
        *,
        variables: Mapping[str, str],
        timeout_seconds: float,
        directories: Sequence[str] = (),
        cwd: str = "",
        stdin: str = "",
        also_ports: Sequence[int] = (),
    ) -> RanBeside:
        """Run it confined; the ports that the services declare are this stack's, and there is no engine.

        Raises:
            StackError: this machine has no ``unshare``, or the run's folder cannot be written.
        """
        return run_owners(
            command,
            folder=Path(os.path.abspath(self._target.folder)),  # noqa: PTH100  # by the name that scripts have for it
            run_id=self._run_id,
            work=self._folder,
            project=self._token,
            variables=variables,
            own=OwnersWords(),
            kept={name: self.owners_directory(name) for name in directories},
            cwd=cwd,
            stdin=stdin,
            engine=None,
            ports={**of_this_machine(also_ports), **self._owners_ports()},
            timeout_seconds=timeout_seconds,
        )

    def owners_directory(self, directory: str) -> Path:
        """Beside the services' own folders, none of which can be called so."""
        return kept_folder(self._folder / ".owners", directory)

    def _owners_ports(self) -> dict[int, Callable[[], Endpoint]]:
        """Declared ports, and those in force, which variables may name."""
        here = of_this_machine(tuple(self._ports.values()))
        declared = {spec.port: here[self._ports[name]] for name, spec in self._target.processes.items() if spec.port}
        return {**here, **declared}

    def environment(self, service: str) -> Mapping[str, str]:
        """The variables in force, the few that every command gets included."""
        return dict(self._service(service).process.launch.environment)

    def keep(self) -> tuple[str, ...]:
        """Let the stack outlive this process (``--readiness-keep``); afterwards this object can do nothing to it any more.

        Returns:
            How to reach each port, where the logs go on, and the command that removes everything.

        Raises:
            StackError: that command's script cannot be written.
        """
        with self._closing:
            self._cancel()
            kept = [service.process.keep(self._folder / name / "log") for name, service in self._services.items()]
            self._services.clear()
            self._lease.close()
        leaders = [leader for leader in kept if leader is not None]
        script = self._folder / "remove.sh"
        try:
            script.write_text(removal_script(leaders, run_id=self._run_id, folder=self._folder), encoding="utf-8")
        except OSError as error:
            raise StackError(f"the script that removes the kept stack cannot be written: {error}") from error
        reach = [
            f"{name}: {LOOPBACK}:{port} (declared as {self._target.processes[name].port})"
            for name, port in self._ports.items()
        ]
        return (*reach, f"logs: {self._folder}/*/log", f"remove: sh {shlex.quote(str(script))}")

    def close(self) -> None:
        """End everything, remove the state, give the ports back; idempotent.

        Raises:
            StackError: a process would not die, or a file could not be removed.
        """
        with self._closing:
            if self._cancelled.is_set() and not self._services:
                return  # kept
            self._cancel()
            problems = self._end_processes()
            if problems:
                raise StackError(f"the stack could not be removed whole: {'; '.join(problems)}")
            _remove(self._folder)
            self._lease.close()

    def bring_up(self, failed: Mapping[str, str], *, progress: Progress, build_seconds: float) -> None:
        """Start all services and report; ``failed`` holds what failed installations printed.

        Raises:
            StackError: the machine has no port, no space or no right for it.
        """
        began = time.monotonic()
        self._prepare()
        started = [name for name in order(self._target.processes) if name not in self._variant.stopped]
        for name, output in failed.items():
            self._services[name].settle(Outcome(install=output))
        patience = self._patience(started)
        progress(f"{', '.join(started)} to become ready", at_most_seconds=patience)
        threads = [
            threading.Thread(
                target=self._bring_up_one, args=(self._services[name],), daemon=True, name=f"readiness-{name}"
            )
            for name in started
            if name not in failed
        ]
        for thread in threads:
            thread.start()
        # Never without a bound: a hostile answer could trickle into one look for ever.
        give_up = time.monotonic() + patience + 2 * ASK_SECONDS
        for thread in threads:
            thread.join(max(0.0, give_up - time.monotonic()))
        starts = describe([self._services[name].seen() for name in started])
        self._report = StackStart(
            runtime=self.runtime,
            # Without waiting, nothing is required to be ready yet.
            is_up=all(s.is_ready if self._variant.wait else s.cause is None for s in starts),
            seconds=time.monotonic() - began + build_seconds,
            build_seconds=build_seconds,
            services=starts,
            changes=tuple(self._changes()),
        )

    def _prepare(self) -> None:
        """Ports, directories and launches of all services."""
        try:
            self._folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
            for name, spec in self._target.processes.items():
                if spec.port is not None:
                    self._ports[name] = self._lease.take()
                folder = self._folder / name
                folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
                for part in ("state", "home", "tmp"):
                    _make(folder / part)
                for path in spec.state:
                    _copy(Path(self._target.folder) / path, folder / "state" / path)
        except OSError as error:
            raise StackError(f"no place for the stack's files: {error}") from error
        for name, spec in self._target.processes.items():
            launch = self._launch(name, spec)
            process = Supervised(launch, work=self._work)
            self._services[name] = _Service(name=name, spec=spec, folder=self._folder / name, process=process)

    def _launch(self, name: str, spec: ProcessSpec) -> Launch:
        folder = self._folder / name
        places = Places(service=name, folder=self._target.folder, state=str(folder / "state"), ports=self._ports)
        marker = f"{self._run_id}/{self._token}/{name}"
        return Launch(
            service=name,
            command=tuple(expand(text, places) for text in spec.command),
            environment={
                **_base_environment(home=folder / "home", tmp=folder / "tmp", run_id=self._run_id, marker=marker),
                **{key: expand(value, places) for key, value in spec.env.items()},
                **self._target.environment.get(name, {}),
                **self._variant.environment.get(name, {}),
            },
            folder=self._target.folder,
            marker=marker,
            stop_signal=signal.Signals[spec.stop_signal],
            grace_seconds=spec.stop_grace_seconds,
        )

    def _changes(self) -> list[Change]:
        """What differs from starting the commands by hand."""
        ports = [
            Change(
                service=name,
                what=f"port {spec.port} is a free port of {LOOPBACK}",
                why="the audit meets nothing of yours, and nothing beyond this machine meets the audit",
            )
            for name, spec in self._target.processes.items()
            if spec.port is not None
        ]
        states = [
            Change(service=name, what=f"{path} is a copy", why="your own data is never written to")
            for name, spec in self._target.processes.items()
            for path in spec.state
        ]
        everywhere = Change(
            service="",
            what="variables are those declared, with PATH, LANG, HOME and TMPDIR",
            why="the audit's own environment may hold secrets",
        )
        return [everywhere, *ports, *states]

    def _deadline(self, name: str) -> float:
        return self._target.deadlines.get(name, DEADLINE_SECONDS)

    def _patience(self, started: Sequence[str]) -> float:
        """The longest way through the services that wait for each other."""
        total: dict[str, float] = {}
        for name in started:
            before = [total.get(other, 0.0) for other in self._target.processes[name].after]
            total[name] = self._deadline(name) + max(before, default=0.0)
        return max(total.values(), default=0.0)

    def _bring_up_one(self, service: _Service) -> None:
        """Wait for what it needs, start it, wait until it is ready; always ends with a word on it."""
        try:
            service.settle(self._start_and_wait(service))
        except SpawnError as error:
            service.settle(Outcome(error=error))
        except (ReadinessError, OSError) as error:
            service.settle(Outcome(error=SpawnError(str(error), cause=FailureCause.UNKNOWN)))

    def _start_and_wait(self, service: _Service) -> Outcome:
        for need in service.spec.after:
            other = self._services[need]
            if need in self._variant.stopped:
                continue
            while not other.is_known.wait(POLL_SECONDS):
                if self._cancelled.is_set():
                    return Outcome()
            if other.outcome is None or not other.outcome.is_ready:
                return Outcome()
        began = time.monotonic()
        with service.lock:
            if self._cancelled.is_set():
                return Outcome()
            service.process.start()
        if not self._variant.wait and not self._is_awaited(service.name):
            return Outcome(is_awaited=False)
        return self._wait_until_ready(service, began)

    def _is_awaited(self, name: str) -> bool:
        return any(name in spec.after for spec in self._target.processes.values())

    def _wait_until_ready(self, service: _Service, began: float) -> Outcome:
        deadline = began + self._deadline(service.name)
        while not self._cancelled.is_set():
            trouble = self._look(service, began)
            seconds = time.monotonic() - began
            if trouble is None:
                return Outcome(is_ready=True, seconds=seconds)
            if service.process.status == "exited":
                return Outcome(seconds=seconds)
            if time.monotonic() >= deadline:
                return Outcome(seconds=seconds, unanswered=f"{trouble} (after {seconds:.3g} s)")
            self._cancelled.wait(POLL_SECONDS)
        return Outcome()

    def _look(self, service: _Service, began: float) -> str | None:
        """None where the service is ready, else what is missing."""
        spec = service.spec
        if service.process.status == "exited":
            is_one_shot = spec.port is None and service.process.exit_code == 0
            return None if is_one_shot else "it has ended"
        if spec.port is None:
            return None if time.monotonic() - began >= ALIVE_SECONDS else "it has just been started"
        entry = next((e for e in self._target.entries if e.service == service.name and e.port == spec.port), None)
        port = self._ports[service.name]
        try:
            if spec.ready is None:
                socket.create_connection((LOOPBACK, port), timeout=ASK_SECONDS).close()
                return None
            is_tls = entry is not None and entry.https
            status, body = _get(port, spec.ready, is_tls=is_tls, name=entry.server_name if entry is not None else None)
        except (OSError, http.client.HTTPException) as error:
            where = f"port {spec.port}" if spec.ready is None else f"GET {spec.ready}"
            return f"{where}: {type(error).__name__}: {error}"
        answer = f"GET {spec.ready}: {status} {body}"
        service.remember(answer)
        return None if 200 <= status < 400 else answer  # noqa: PLR2004  # 2xx and 3xx

    def _cancel(self) -> None:
        """From here on nobody starts or changes anything; whoever was about to has done so."""
        self._cancelled.set()
        for service in self._services.values():
            with service.lock:
                pass

    def _end_processes(self) -> list[str]:
        """Ask all at once, then end each with everything it started; what could not be ended."""
        problems = []
        running = [service.process for service in self._services.values()]
        for process in running:
            process.ask_to_stop()
        deadline = time.monotonic() + CLOSE_GRACE_SECONDS
        for process in running:
            process.wait(max(0.0, deadline - time.monotonic()))
        for process in running:
            try:
                process.close()
            except StackError as error:
                problems.append(str(error))
        # Commands that run beside a service, and whatever an interrupted start left without a record.
        prefix = f"{SERVICE_VARIABLE}={self._run_id}/{self._token}/"
        left = process_tree.kill(lambda: process_tree.marked(prefix, is_prefix=True))
        return problems + [f"process {process.pid} would not die" for process in left]

    def _service(self, name: str) -> _Service:
        if name not in self._services:
            raise StackError(f"no service {name!r} in this stack; there are {', '.join(self._services)}")
        return self._services[name]

    @contextlib.contextmanager
    def _held(self, name: str) -> Iterator[_Service]:
        """A service that nobody else changes meanwhile; none once the stack is closed."""
        service = self._service(name)
        with service.lock:
            if self._cancelled.is_set():
                raise StackError("this stack is closed")
            yield service


def _run(launch: Launch, *, work: Path, seconds: float) -> Completed | None:
    """Run a command to its end with a bound; None where it did not end by itself."""
    process = Supervised(launch, work=work)
    try:
        try:
            process.start()
        except SpawnError as error:
            code = NOT_EXECUTABLE if error.cause is FailureCause.PERMISSION else NOT_FOUND
            return Completed(exit_code=code, output=str(error))
        exit_code = process.wait(seconds)
        if exit_code is None:
            return None
        process.log.settle()
        return Completed(exit_code=exit_code, output=process.log.text(tail=1_000_000))
    finally:
        process.close()


def _base_environment(*, home: Path, tmp: Path, run_id: str, marker: str) -> dict[str, str]:
    """What every command gets; everything else must be declared."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(home),
        "TMPDIR": str(tmp),
        # Log lines appear when they are written, and the owner's folder gets no caches.
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        RUN_VARIABLE: run_id,
        SERVICE_VARIABLE: marker,
    }


def _get(port: int, path: str, *, is_tls: bool, name: str | None) -> tuple[int, str]:
    """Status and the beginning of the body of one GET; no redirect is followed."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_SECONDS)
    sock = socket.create_connection((LOOPBACK, port), timeout=ASK_SECONDS)
    try:
        if is_tls:
            # The certificate is the stack's own; whether it is a good one is judged elsewhere.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock, server_hostname=name or LOOPBACK)
        connection.sock = sock
        connection.request("GET", path, headers={"Host": name or f"{LOOPBACK}:{port}", "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(BODY_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()
        sock.close()


def _signal(name: str) -> signal.Signals:
    full = name if name.startswith("SIG") else f"SIG{name}"
    if full not in signal.Signals.__members__:
        raise StackError(f"{name!r} is no signal of this machine")
    return signal.Signals[full]


def _make(folder: Path) -> None:
    """A directory for the service alone; under root also for whoever the service becomes, behind a name nobody knows."""
    folder.mkdir()
    folder.chmod(0o1777 if os.geteuid() == 0 else 0o700)


def _copy(source: Path, copy: Path) -> None:
    """Copy a file or folder as it is, owners included; nothing where there is nothing yet."""
    if not source.exists():
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["cp", "-a", "--reflink=auto", "--", str(source), str(copy)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"{source} could not be copied: {done.stderr.strip()[:500]}")


def _carry(source: Path, to: Path, *, owner: tuple[int, int] | None = None) -> None:
    try:
        copy_tree(source, to, owner=owner)
    except OSError as error:
        raise StackError(f"{source} could not be copied: {error}") from error


def _remove(folder: Path) -> None:
    """Remove a directory of ours, also where its service took the right to do so away."""
    if not folder.exists():
        return
    try:
        with contextlib.suppress(PermissionError):
            shutil.rmtree(folder)
            return
        folder.chmod(0o700)
        for place, names, _ in os.walk(folder):
            for name in names:
                path = Path(place, name)
                if not path.is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(folder)
    except OSError as error:
        raise StackError(f"{folder} could not be removed: {error}") from error
