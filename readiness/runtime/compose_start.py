"""Brings a safe copy up and watches it: images, volumes, ``compose up``, then every service until it is ready or lost.

Compose only creates and starts. Whether a service is ready is seen here, from the engine's states ten times a second
and from real requests, so that a stack that cannot come up is given up early and with everything that was seen.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readiness.exceptions import StackError
from readiness.facts.start import Change, FailureCause, ServiceStart, StackStart
from readiness.runtime import Endpoint, Progress
from readiness.runtime.compose_model import closure, needs_of, restart_policy, stack_model
from readiness.runtime.engine import Commands, Finished
from readiness.runtime.outreach import Confined, named_hosts, names_of_this_machine
from readiness.runtime.reaper import LABEL_OWNER, LABEL_RUN
from readiness.runtime.safe_copy import SafeCopy
from readiness.runtime.safe_files import write_archive
from readiness.runtime.start_report import (
    CRASH_LOOP_RESTARTS,
    HealthResult,
    Observed,
    is_tool_missing,
    judge,
    listening_ports,
)
from readiness.target import Entry, ProbeKind, Target

if TYPE_CHECKING:
    import docker

__all__ = ["PROJECT_LABEL", "SERVICE_LABEL", "Launch", "engine_words", "required_services"]

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"

POLL_SECONDS = 0.1
DEFAULT_DEADLINE_SECONDS = 120.0
#: A program without a health check that runs this long has got past its imports and its first connection.
SETTLED_SECONDS = 2.0
#: An engine begins to wait for the next start within milliseconds, on a busy machine within a second or two.
RESTART_SECONDS = 3.0
#: After a required service is lost, the others get this long to show their own trouble.
LAST_LOOK_SECONDS = 3.0
BUILD_SECONDS = 1800.0
PULL_SECONDS = 900.0
#: One probe of an entry; a longer answer is asked for again.
ANSWER_SECONDS = 5.0
#: Of one service's log.
LOG_BYTES = 256 * 1024
LOG_LINES = 400
#: Statuses by which a proxy says that what is behind it is not there yet.
NOT_YET = frozenset({502, 503, 504})
#: ``up`` gives up everything when one service fails; those that do not need it are started again without it.
ROUNDS = 4

#: How the engine writes a moment that never came.
_NEVER = "0001-"
#: The machine is at fault, not the target.
_MACHINE = (
    "non-overlapping ipv4 address pool", "no space left on device", "cannot connect to the docker daemon",
    "is the docker daemon running",
    # Every port that is published is one that we chose: somebody took it in between.
    "address already in use", "port is already allocated",
)  # fmt: skip


@contextlib.contextmanager
def engine_words(doing: str) -> Iterator[None]:
    """Turn the SDK's and the connection's errors into ours, saying what was being done.

    Raises:
        StackError: the engine refused, or does not answer.
    """
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415

    try:
        yield
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise StackError(f"{doing}: {error}") from error


def required_services(target: Target, services: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The services without which nothing can be judged: what is asked and what that needs; all where nothing is said."""
    named = {target.service, *(entry.service for entry in target.entries)}
    named |= {probe.service for probe in target.probes.values()}
    return closure(services, (name for name in named if name is not None)) or set(services)


@dataclass(kw_only=True)
class _Seen:
    """What has been seen of one service so far; flags of the engine's that come and go are kept."""

    containers: list[dict[str, Any]] = field(default_factory=list)
    restarts: int = 0
    calm_restarts: int | None = None
    is_out_of_memory: bool = False
    exit_code: int | None = None
    health_results: tuple[HealthResult, ...] = ()
    running_since: dict[tuple[str, str], float] = field(default_factory=dict)
    first_running: float | None = None
    exited_since: float | None = None
    started_at: str = ""
    healthy_at: str = ""
    ready_at: float | None = None
    is_lost: bool = False

    @property
    def is_settled(self) -> bool:
        return self.is_lost or self.ready_at is not None


