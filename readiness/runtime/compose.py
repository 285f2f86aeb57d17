"""The compose runtime: runs a safe copy of the owner's compose project, never the project itself."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.facts.start import StackStart
from readiness.runtime import (
    Capability,
    Completed,
    Endpoint,
    Progress,
    RanBeside,
    ServiceState,
    Variant,
    container_files,
)
from readiness.runtime.beside import ANSWER_SECONDS, run_beside
from readiness.runtime.compose_model import OwnersModel, resolve, stack_model
from readiness.runtime.compose_start import PROJECT_LABEL, SERVICE_LABEL, Launch, engine_words
from readiness.runtime.confine import FOLDER
from readiness.runtime.docker_doing import Copied
from readiness.runtime.engine import Commands, Engine, client_proxies, connect
from readiness.runtime.health_gap import longest_check_seconds, margin_seconds, seconds_to_next_check
from readiness.runtime.host_network import published_ports
from readiness.runtime.inspected import GRACE_SECONDS, container_of
from readiness.runtime.owners_commands import (
    CopysEngine,
    directory_inside,
    kept_folder,
    of_this_machine,
    run_owners,
)
from readiness.runtime.owners_mounts import OwnersMounts, shared_folders
from readiness.runtime.owners_words import Known, OwnersWords
from readiness.runtime.ports import LOOPBACK, PortLease
from readiness.runtime.reaper import LABEL_RUN, RUN_VARIABLE, Owner
from readiness.runtime.safe_copy import Host, SafeCopy, make_safe
from readiness.runtime.safe_files import LocalDisk, copy_files
from readiness.runtime.sidecar import signal_past_engine
from readiness.target import Target

if TYPE_CHECKING:
    import docker

__all__ = ["ComposeRuntime", "ComposeStack", "removal_command"]

UP_SECONDS = 3600.0
DOWN_SECONDS = 120.0
RECREATE_SECONDS = 120.0
LOG_BYTES = 1024 * 1024
OUTPUT_BYTES = 1024 * 1024
NUMBER_LABEL = "com.docker.compose.container-number"
#: Rounds of removing what ``down`` left; an ``up`` that was cut short may still be creating.
REMOVAL_ROUNDS = 20
#: An engine that has lost hold of a container answers nothing about it: no round is begun after so long.
REMOVAL_SECONDS = 90.0
#: On top of a health check's own times, before a container counts as never free of it.
GAP_SLACK_SECONDS = 5.0

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ComposeRuntime:
    """Starts stacks of one target's compose project.

    Args:
        target: the whole declaration.
        run_id: on everything that is created, as a label; lower case letters and digits.
        work: the run's own folder; copies of the owner's files and the safe models go there.
    """

    def __init__(self, target: Target, *, run_id: str, work: Path) -> None:
        self._target, self._run_id, self._work = target, run_id, work
        # The owner of what is created is the process that answers for the run, not one of its workers.
        self._owner = Owner.of(_controller()).describe()
        self._worker = _slug(os.environ.get("PYTEST_XDIST_WORKER", ""))
        self._owners: OwnersModel | None = None
        self._stacks: list[ComposeStack] = []
        self._started = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """``compose``."""
        return "compose"

    def model(self) -> StackModel:
        """The owner's model, as declared; needs no engine.

        Raises:
            ConfigError: compose cannot read it; in compose's words, with file and line where they can be told.
        """
        owners = self._resolve()
        return stack_model(owners.model, files=owners.files, gaps=owners.gaps)

    def start(self, variant: Variant, *, progress: Progress) -> ComposeStack:
        """Start a safe copy and wait for it; a target that does not come up is reported, not raised.

        Raises:
            ConfigError: the compose files cannot be read.
            StackError: no engine answers, or this machine has no room.
        """
        owners = self._resolve()
        client, engine = connect()
        with self._lock:
            self._started += 1
            number = self._started
        parts = ["readiness", _slug(self._run_id), self._worker, _slug(variant.name), str(number) if number > 1 else ""]
        project = "-".join(part for part in parts if part)
        stack = _kind_of(variant)(
            target=self._target,
            variant=variant,
            run_id=self._run_id,
            owner=self._owner,
            project=project,
            image_prefix="-".join(part for part in ("readiness", _slug(self._run_id), self._worker) if part),
            place=self._work / project,
            owners=owners,
            client=client,
            engine=engine,
        )
        with self._lock:
            has_images = any(not other.is_closed and other.is_launched for other in self._stacks)
            self._stacks.append(stack)
        stack.on_close = self._closed
        try:
            stack.launch(progress, built_before=has_images)
        except BaseException:
            stack.close()
            raise
        return stack

    def close(self) -> None:
        """Close every stack that is still open; idempotent."""
        for stack in list(self._stacks):
            stack.close()

    def _resolve(self) -> OwnersModel:
        with self._lock:
            if self._owners is None:
                commands = Commands(self._run_id, self._work)
                self._owners = resolve(
                    self._target, run_id=self._run_id, scratch=self._work / "model", commands=commands
                )
            return self._owners

    def _closed(self, stack: ComposeStack) -> None:
        """The last stack takes the images of this runtime with it; until then they serve the next variant."""
        with self._lock:
            is_last = all(other.is_closed for other in self._stacks)
        if is_last:
            stack.remove_images()


class ComposeStack:
    """A running safe copy. Made by :class:`ComposeRuntime`.

    Attributes:
        command_environment: variables for commands that work on this copy from outside (backup scripts):
            ``COMPOSE_PROJECT_NAME`` and ``COMPOSE_FILE`` of the copy, never of the owner's stack.
    """

    def __init__(
        self,
        *,
        target: Target,
        variant: Variant,
        run_id: str,
        owner: str,
        project: str,
        image_prefix: str,
        place: Path,
        owners: OwnersModel,
        client: docker.DockerClient,
        engine: Engine,
    ) -> None:
        self._target, self._variant, self._run_id = target, variant, run_id
        self._project, self._place, self._client = project, place, client
        self._image_prefix = image_prefix
        self._commands = Commands(run_id, place.parent)
        self._ports = PortLease()
        self._lock = threading.Lock()
        self._is_closed = False
        self._launch: Launch | None = None
        self._report: StackStart | None = None
        self.on_close: Callable[[ComposeStack], None] = _nothing
        self._safe: SafeCopy = make_safe(
            owners.model,
            target=target,
            variant=variant,
            run_id=run_id,
            owner=owner,
            project=project,
            image_prefix=image_prefix,
            place=str(place),
            disk=LocalDisk(),
            host=Host(
                cpus=engine.cpus,
                has_start_interval=engine.has_start_interval,
                home=str(Path.home()),
                take_port=self._ports.take,
                proxy_variables=client_proxies(),
            ),
        )
        self._own = OwnersWords.of(target)
        services: Mapping[str, Mapping[str, Any]] = owners.model.get("services") or {}
        self._fixed = {name: str(s["container_name"]) for name, s in services.items() if s.get("container_name")}
        self._published = published_ports(services)
        self._named_by_owner = owners.model
        own_folder = os.path.abspath(target.folder)  # noqa: PTH100  # as compose resolves it, links and all
        self._shared = shared_folders(services, self._safe.model.get("services", {}), folder=own_folder)
        self._changes = (*owners.changes, *self._safe.changes)
        self._file = place / "compose.json"
        self.command_environment: Mapping[str, str] = {
            "COMPOSE_PROJECT_NAME": project,
            "COMPOSE_FILE": str(self._file),
            RUN_VARIABLE: run_id,
        }

    @property
    def project(self) -> str:
        """The copy's project name."""
        return self._project

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` has been called."""
        return self._is_closed

    @property
    def is_launched(self) -> bool:
        """Whether its start has ended, well or not."""
        return self._report is not None

    @property
    def runtime(self) -> str:
        """``compose``."""
        return "compose"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything."""
        return frozenset(Capability)

    @property
    def report(self) -> StackStart:
        """How the start went."""
        if self._report is None:
            raise StackError("this stack was not started")
        return self._report

    @property
    def services(self) -> tuple[str, ...]:
        """The services of the copy; those that are refused are not in it."""
        return tuple(self._safe.model.get("services", {}))

    def launch(self, progress: Progress, *, built_before: bool) -> None:
        """Write the copy, start it and wait; called once, by the runtime.

        Raises:
            StackError: the machine, not the target, is at fault.
        """
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            # The model holds every secret in the clear, and its path stands in the command lines of compose.
            self._place.chmod(0o700)
            for copy in self._safe.copies:
                copy_files(copy)
            self._file.write_text(json.dumps(self._safe.model, indent=1), encoding="utf-8")
        except OSError as error:
            raise StackError(f"the copy cannot be written: {error}") from error
        self._launch = Launch(
            target=self._target,
            safe=self._safe,
            project=self._project,
            place=self._place,
            compose=self._compose(),
            client=self._client,
            commands=self._commands,
            endpoint=self.endpoint,
            progress=progress,
            stopped=self._variant.stopped,
            built_before=built_before,
            changes=self._changes,
        )
        self._report = self._launch.run(wait=self._variant.wait)

    def _start_again(self, services: Sequence[str]) -> tuple[str, ...]:
        """Stop and start services in this order and wait for them; those that did not become ready."""
        for service in services:
            self.stop(service)
            self.start(service)
        return self._launch.again(services) if self._launch is not None else ()

    def endpoint(self, service: str, port: int) -> Endpoint:
        """Where the container port answers; a pinned port is told also while the service is down.

        Raises:
            StackError: no such service, or its port is not reachable from here.
        """
        home = self._safe.network_of.get(service, service)
        pinned = self._safe.ports.get(home, {}).get(port)
        if pinned is not None:
            return Endpoint(host=LOOPBACK, port=pinned)
        return self._endpoint_of(service, self._inspect(home), port)

    def _endpoint_of(self, service: str, container: Mapping[str, Any], port: int) -> Endpoint:
        settings = container["NetworkSettings"]
        bindings = (settings.get("Ports") or {}).get(f"{port}/tcp") or []
        if bindings:
            return Endpoint(host=LOOPBACK, port=int(bindings[0]["HostPort"]))
        # Not published: on Linux the containers' own addresses are reachable from the machine that runs them.
        addresses = [str(net["IPAddress"]) for net in (settings.get("Networks") or {}).values() if net.get("IPAddress")]
        if not addresses:
            raise StackError(f"{service}: port {port} is not published, and the container has no address")
        return Endpoint(host=addresses[0], port=port)

    def state(self, service: str) -> ServiceState:
        """The service's state; of several replicas the first one's."""
        container = self._inspect(service)
        state = container["State"]
        is_over = state["Status"] in {"exited", "dead", "restarting"}
        return ServiceState(
            service=service,
            status=str(state["Status"]),
            instance=str(container["Id"]),
            started_at=str(state["StartedAt"]),
            health=(state.get("Health") or {}).get("Status"),
            exit_code=int(state["ExitCode"]) if is_over else None,
            restarts=int(container.get("RestartCount") or 0),
            finished_at=container_of(container, service=service).finished_at,
            is_oom_killed=bool(state.get("OOMKilled")),
        )

    def stop(self, service: str) -> None:
        """The container's stop signal, its grace period, then SIGKILL; all replicas."""
        for container in self._all(service):
            grace = container["Config"].get("StopTimeout")
            seconds = GRACE_SECONDS if grace is None else int(grace)
            # The SDK adds the grace period to its own timeout only when it is told.
            self._engine(f"stopping {service}", self._client.api.stop, container["Id"], timeout=seconds)

    def start(self, service: str) -> None:
        """Start what was stopped, all replicas; where none is there, as after a recreation that failed, make them.

        Raises:
            StackError: no such service, or it does not start.
        """
        if not (found := self._found(service)):
            self._create(service, failure=f"{service} had no container and got none")
        for container in found:
            self._engine(f"starting {service}", self._client.api.start, container["Id"])

    def _create(self, service: str, *, failure: str) -> None:
        """Create and start the replicas that are missing, without the service's dependencies."""
        done = self._cli("up", "--detach", "--no-deps", "--no-build", service, seconds=RECREATE_SECONDS)
        if not done.is_ok:
            raise StackError(f"{failure}: {done.stderr[-1000:] or 'not in time'}")

    def pause(self, service: str) -> None:
        """Freeze all replicas, each between two of its health checks: :mod:`readiness.runtime.health_gap` says why.

        Raises:
            StackError: no such moment came.
        """
        for container in self._all(service):
            if not container["State"].get("Paused"):
                self._await_gap(service, container)
                self._engine(f"pausing {service}", self._client.api.pause, container["Id"])

    def _await_gap(self, service: str, container: Mapping[str, Any]) -> None:
        """Wait until no health check of the container is under way or about to begin."""
        longest = longest_check_seconds(container) + GAP_SLACK_SECONDS
        deadline = time.monotonic() + longest
        while True:
            now = datetime.fromisoformat(self._engine("asking for the time", self._client.api.info)["SystemTime"])
            if seconds_to_next_check(container, now=now) > margin_seconds(container):
                return
            if time.monotonic() > deadline:
                raise StackError(
                    f"{service} cannot be frozen safely: its health check was under way for {longest:.0f} s"
                )
            time.sleep(0.05)
            container = self._engine(f"looking at {service}", self._client.api.inspect_container, container["Id"])

    def unpause(self, service: str) -> None:
        """Undo :meth:`pause`."""
        for container in self._all(service):
            if container["State"].get("Paused"):
                self._engine(f"unpausing {service}", self._client.api.unpause, container["Id"])

    def signal(self, service: str, signal: str) -> None:
        """Send a signal to PID 1 through the engine, which then counts the end as wanted: no restart policy applies."""
        container = self._inspect(service)
        self._engine(f"sending {signal} to {service}", self._client.api.kill, container["Id"], signal)

    def signal_past_engine(self, service: str, signal: str, *, everyone: bool = False) -> None:
        """Send a signal to PID 1 of the first replica by its number outside; the engine sees a crash.

        Args:
            service: whose.
            signal: its name.
            everyone: to all processes of the container, PID 1 first.

        Raises:
            StackError: it does not run.
            UnsupportedError: nothing of this stack can send it.
        """
        container = self._inspect(service)
        pid = int(container["State"].get("Pid") or 0)
        if not pid:
            raise StackError(f"{service} does not run: {container['State']['Status']}")
        # Twice, because one that was not stopped yet may have started another one meanwhile.
        for _ in range(2 if everyone else 1):
            self._signal_once(service, container, pid, signal, everyone=everyone)

    def _signal_once(
        self, service: str, container: Mapping[str, Any], pid: int, signal: str, *, everyone: bool
    ) -> None:
        others = [self._inspect(other)["Image"] for other in self.services if other != service]
        pids = [pid]
        if everyone:
            listed = self._engine(f"listing {service}", self._client.api.top, container["Id"], "-o pid")
            pids += [int(row[0]) for row in listed["Processes"] if int(row[0]) != pid]
        signal_past_engine(
            self._client,
            container=str(container["Id"]),
            pids=pids,
            signal=signal.removeprefix("SIG"),
            images=[str(container["Image"]), *map(str, others)],
            labels={LABEL_RUN: self._run_id, PROJECT_LABEL: self._project},
        )

    def containers(self, service: str) -> tuple[Container, ...]:
        """Every replica's settings in force and its state."""
        seen = []
        for container in self._all(service):
            image = self._engine(
                f"looking at the image of {service}", self._client.api.inspect_image, container["Image"]
            )
            volumes = tuple(sorted((image.get("Config") or {}).get("Volumes") or {}))
            seen.append(container_of(container, service=service, image_volumes=volumes))
        return tuple(seen)

    def replica_endpoints(self, service: str, port: int) -> Mapping[str, Endpoint]:
        """Where each running replica's container port answers: published, or at the container's own address."""
        found = {}
        for container in self._all(service):
            if container["State"]["Status"] == "running":
                found[str(container["Id"])] = self._endpoint_of(service, container, port)
        return found

    def replace(self, service: str, container: str) -> None:
        """One replica stopped and removed, and a new one created from the same definition; the others stay.

        Raises:
            StackError: there is no such replica, or no new one could be made.
        """
        old = self._replica(service, container)
        grace = old["Config"].get("StopTimeout")
        seconds = GRACE_SECONDS if grace is None else int(grace)
        self._engine(f"stopping {service}", self._client.api.stop, container, timeout=seconds)
        self._engine(f"removing {service}", self._client.api.remove_container, container, v=True)
        done = self._cli(
            "up", "--detach", "--no-deps", "--no-build", "--no-recreate", service, seconds=RECREATE_SECONDS
        )
        if not done.is_ok:
            raise StackError(f"{service} got no new replica: {done.stderr[-1000:] or 'not in time'}")

    def kill(self, service: str, container: str) -> None:
        """SIGKILL through the engine, so no restart policy applies."""
        self._replica(service, container)
        self._engine(f"killing {service}", self._client.api.kill, container, "SIGKILL")

    def update(self, service: str) -> None:
        """Compose has no rolling update.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"a rolling update of {service}", runtime="compose", hint="scaling: {engine: swarm} in readiness.yaml"
        )

    def is_updated(self, service: str) -> bool:
        """As :meth:`update`."""
        self.update(service)
        return False

    def _replica(self, service: str, container: str) -> dict[str, Any]:
        found = next((each for each in self._all(service) if each["Id"] == container), None)
        if found is None:
            raise StackError(f"{service} has no container {container[:12]}")
        return found

    def recreate(self, service: str) -> None:
        """A new container from the same definition, same ports and names, without touching its dependencies.

        Anonymous volumes are new too, as after ``down`` and ``up``.
        """
        self._need(service)
        # Removed first: where ``up`` recreates a container and renews its anonymous volumes, the old ones stay for ever.
        failure = f"{service} could not be recreated"
        done = self._cli("rm", "--stop", "--force", "--volumes", service, seconds=RECREATE_SECONDS)
        if not done.is_ok:
            raise StackError(f"{failure}: {done.stderr[-1000:] or 'not in time'}")
        self._create(service, failure=failure)

    def logs(self, service: str, *, since: datetime | None = None, tail: int = 1000) -> str:
        """The last lines of every replica, one replica after the other, both streams, without colours.

        ``tail`` holds for each; the bound of bytes holds for all, in equal shares.
        """
        containers = self._all(service)
        options: dict[str, Any] = {"tail": tail}
        if since is not None:
            moment = since if since.tzinfo else since.replace(tzinfo=UTC)
            options["since"] = moment.timestamp()
        kept = b""
        for container in containers:
            written = self._engine(f"reading the log of {service}", self._client.api.logs, container["Id"], **options)
            kept += bytes(written)[-(LOG_BYTES // len(containers)) :]
            if kept and not kept.endswith(b"\n"):
                kept += b"\n"  # one replica's unfinished line is not the begin of another one's
        return _ANSI.sub("", kept.decode("utf-8", "replace"))

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        """Run a command in the first replica's container.

        Raises:
            StackError: it did not end in time, or the container does not run.
        """
        container = self._inspect(service)
        api = self._client.api
        doing = f"running {command[0]} in {service}"
        created = self._engine(doing, api.exec_create, container["Id"], list(command))["Id"]
        with engine_words(doing):
            output = _read_frames(api, created, timeout_seconds=timeout_seconds)
        if output is None:
            raise StackError(f"{doing}: not ended after {timeout_seconds:g} s")
        code = self._engine(doing, api.exec_inspect, created)["ExitCode"]
        return Completed(exit_code=-1 if code is None else int(code), output=output)

    def throw_away_place(self, service: str, path: str) -> str:
        """Whatever a container can write is its copy's own: folders of this machine are copied, or mounted to be read."""
        self._inspect(service)
        return path

    def copy_out(self, service: str, path: str, to: Path) -> None:
        """From the first replica's container, running or not.

        Raises:
            StackError: there is no such folder, or it holds what is not carried.
        """
        container_files.copy_out(self._commands, self._inspect(service), path, to, cwd=self._place)

    def copy_in(self, service: str, source: Path, path: str) -> None:
        """Into the first replica's container, running or not; what is there and not in ``source`` stays.

        Raises:
            StackError: it cannot be written, as on a read-only disk.
        """
        container_files.copy_in(self._commands, self._inspect(service), source, path, cwd=self._place)

    def run_beside(self, command: Sequence[str], *, variables: Mapping[str, str], timeout_seconds: float) -> RanBeside:
        """Run it confined; the docker command that it sees reads this copy.

        Raises:
            StackError: this machine has no ``unshare``, or the run's folder cannot be written.
        """
        return run_beside(
            command,
            folder=Path(self._target.folder),
            run_id=self._run_id,
            work=self._place.parent,
            project=self._project,
            variables=variables,
            own=self._own,
            fixed_names=self._fixed,
            containers=self._known,
            compose=lambda words: self._cli(*words, seconds=ANSWER_SECONDS),
            timeout_seconds=timeout_seconds,
        )

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
        """Run it confined; its docker command and the ports that the owner publishes are this copy's.

        Raises:
            StackError: this machine has no ``unshare``, or the run's folder cannot be written.
        """
        folder = Path(os.path.abspath(self._target.folder))  # noqa: PTH100  # by the name that scripts have for it
        kept = {name: self.owners_directory(name) for name in directories}
        places = tuple(directory_inside(name, folder=folder) for name in directories)
        mounts = OwnersMounts(
            stack=self, shared=self._shared, place=self._place / f"shared-{secrets.token_hex(4)}", hidden=places
        )
        with mounts:
            done = run_owners(
                command,
                folder=folder,
                run_id=self._run_id,
                work=self._place,
                project=self._project,
                variables=variables,
                own=self._own,
                kept=kept,
                cwd=cwd,
                stdin=stdin,
                engine=CopysEngine(
                    copied=lambda: self._copied((FOLDER, "/tmp", *places, *mounts.bound)),  # noqa: S108  # the program's
                    compose=lambda words, seconds: self._cli(*words, seconds=seconds),
                    labels={LABEL_RUN: self._run_id, PROJECT_LABEL: self._project},
                ),
                ports={**of_this_machine(also_ports), **self._owners_ports()},
                timeout_seconds=timeout_seconds,
                mounts=mounts,
            )
        return dataclasses.replace(done, lacked=(*done.lacked, *mounts.troubles))

    def owners_directory(self, directory: str) -> Path:
        """Beside the copy's own files."""
        return kept_folder(self._place / "owners", directory)

    def _owners_ports(self) -> dict[int, Callable[[], Endpoint]]:
        """Ports of this machine, as the owner's stack publishes them -> where the copy's answer."""

        def leads_to(service: str, port: int) -> Callable[[], Endpoint]:
            return lambda: self.endpoint(service, port)

        return {
            port: leads_to(*place)
            for port, place in self._published.items()
            if place[0] in self._safe.model.get("services", {})
        }

    def _copied(self, places: tuple[str, ...]) -> Copied:
        """What of this copy an owner's program may name at this moment."""
        chosen = {"label": f"{PROJECT_LABEL}={self._project}"}
        with engine_words("looking for the copy's volumes and networks"):
            volumes = self._client.api.volumes(filters=chosen).get("Volumes") or []
            networks = self._client.api.networks(filters=chosen)
        return Copied(
            project=self._project,
            containers=self._known(),
            volumes=tuple(self._own.known("volumes", one, self._named_by_owner) for one in volumes),
            networks=tuple(self._own.known("networks", one, self._named_by_owner) for one in networks),
            images=self._target.images,
            places=places,
        )

    def _known(self) -> tuple[Known, ...]:
        """The containers of this copy, by every name that the engine and the owner have for them."""
        chosen = {"label": f"{PROJECT_LABEL}={self._project}"}
        with engine_words("looking for the copy's containers"):
            found = self._client.api.containers(all=True, filters=chosen)
        known = []
        for one in found:
            labels, full = one.get("Labels") or {}, str(one["Id"])
            service = str(labels.get(SERVICE_LABEL, ""))
            number = str(labels.get(NUMBER_LABEL, "1"))
            owners = self._own.names_of(service, number, self._fixed.get(service, "")) if service else ()
            known += [
                Known(name=n.lstrip("/"), ids=(full, full[:12]), owners=owners, service=service, number=number)
                for n in one["Names"]
            ]
        return tuple(known)

    def environment(self, service: str) -> Mapping[str, str]:
        """The variables in force in the first replica's container, the image's included."""
        pairs = (str(entry).partition("=") for entry in self._inspect(service)["Config"].get("Env") or [])
        return {name: value for name, _, value in pairs}

    def keep(self) -> tuple[str, ...]:
        """Let the stack outlive this process (``--readiness-keep``); afterwards :meth:`close` does nothing.

        Returns:
            How to reach each pinned port, and the command that removes everything.
        """
        with self._lock:
            self._is_closed = True
        reach = [
            f"{service}: {LOOPBACK}:{pinned} (container port {port})"
            for service, ports in sorted(self._safe.ports.items())
            for port, pinned in sorted(ports.items())
        ]
        self._ports.close()
        self._client.close()
        return (*reach, f"remove: {removal_command(self._project, run_id=self._run_id, place=self._place)}")

    def close(self) -> None:
        """Remove the copy's containers, networks, volumes, files and ports; idempotent.

        Raises:
            StackError: something could not be removed; says what. The run's reaper tries again.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._commands.end_all()
        try:
            with contextlib.suppress(StackError):
                # Without the file: what is removed is what bears the project's name, not what a file says.
                command = ["docker", "compose", "-p", self._project, "down", "--volumes", "--remove-orphans"]
                self._commands.run(
                    [*command, "--timeout", "0"],
                    cwd=self._place.parent,
                    timeout_seconds=DOWN_SECONDS,
                    environment=_plain_compose(),
                )
            left = self._remove_rest()
            self.on_close(self)
        finally:
            shutil.rmtree(self._place, ignore_errors=True)
            self._ports.close()
            self._client.close()
        if left:
            raise StackError(f"the stack {self._project} left behind: {', '.join(left)}")

    def remove_images(self) -> None:
        """Remove the images that were built under this runtime's own names."""
        with contextlib.suppress(StackError), engine_words("removing images"):
            for image in self._client.images.list(filters={"label": f"{LABEL_RUN}={self._run_id}"}):
                tags = [tag for tag in image.tags if tag.startswith(f"{self._image_prefix}-")]
                for tag in tags:
                    with contextlib.suppress(StackError), engine_words(f"removing {tag}"):
                        self._client.images.remove(tag, force=True)

    def _remove_rest(self) -> list[str]:
        """Remove what bears the project's label until nothing does; what then is left."""
        left: list[str] = []
        deadline = time.monotonic() + REMOVAL_SECONDS
        for _ in range(REMOVAL_ROUNDS):
            if time.monotonic() > deadline:
                break
            try:
                left = self._remove_once()
            except StackError as error:
                left = [str(error)]
            if not left:
                return []
            time.sleep(0.25)
        return left

    def _remove_once(self) -> list[str]:
        """One round of removal; what was there."""
        api, chosen = self._client.api, {"label": f"{PROJECT_LABEL}={self._project}"}
        with engine_words("looking for leftovers"):
            containers = [str(c["Id"]) for c in api.containers(all=True, filters=chosen)]
            networks = [str(n["Id"]) for n in api.networks(filters=chosen)]
            volumes = [str(v["Name"]) for v in api.volumes(filters=chosen).get("Volumes") or []]
        for identity in containers:
            with contextlib.suppress(StackError), engine_words("removing a container"):
                api.remove_container(identity, force=True, v=True)
        for identity in networks:
            with contextlib.suppress(StackError), engine_words("removing a network"):
                api.remove_network(identity)
        for identity in volumes:
            with contextlib.suppress(StackError), engine_words("removing a volume"):
                api.remove_volume(identity, force=True)
        return [*containers, *networks, *volumes]

    def _compose(self) -> Any:
        """The starter of testcontainers, held to our project name, our file and bounded commands."""
        # Read when testcontainers is imported: no Ryuk (the reaper does its work), and ports where they are published.
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
        os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        from testcontainers.compose import DockerCompose  # noqa: PLC0415

        compose = DockerCompose(str(self._place), compose_file_name=[str(self._file)], wait=False, build=False)
        # It has no option for the project name; the command is a cached property. No .env of any folder is read.
        own = ["docker", "compose", "-p", self._project, "--env-file", os.devnull]
        compose.__dict__["compose_command_property"] = [*own, *compose.compose_command_property[2:]]

        def run(cmd: list[str], context: str | None = None) -> subprocess.CompletedProcess[bytes]:
            done = self._commands.run(
                cmd, cwd=Path(context or self._place), timeout_seconds=UP_SECONDS, environment=_plain_compose()
            )
            out, err = done.stdout.encode(), done.stderr.encode()
            if not done.is_ok:
                code = -1 if done.exit_code is None else done.exit_code
                raise subprocess.CalledProcessError(code, cmd, output=out, stderr=err)
            return subprocess.CompletedProcess(cmd, 0, out, err)

        compose.__dict__["_run_command"] = run
        return compose

    def _cli(self, *arguments: str, seconds: float) -> Any:
        own = ["docker", "compose", "-p", self._project, "--env-file", os.devnull, "-f", str(self._file)]
        return self._commands.run(
            [*own, *arguments], cwd=self._place, timeout_seconds=seconds, environment=_plain_compose()
        )

    def _need(self, service: str) -> None:
        if service not in self._safe.model.get("services", {}):
            raise StackError(f"{service} is not a service of this stack; it has {', '.join(self.services)}")

    def _all(self, service: str) -> list[dict[str, Any]]:
        """Every replica's inspection, by number.

        Raises:
            StackError: no such service, or it has no container.
        """
        if not (found := self._found(service)):
            raise StackError(f"{service} has no container in {self._project}")
        return found

    def _found(self, service: str) -> list[dict[str, Any]]:
        """As :meth:`_all`, but nothing where there is no container."""
        self._need(service)
        chosen = {"label": [f"{PROJECT_LABEL}={self._project}", f"{SERVICE_LABEL}={service}"]}
        with engine_words(f"looking for {service}"):
            listed = self._client.api.containers(all=True, filters=chosen)
            found = []
            for summary in listed:
                if summary["Labels"].get("com.docker.compose.oneoff") != "True":
                    with contextlib.suppress(_not_found()):  # a replica that its engine has just replaced
                        found.append(self._client.api.inspect_container(summary["Id"]))
        return sorted(found, key=lambda c: int(c["Config"]["Labels"].get("com.docker.compose.container-number", 1)))

    def _inspect(self, service: str) -> dict[str, Any]:
        return self._all(service)[0]

    def _engine(self, doing: str, call: Any, *arguments: Any, **options: Any) -> Any:
        with engine_words(doing):
            return call(*arguments, **options)


def removal_command(project: str, *, run_id: str, place: Path) -> str:
    """The shell command that removes a kept copy: what bears the project's name, the run's images, and the files."""
    down = f"docker compose -p {project} down --volumes --remove-orphans --rmi local"
    # Compose takes only images of its own naming for local ones; what was built for the run bears its label.
    images = f"docker image ls --quiet --filter label={LABEL_RUN}={run_id} | xargs -r docker image rm --force"
    return f"{down}; {images}; rm -rf {shlex.quote(str(place))}"


def _kind_of(variant: Variant) -> type[ComposeStack]:
    """The stack that such a variant needs."""
    if not variant.swarm:
        return ComposeStack
    from readiness.runtime.swarm_stack import SwarmStack  # noqa: PLC0415  # it builds on this module

    return SwarmStack


def _not_found() -> type[Exception]:
    import docker.errors  # noqa: PLC0415  # 0.2 s; never at import of this package

    return docker.errors.NotFound


def _nothing(stack: ComposeStack) -> None:
    """Nobody waits for the stack's end."""


def _read_frames(api: Any, execution: str, *, timeout_seconds: float) -> str | None:
    """Start an execution and read both its streams to their end; None where that does not come in time.

    The SDK's own reader takes the socket from under a buffered one: it can lose the first bytes, waits without bound
    and leaves the socket open.
    """
    import requests  # noqa: PLC0415
    import urllib3.exceptions  # noqa: PLC0415

    deadline = time.monotonic() + timeout_seconds
    data = bytearray()
    answer = api._post_json(  # noqa: SLF001  # the only way to ask without taking the connection over
        api._url("/exec/{0}/start", execution),  # noqa: SLF001  # as above
        data={"Detach": False, "Tty": False},
        stream=True,
        timeout=timeout_seconds,
    )
    with contextlib.closing(answer):
        api._raise_for_status(answer)  # noqa: SLF001  # as above
        try:
            while chunk := answer.raw.read(8192):
                data += chunk[: max(0, OUTPUT_BYTES - len(data))]
                if time.monotonic() > deadline:
                    return None
        except (requests.RequestException, TimeoutError, urllib3.exceptions.TimeoutError):
            return None
    return _demultiplexed(bytes(data)).decode("utf-8", "replace")


def _demultiplexed(data: bytes) -> bytes:
    """Both streams in the order of their frames: a byte for the stream, three of padding, four of length."""
    output = bytearray()
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "big")
        output += data[position + 8 : position + 8 + length]
        position += 8 + length
    return bytes(output)


def _plain_compose() -> dict[str, str]:
    """Settings of the caller's own compose must not change what is started or removed."""
    names = ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES", "COMPOSE_REMOVE_ORPHANS")
    return {name: "" for name in names if name in os.environ}


def _controller() -> int:
    """The process that answers for the run: of an xdist worker its controller, else this one."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