class _Wait:
    """Asks one URL until it answers as wanted, in a thread: a hanging target must not stop the watch."""

    def __init__(
        self, *, what: str, service: str, where: Callable[[], Endpoint], request: _Ask, wanted: frozenset[int] | None
    ) -> None:
        self.service, self._what, self._where, self._request, self._wanted = service, what, where, request, wanted
        self._end = threading.Event()
        self.passed = threading.Event()
        self._last = "no answer"
        self._thread = threading.Thread(target=self._run, name=f"readiness wait {what}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()

    def describe(self) -> str:
        return f"{self._what}: {self._last}"

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                status = self._request.status(self._where())
            except (OSError, StackError, ValueError) as error:
                # Kept beside a status seen earlier: an answer once given says more than the refusal after it.
                self._last = f"no answer ({type(error).__name__})" if self._last.startswith("no ") else self._last
            else:
                self._last = f"status {status}"
                if status in self._wanted if self._wanted is not None else status not in NOT_YET:
                    self.passed.set()
                    return
            self._end.wait(POLL_SECONDS)


@dataclass(frozen=True, kw_only=True)
class _Ask:
    """One GET over a bare socket: no pool, no redirects, no cookies, a few bytes read."""

    path: str
    is_https: bool
    server_name: str | None
    headers: tuple[tuple[str, str], ...]

    def status(self, where: Endpoint) -> int:
        """The status of the answer.

        Raises:
            OSError: nothing answered. ValueError: what answered is not HTTP.
        """
        host = self.server_name or f"{where.host}:{where.port}"
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {host}", "User-Agent: readiness-audit", "Accept: */*"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += ["Connection: close", "", ""]
        with socket.create_connection((where.host, where.port), timeout=ANSWER_SECONDS) as plain:
            stream: socket.socket = plain
            if self.is_https:
                # Whether the certificate is a good one is judged elsewhere; here only whether somebody is there.
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                stream = context.wrap_socket(plain, server_hostname=self.server_name or where.host)
            with contextlib.closing(stream):
                stream.sendall("\r\n".join(lines).encode("latin-1", "replace"))
                head = b""
                while b"\n" not in head and len(head) < 1024:  # noqa: PLR2004  # a status line is shorter
                    if not (received := stream.recv(256)):
                        break
                    head += received
        words = head.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):  # noqa: PLR2004  # version and status
            raise ValueError("not an HTTP answer")
        return int(words[1])


class Launch:
    """One start of one safe copy.

    Args:
        compose: testcontainers' ``DockerCompose`` bound to the copy's file and project.
        endpoint: where a service's container port is reachable.
    """

    def __init__(
        self,
        *,
        target: Target,
        safe: SafeCopy,
        project: str,
        place: Path,
        compose: Any,
        client: docker.DockerClient,
        commands: Commands,
        endpoint: Callable[[str, int], Endpoint],
        progress: Progress,
        stopped: Sequence[str],
        built_before: bool,
        changes: Sequence[Any],
    ) -> None:
        self._target, self._safe, self._project, self._place = target, safe, project, place
        self._compose, self._client, self._commands = compose, client, commands
        self._endpoint, self._progress, self._built_before = endpoint, progress, built_before
        self._services: dict[str, dict[str, Any]] = safe.model.get("services", {})
        self._stopped = frozenset(stopped)
        self._changes = tuple(changes)
        self._models = stack_model(safe.model).services
        self._required = required_services(target, self._services) - self._stopped
        self._seen = {name: _Seen() for name in self._services}
        self._waits: list[_Wait] = []
        self._subnets: tuple[str, ...] = ()
        self._build_logs: dict[str, str] = {}
        self._image_errors: dict[str, str] = {}
        self._problem = self._up_error = ""
        self._began = time.monotonic()
        self._build_seconds = 0.0
        self._up: _Up | None = None

    def run(self, *, wait: bool) -> StackStart:
        """Start everything; with ``wait`` until every service is ready or lost.

        Raises:
            StackError: the machine is at fault: no engine, no network left, no space.
        """
        self._began = time.monotonic()
        self._images()
        plan = self._startable()
        if self._required <= plan:
            self._seed()
            with contextlib.closing(_Waits(self._waits)):
                if wait:
                    self._http_waits()
                self._bring_up(plan, wait=wait)
        report = self._report()
        if wait:
            return report
        # Nothing was waited for, so nothing can be said to have failed.
        services = tuple(dataclasses.replace(s, cause=None, detail="", log_lines=()) for s in report.services)
        return dataclasses.replace(report, services=services, problem="")

    def again(self, names: Sequence[str]) -> tuple[str, ...]:
        """Wait for services that were started anew after :meth:`run`; those that did not become ready."""
        for name in names:
            self._seen[name] = _Seen()
        self._waits = []
        with contextlib.closing(_Waits(self._waits)):
            self._http_waits()
            self._watch(set(names), time.monotonic() + self._overall_seconds(set(names)))
        return tuple(name for name in names if self._seen[name].ready_at is None)

    # Images.

    def _images(self) -> None:
        built = sorted(set(self._safe.built) & set(self._services))
        if self._built_before:
            built = [name for name in built if not self._has_image(name)]
        if built:
            self._progress(f"building {len(built)} images", at_most_seconds=BUILD_SECONDS)
            began = time.monotonic()
            done = self._cli("build", *built, seconds=BUILD_SECONDS)
            if not done.is_ok:
                _machine_at_fault(done)
                # Which one failed is asked one by one: what does build is in the cache by now.
                for name in built:
                    done = self._cli("build", name, seconds=BUILD_SECONDS)
                    if not done.is_ok:
                        self._build_logs[name] = _both(done) or "the build did not end in time"
            self._build_seconds = time.monotonic() - began
        for name in self._services:
            if name not in self._safe.built and not self._has_image(name):
                self._obtain(name)

    def _has_image(self, name: str) -> bool:
        import docker.errors  # noqa: PLC0415

        with engine_words("asking for an image"):
            try:
                self._client.images.get(str(self._services[name]["image"]))
            except docker.errors.NotFound:
                return False
        return True

    def _obtain(self, name: str) -> None:
        image = str(self._services[name]["image"])
        if self._services[name].get("pull_policy") == "never":
            self._image_errors[name] = f"{image} is not on this machine, and it is never pulled"
            return
        self._progress(f"pulling {image}", at_most_seconds=PULL_SECONDS)
        done = self._cli("pull", "--quiet", name, seconds=PULL_SECONDS)
        if not done.is_ok:
            self._image_errors[name] = f"{image} cannot be pulled\n{_both(done)}"

    def _startable(self) -> set[str]:
        """The services whose own image and those of all that they need are there."""
        broken = {*self._build_logs, *self._image_errors}
        return {name for name in self._services if not closure(self._services, [name]) & broken}

    # Volumes.

    def _seed(self) -> None:
        """Fill volumes through a container that is never started: it keeps owners and needs no tool in the image."""
        from docker.types import Mount  # noqa: PLC0415

        for seed in self._safe.seeds:
            if seed.service not in self._startable():
                continue
            labels = self._safe.model["volumes"][seed.volume]["labels"]
            archive = self._place / "seed.tar"
            write_archive(Path(seed.source), archive, name="seed", is_empty=seed.is_empty)
            with engine_words(f"preparing the volume of {seed.service}"):
                volume = self._client.volumes.create(
                    f"{self._project}_{seed.volume}",
                    labels={**labels, PROJECT_LABEL: self._project, "com.docker.compose.volume": seed.volume},
                )
                container = self._client.api.create_container(
                    str(self._services[seed.service]["image"]),
                    command=["none"],
                    labels={LABEL_RUN: labels[LABEL_RUN], LABEL_OWNER: labels[LABEL_OWNER]},
                    host_config=self._client.api.create_host_config(
                        mounts=[Mount(target="/seed", source=volume.name, type="volume", no_copy=True)],
                        network_mode="none",
                    ),
                )["Id"]
                try:
                    with archive.open("rb") as data:
                        self._client.api.put_archive(container, "/", data)
                finally:
                    self._client.api.remove_container(container, force=True)
                    archive.unlink()

    # Up.

    def _bring_up(self, plan: set[str], *, wait: bool) -> None:
        plan = plan - self._stopped
        overall = self._began + self._overall_seconds(plan) + time.monotonic() - self._began
        self._progress(f"starting {len(plan)} services", at_most_seconds=overall - time.monotonic())
        for _ in range(ROUNDS):
            self._up = _Up(self._compose, sorted(plan))
            self._up.start()
            if not wait:
                self._await_creation(plan, overall)
                break
            self._watch(plan, overall)
            again = self._not_reached(plan)
            if not again:
                break
            plan = again
        if wait and self._stopped:
            self._cli("up", "--no-start", "--no-deps", *sorted(self._stopped & set(self._services)), seconds=60.0)

    def _watch(self, plan: set[str], overall: float) -> None:
        """Look until every service of the plan is settled, or further waiting teaches nothing."""
        lost_at: float | None = None
        told: frozenset[str] = frozenset()
        while time.monotonic() < overall:
            self._look()
            for name in plan:
                self._settle(name, plan)
            open_names = frozenset(name for name in plan if not self._seen[name].is_settled)
            if not open_names:
                return
            if open_names != told:
                told = open_names
                self._progress(f"waiting for {', '.join(sorted(told))}", at_most_seconds=overall - time.monotonic())
            assert self._up is not None  # noqa: S101  # _bring_up made it; tells the type checker
            if self._up.has_ended and not self._up.is_ok:
                _machine_at_fault(self._up.result)
                self._problem = self._up_error = _both(self._up.result)[-4000:]
                if not any(self._is_running(name) for name in open_names):
                    return
            if any(self._seen[name].is_lost for name in plan & self._required):
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > LAST_LOOK_SECONDS:
                    return
            time.sleep(POLL_SECONDS)

    def _not_reached(self, plan: set[str]) -> set[str]:
        """What compose left out because another service failed, although it does not need that one."""
        lost = {name for name in plan if self._seen[name].is_lost}
        if self._up is None or not self._up.has_ended or self._up.is_ok or not lost or lost & self._required:
            return set()
        fine = {name for name in plan if not closure(self._services, [name]) & lost}
        return fine if any(not self._seen[name].is_settled for name in fine) else set()

    def _await_creation(self, plan: set[str], overall: float) -> None:
        while time.monotonic() < overall:
            self._look()
            has_all = all(self._seen[name].containers for name in plan)
            if has_all or (self._up is not None and self._up.has_ended):
                return
            time.sleep(POLL_SECONDS)

    def _overall_seconds(self, plan: set[str]) -> float:
        """The longest chain of needs, each with its own deadline, and some room for the engine."""

        def longest(name: str, path: tuple[str, ...]) -> float:
            needs = [need for need in needs_of(self._services[name]) if need in plan and need not in path]
            return self._deadline(name) + max((longest(need, (*path, name)) for need in needs), default=0.0)

        return 30.0 + max((longest(name, ()) for name in plan), default=0.0)

    def _deadline(self, name: str) -> float:
        return self._target.deadlines.get(name, DEFAULT_DEADLINE_SECONDS)

    # Looking.

    def _look(self) -> None:
        """Read every container's state."""
        now = time.monotonic()
        with engine_words("reading the containers' states"):
            found: dict[str, list[dict[str, Any]]] = {}
            for summary in self._client.api.containers(all=True, filters={"label": f"{PROJECT_LABEL}={self._project}"}):
                name = summary["Labels"].get(SERVICE_LABEL)
                if name in self._seen and summary["Labels"].get("com.docker.compose.oneoff") != "True":
                    with contextlib.suppress(self._gone()):
                        found.setdefault(name, []).append(self._client.api.inspect_container(summary["Id"]))
        for name, seen in self._seen.items():
            seen.containers = sorted(found.get(name, []), key=lambda container: str(container["Name"]))
            for container in seen.containers:
                _remember(seen, container, now)

    def _gone(self) -> type[Exception]:
        import docker.errors  # noqa: PLC0415

        return docker.errors.NotFound

    def _settle(self, name: str, plan: set[str]) -> None:
        """Decide whether the service is ready, lost, or still on its way."""
        seen, now = self._seen[name], time.monotonic()
        states = [container["State"] for container in seen.containers]
        if not states:
            return
        if seen.is_lost and not all((state.get("Health") or {}).get("Status") == "healthy" for state in states):
            return
        is_ready = all(self._is_ready(name, container, now) for container in seen.containers)
        if is_ready and all(wait.passed.is_set() for wait in self._waits if wait.service == name):
            # One that was given up as unhealthy may yet have made it while the others were looked at.
            seen.ready_at, seen.is_lost = seen.ready_at or now, False
            return
        seen.ready_at = None
        policy = restart_policy(self._services[name])
        others_settled = all(self._seen[other].is_settled or self._seen[other].restarts for other in plan - {name})
        if others_settled and seen.calm_restarts is None:
            # Restarts while others were starting are how many stacks wait for each other.
            seen.calm_restarts = 0 if not plan - {name} else seen.restarts
        is_over_deadline = seen.first_running is not None and now - seen.first_running > self._deadline(name)
        is_crashing = seen.calm_restarts is not None and seen.restarts - seen.calm_restarts >= CRASH_LOOP_RESTARTS
        seen.is_lost = (
            is_over_deadline
            or is_crashing
            or any(state["Status"] == "dead" for state in states)
            or any(self._has_ended(name, state, policy, now) for state in states)
            or any(_is_unhealthy(state) for state in states)
            or is_tool_missing(seen.health_results)
            or any(state["Status"] == "created" and state.get("Error") for state in states)
        )

    def _has_ended(self, name: str, state: Mapping[str, Any], policy: str, now: float) -> bool:
        """Whether a program has ended that should run, and nobody is about to start it again.

        Between its end and the moment when the engine's restart policy applies it is *exited* like any other.
        """
        seen = self._seen[name]
        if state["Status"] != "exited" or self._may_end(name, state, policy):
            return False
        if policy == "no":
            return True
        seen.exited_since = seen.exited_since if seen.exited_since is not None else now
        return now - seen.exited_since > RESTART_SECONDS

    def _is_ready(self, name: str, container: dict[str, Any], now: float) -> bool:
        state = container["State"]
        health = (state.get("Health") or {}).get("Status")
        if state["Status"] == "exited":
            return state["ExitCode"] == 0 and not self._must_run(name)
        if state["Status"] != "running":
            return False
        if health not in {None, "none"}:
            return bool(health == "healthy")
        if any(wait.service == name for wait in self._waits):
            return True  # its answers tell, and the caller asks for them
        since = self._seen[name].running_since[container["Id"], state["StartedAt"]]
        # After each end it has to prove more.
        return now - since >= SETTLED_SECONDS * (1 + self._seen[name].restarts)

    def _must_run(self, name: str) -> bool:
        """Whether a program that ends with 0 has not done its job: somebody expects it to stay."""
        service = self._services[name]
        if restart_policy(service) in {"always", "unless-stopped"} or service.get("healthcheck"):
            return True
        return bool(service.get("ports")) or any(wait.service == name for wait in self._waits)

    def _may_end(self, name: str, state: Mapping[str, Any], policy: str) -> bool:
        """Whether this end is no loss. A restart policy that applies shows as restarting, not as exited."""
        return state["ExitCode"] == 0 and not self._must_run(name) and policy not in {"always", "unless-stopped"}

    def _is_running(self, name: str) -> bool:
        return any(c["State"]["Status"] in {"running", "restarting"} for c in self._seen[name].containers)

    # Asking.

    def _http_waits(self) -> None:
        """One wait per entry, and one for the ready probe."""
        for entry in self._target.entries:
            self._ask(entry, f"{entry.base}/")
        probe = self._target.probes.get(ProbeKind.READY)
        if probe is not None and self._target.entries:
            first = self._target.entries[0]
            place = (probe.service or first.service, probe.port or first.port)
            same = next((e for e in self._target.entries if (e.service, e.port) == place), None)
            # A port of its own is asked plainly: nothing is declared about it but the number.
            entry = same or Entry(name="probe", service=place[0], port=place[1])
            base = "" if probe.service else entry.base
            self._ask(entry, f"{base}{probe.path}", wanted=frozenset(probe.expect))

    def _ask(self, entry: Entry, path: str, *, wanted: frozenset[int] | None = None) -> None:
        if entry.service not in self._services or entry.service in self._stopped:
            return
        request = _Ask(
            path=path,
            is_https=entry.https,
            server_name=entry.server_name,
            headers=tuple(entry.headers.items()),
        )
        wait = _Wait(
            what=f"GET {path} on port {entry.port}",
            service=entry.service,
            where=lambda: self._endpoint(entry.service, entry.port),
            request=request,
            wanted=wanted,
        )
        self._waits.append(wait)
        wait.start()

    # The report.

    def _report(self) -> StackStart:
        with contextlib.suppress(StackError):
            self._look()
        ready = {name for name, seen in self._seen.items() if seen.ready_at is not None}
        is_up = bool(self._services) and self._required <= ready
        has_failed = ready != set(self._services) - self._stopped
        if has_failed:
            self._subnets = self._own_subnets()
        observed = [self._observed(name, has_failed=has_failed) for name in self._services]
        observed += [self._left_out(name) for name in self._safe.left_out]
        services = tuple(self._with_times(service) for service in judge(observed))
        problem = "" if any(one.cause not in {None, FailureCause.UNKNOWN} for one in services) else self._problem
        if not self._services:
            problem = "no service is left that can be run in a copy"
        return StackStart(
            runtime="compose",
            is_up=is_up,
            seconds=time.monotonic() - self._began,
            build_seconds=self._build_seconds,
            services=services,
            changes=self._changes,
            refused=(*self._safe.refused, *self._held_back(services)),
            problem=problem,
            up_error=self._up_error,
        )

    def _with_times(self, service: ServiceStart) -> ServiceStart:
        seen = self._seen.get(service.service, _Seen())
        return dataclasses.replace(service, started_at=seen.started_at, healthy_at=seen.healthy_at)

    def _held_back(self, services: Sequence[ServiceStart]) -> list[Change]:
        """What the owner can declare so that services start which fail because they may not reach out."""
        names = [one.service for one in services if one.beyond]
        supply = "egress:\n" + "\n".join(f"  - {name}" for name in sorted({*self._target.egress, *names}))
        why = "a copy may not reach beyond this machine"
        return [Change(service=name, what="not let out", why=why, supply=supply) for name in names]

    def _own_subnets(self) -> tuple[str, ...]:
        """Of the copy's networks; a container that has ended no longer tells its own."""
        with contextlib.suppress(StackError), engine_words("reading the networks"):
            found = self._client.api.networks(filters={"label": f"{PROJECT_LABEL}={self._project}"})
            plans = [plan for network in found for plan in (network.get("IPAM") or {}).get("Config") or []]
            return tuple(str(plan["Subnet"]) for plan in plans if plan.get("Subnet"))
        return ()

    def _confined(self, name: str) -> Confined | None:
        """What a service can reach that may not reach out."""
        if name not in self._safe.closed:
            return None
        service = self._services[name]
        return Confined(
            names=self._safe.names | set(names_of_this_machine(service.get("extra_hosts"))),
            subnets=self._subnets,
            hosts=named_hosts(service.get("environment") or {}),
        )

    def _observed(self, name: str, *, has_failed: bool) -> Observed:
        seen = self._seen[name]
        # Of several replicas the one that failed tells more.
        container = next((c for c in seen.containers if c["State"]["Status"] != "running"), None)
        container = container or (seen.containers[0] if seen.containers else None)
        state = container["State"] if container else {}
        is_ready = seen.ready_at is not None
        exit_code = state.get("ExitCode") if state.get("Status") in {"exited", "dead"} else None
        return Observed(
            service=name,
            state=str(state.get("Status", "absent")),
            is_ready=is_ready,
            seconds=None if seen.ready_at is None else round(seen.ready_at - self._began, 3),
            exit_code=exit_code if exit_code is not None else seen.exit_code,
            health=(state.get("Health") or {}).get("Status"),
            health_results=seen.health_results,
            health_check=self._models[name].health_check,
            restarts=seen.restarts,
            is_out_of_memory=seen.is_out_of_memory and not is_ready,
            engine_error=str(state.get("Error") or ""),
            build_log=self._build_logs.get(name, ""),
            image_error=self._image_errors.get(name, ""),
            log=self._log(container) if has_failed and container else "",
            needs=tuple(need for need in needs_of(self._services[name]) if need in self._services),
            image=self._image(name, container),
            listens_on=_listening(container) if container and not is_ready else (),
            unanswered=tuple(w.describe() for w in self._waits if w.service == name and not w.passed.is_set()),
            missing_mounts=self._safe.missing_mounts.get(name, ()),
            weakened=self._safe.weakened.get(name, ()),
            notes=tuple(c.what for c in self._changes if c.service == name and "env_file" in c.what),
            was_stopped=name in self._stopped,
            confined=self._confined(name),
        )

    def _left_out(self, name: str) -> Observed:
        reason = next((c.why for c in self._safe.refused if c.service == name and c.what == "not run"), "not run")
        return Observed(service=name, refused=reason)

    def _log(self, container: dict[str, Any]) -> str:
        try:
            with engine_words("reading a log"):
                text = self._client.api.logs(container["Id"], tail=LOG_LINES)
        except StackError as error:
            return str(error)
        return bytes(text)[-LOG_BYTES:].decode("utf-8", "replace")

    def _image(self, name: str, container: dict[str, Any] | None) -> str:
        tag = str(self._services[name]["image"])
        return f"{tag} {container['Image']}" if container else tag

    def _cli(self, *arguments: str, seconds: float) -> Finished:
        command = [*self._compose.compose_command_property, *arguments]
        return self._commands.run(command, cwd=self._place, timeout_seconds=seconds)


class _Waits:
    """All waits of a start, for ``contextlib.closing``."""

    def __init__(self, waits: Sequence[_Wait]) -> None:
        self._waits = waits

    def close(self) -> None:
        for wait in self._waits:
            wait.stop()


class _Up(threading.Thread):
    """``compose up`` beside the watch: it returns only when every dependency is healthy, or never."""

    def __init__(self, compose: Any, services: list[str]) -> None:
        super().__init__(name="readiness compose up", daemon=True)
        self._compose, self._services = compose, services
        self.result = Finished(exit_code=None, stdout="", stderr="")

    @property
    def has_ended(self) -> bool:
        return not self.is_alive()

    @property
    def is_ok(self) -> bool:
        return self.result.is_ok

    def run(self) -> None:
        self._compose.services = self._services
        try:
            self._compose.start()
        except subprocess.CalledProcessError as error:
            # An end by signal is no exit code: Commands says None, which the error cannot carry.
            code = error.returncode if error.returncode > 0 else None
            self.result = Finished(exit_code=code, stdout=_text(error.stdout), stderr=_text(error.stderr))
        except StackError as error:
            self.result = Finished(exit_code=1, stdout="", stderr=str(error))
        else:
            self.result = Finished(exit_code=0, stdout="", stderr="")


def _remember(seen: _Seen, container: dict[str, Any], now: float) -> None:
    state = container["State"]
    seen.restarts = max(seen.restarts, int(container.get("RestartCount") or 0))
    seen.is_out_of_memory = seen.is_out_of_memory or bool(state.get("OOMKilled"))
    if state["Status"] in {"exited", "restarting", "dead"}:
        seen.exit_code = int(state["ExitCode"])
    if state["Status"] != "exited":
        seen.exited_since = None
    if state["Status"] == "running":
        seen.first_running = seen.first_running if seen.first_running is not None else now
        seen.running_since.setdefault((container["Id"], state["StartedAt"]), now)
    if not str(state["StartedAt"]).startswith(_NEVER):
        # Of several replicas or starts the first one: who must come after it must come after all of them.
        started = _instant(state["StartedAt"])
        seen.started_at = min(seen.started_at or started, started)
    log = (state.get("Health") or {}).get("Log") or []
    if not seen.healthy_at and (state.get("Health") or {}).get("Status") == "healthy":
        passed = [_instant(entry["End"]) for entry in log if int(entry["ExitCode"]) == 0]
        seen.healthy_at = min(passed, default="")
    if log:
        seen.health_results = tuple(
            HealthResult(exit_code=int(entry["ExitCode"]), output=str(entry.get("Output") or "")[:4000])
            for entry in log
        )


def _is_unhealthy(state: Mapping[str, Any]) -> bool:
    """Whether the health check has given the service up; of one that waits for its restart an engine says so, too."""
    return state["Status"] == "running" and (state.get("Health") or {}).get("Status") == "unhealthy"


def _instant(moment: object) -> str:
    """A time of the engine's, of which some are UTC and some local, in one form that sorts."""
    return datetime.fromisoformat(str(moment)).astimezone(UTC).isoformat(timespec="microseconds")


def _listening(container: Mapping[str, Any]) -> tuple[int, ...]:
    """The ports that are listened on inside, seen from outside; empty where this user may not look."""
    pid = int(container["State"].get("Pid") or 0)
    ports: set[int] = set()
    for name in ("tcp", "tcp6") if pid else ():
        with contextlib.suppress(OSError):
            ports |= set(listening_ports(Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii", errors="replace")))
    return tuple(sorted(ports))


def _machine_at_fault(done: Finished) -> None:
    """Raise what no change of the target would cure.

    Raises:
        StackError: with the engine's words.
    """
    said = _both(done).lower()
    if found := next((word for word in _MACHINE if word in said), None):
        raise StackError(f"this machine cannot start the stack ({found}): {_both(done)[-1000:]}")


def _both(done: Finished) -> str:
    return os.linesep.join(part.strip() for part in (done.stdout, done.stderr) if part.strip())


def _text(output: object) -> str:
    return output.decode("utf-8", "replace") if isinstance(output, bytes) else str(output or "")
