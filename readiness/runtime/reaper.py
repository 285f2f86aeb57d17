"""Removes what a run leaves behind, however the run died, SIGKILL included.

A small guard process watches the run through a pipe whose other end only the run holds. When the run is gone it ends
the run's processes and removes the containers, networks, volumes, images and folders that bear the run's id, again and
again until nothing new appears: an orphaned ``compose up`` goes on creating. What even the guard could not clean (the
machine was switched off) the next run removes with :func:`reap_dead_runs`.

Standard library and the docker command only: the guard runs isolated from every installed package, starts in a few
hundredths of a second and shares no code with what may have crashed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "GATEWAY",
    "LABEL_OWNER",
    "LABEL_RUN",
    "RUN_VARIABLE",
    "SHARED_NETWORKS",
    "SWARM_BEGUN",
    "Handle",
    "Owner",
    "forget_process",
    "leave_swarm",
    "left_in_swarm",
    "reap_dead_runs",
    "register_process",
    "start_reaper",
    "sweep",
]

#: On every container, network, volume and image of a run.
LABEL_RUN = "io.readiness.run"
#: Who made it, as :meth:`Owner.describe` says; a run whose owner is proven dead is removed by the next one.
LABEL_OWNER = "io.readiness.owner"
#: In the environment of every command that a run starts, so that an orphan is known without any file.
RUN_VARIABLE = "READINESS_RUN_ID"

#: In the run's folder while the engine is making a swarm for it; says :data:`GATEWAY` where that was not there before.
SWARM_BEGUN = "swarm-begun"
#: The bridge of an engine in a swarm, which it leaves behind; a run that makes a swarm makes it first, with its label.
GATEWAY = "docker_gwbridge"
#: Networks on which containers have no names for each other; on all others an engine that leaves a swarm forgets them.
SHARED_NETWORKS = frozenset({"bridge", "host", "none", GATEWAY})

#: Marks a folder as a run's own; without it, holding the run's id, no folder is ever removed.
MARKER = ".readiness-run"
#: Rounds of the sweep: an orphaned build may need a while before the engine lets go.
ROUNDS = 60
#: Quiet rounds that prove that nothing creates any more.
CALM_ROUNDS = 3
ROUND_SECONDS = 1.0
#: For the run's processes to end by themselves before they are killed; the promise allows thirty.
PATIENCE_SECONDS = 4.0
#: Of one docker command; the engine is slow while it removes many things at once.
COMMAND_SECONDS = 60.0
#: Between two looks at the owner, where the pipe does not tell (a forked child keeps it open).
LOOK_SECONDS = 1.0
#: psutil and this module may compute a creation time from boot times that differ by a clock adjustment.
CREATION_TOLERANCE_SECONDS = 2.0

DONE, KEEP = b"done", b"keep"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process, known so precisely that its death can be proven.

    Attributes:
        started: its start as the kernel counts, so that a reused number is another process.
        boot, namespace, machine: where ``pid`` is valid; two runs in two containers may have the same number.
    """

    pid: int
    started: str
    user: int
    boot: str
    namespace: str
    machine: str

    @classmethod
    def of(cls, pid: int | None = None) -> Owner:
        """The process ``pid``, or this one."""
        number = os.getpid() if pid is None else pid
        return cls(
            pid=number,
            started=_started(number) or "",
            user=os.getuid(),
            boot=_text("/proc/sys/kernel/random/boot_id"),
            namespace=_link("/proc/self/ns/pid"),
            machine=_text("/etc/machine-id"),
        )

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read :meth:`describe`'s form, or None where it is not one."""
        parts = text.split("/")
        if len(parts) != len(dataclasses.fields(cls)) or not parts[0].isdecimal() or not parts[2].isdecimal():
            return None
        pid, started, user, boot, namespace, machine = parts
        return cls(pid=int(pid), started=started, user=int(user), boot=boot, namespace=namespace, machine=machine)

    def describe(self) -> str:
        """One line for a label or an argument."""
        return "/".join(str(value) for value in dataclasses.astuple(self))

    @property
    def is_provably_dead(self) -> bool:
        """Whether it cannot be running; false wherever that is not certain."""
        here = Owner.of()
        if self.user != here.user:
            return False
        if self.boot != here.boot:
            # Another boot of this machine ended it; another machine that shares this engine did not.
            return bool(self.machine and self.boot) and self.machine == here.machine
        if self.namespace != here.namespace:
            return False
        return _is_dead(self.pid, self.started)


@dataclass(kw_only=True)
class Handle:
    """A run's guard. Keep it for as long as the run lives: losing it is what the guard takes for the run's death."""

    run_id: str
    work: Path
    _descriptor: int | None
    _process: subprocess.Popen[bytes]

    def close(self, *, keep: bool = False, timeout_seconds: float = 60.0) -> None:
        """End the guard after a last sweep; idempotent. The run's work folder goes with it.

        Args:
            keep: leave everything where it is, also for later runs (``--readiness-keep``).
            timeout_seconds: how long the sweep may take before it goes on by itself.
        """
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if keep:
            # The guard does it too, but may have been killed; later runs would then remove what is to stay.
            _mark_kept(self.run_id)
        # A guard that was killed has left a broken pipe: the sweep is then done here.
        with contextlib.suppress(OSError):
            os.write(descriptor, KEEP if keep else DONE)
        os.close(descriptor)
        try:
            code: int | None = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return
        if code and not keep:
            _reap(self.run_id, self.work, calm_rounds=1)


def start_reaper(run_id: str, work: Path) -> Handle:
    """Start the guard of this process's run.

    Args:
        run_id: the value of :data:`LABEL_RUN` on everything that the run creates.
        work: the run's own folder; everything in it is removed at the end.
    """
    owner = Owner.of()
    (work / "pids").mkdir(parents=True, exist_ok=True)
    (work / MARKER).write_text(run_id, encoding="utf-8")
    _register(run_id, work, owner)
    reading, writing = os.pipe()  # neither end is inherited by later children
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), run_id, str(work), owner.describe()],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return Handle(run_id=run_id, work=work, _descriptor=writing, _process=process)


def register_process(work: Path, pid: int) -> None:
    """Note that ``pid`` belongs to the run, so that its process group dies with the run.

    The file ``pids/<pid>`` holds JSON: ``pid``, ``create_time`` (seconds since the epoch) and ``session``.
    """
    created = _create_time(pid)
    if created is None:
        return
    folder = work / "pids"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        session = os.getsid(pid)
    except ProcessLookupError:
        return
    entry = {"pid": pid, "create_time": created, "session": session}
    (folder / str(pid)).write_text(json.dumps(entry), encoding="utf-8")


def forget_process(work: Path, pid: int) -> None:
    """Undo :func:`register_process`: the process has ended and was waited for."""
    (work / "pids" / str(pid)).unlink(missing_ok=True)


def sweep(run_id: str) -> tuple[str, ...]:
    """Remove every container, network, volume and image of this run once.

    The services of a swarm of the run's go by :func:`leave_swarm`, or they would make their containers again.

    Returns:
        What was found, as ``"container 1f2e…"``; empty means that nothing is left. An engine that does not answer
        counts as a find, a machine without the docker command as clean.
    """
    if shutil.which("docker") is None:
        return ()
    chosen = ["--filter", f"label={LABEL_RUN}={run_id}"]
    found: list[str] = []
    for kind, listing, removal in (
        ("container", ["ps", "-aq", "--no-trunc"], ["rm", "-fv"]),  # also takes paused ones, and anonymous volumes
        ("network", ["network", "ls", "-q", "--no-trunc"], ["network", "rm"]),
        ("volume", ["volume", "ls", "-q"], ["volume", "rm", "-f"]),
        # By id: the label makes the id the run's alone, so no tag of anybody else can be on it.
        ("image", ["image", "ls", "-aq", "--no-trunc"], ["image", "rm", "-f"]),
    ):
        answer = _docker([*listing, *chosen])
        if answer is None:
            found.append(f"{kind}: the engine does not answer")
            continue
        # The bridge of a swarm goes with the swarm.
        spared: set[str] = set()
        if kind == "network" and answer.strip():
            try:
                spared = set(_gateways(*chosen))
            except _UnansweredError:
                found.append(f"{kind}: the engine does not answer")
                continue
        names = sorted(set(answer.split()) - spared)
        found += [f"{kind} {name}" for name in names]
        if names:
            _docker([*removal, *names])
    return tuple(found)


def leave_swarm(run_id: str, work: Path | None = None) -> tuple[str, ...]:
    """Take one step out of the swarm that this run has made of the engine; no swarm without its label is ever left.

    The services go first, then their containers, then the membership, then the bridge that the engine leaves behind. The
    membership stays for as long as containers run that know each other by name: leaving a swarm, the engine forgets the
    names of every container on every network, other projects' among them, until they are started anew (libnetwork's
    ``cleanupServiceDiscovery``; seen with engine 26.1).

    Args:
        run_id: the run.
        work: its folder, which tells whether the engine may be making a swarm for it just now.

    Returns:
        What was found, as :func:`sweep` does.
    """
    if shutil.which("docker") is None:
        return ()
    swarm = _swarm()
    if swarm is None:
        return ("swarm: the engine does not answer",)
    found: list[str] = []
    if _swarm_labels(swarm).get(LABEL_RUN) == run_id:
        found.append(_leave_swarm(run_id, f"swarm of {swarm.get('NodeID')}"))
    elif swarm.get("LocalNodeState") != "inactive" and work is not None and (work / SWARM_BEGUN).exists():
        found.append("swarm: being made")
    if swarm.get("LocalNodeState") != "inactive":
        return tuple(found)  # the engine would make another bridge, without a label
    has_made = work is not None and _text(str(work / SWARM_BEGUN)) == GATEWAY
    chosen = [] if has_made else ["--filter", f"label={LABEL_RUN}={run_id}"]
    try:
        bridges = _gateways(*chosen)
    except _UnansweredError as error:
        return (*found, f"swarm: {error} does not answer")
    if bridges:
        _docker(["network", "rm", *bridges])
    return (*found, *(f"network {name}" for name in bridges))


def left_in_swarm(run_id: str) -> str:
    """Why the engine is still in the swarm that this run has made, once its guard has done what it can; empty where not.

    Who is told may leave it by hand, at the price that :func:`leave_swarm` names; :func:`reap_dead_runs` finds the swarm
    by its label and tries again.
    """
    if shutil.which("docker") is None:
        return ""
    swarm = _swarm()
    if swarm is None:
        return "or at least does not answer when it is asked"
    if _swarm_labels(swarm).get(LABEL_RUN) != run_id:
        return ""
    try:
        return _obstacle(["--filter", f"label={LABEL_RUN}={run_id}"]) or "although nothing stands in the way any more"
    except _UnansweredError as error:
        return f"because {error} does not answer"


class _UnansweredError(Exception):
    """The engine did not answer; says which question."""


def _listed(arguments: list[str]) -> list[str]:
    """The lines that a listing printed.

    Raises:
        _UnansweredError: none: whoever asks before something is removed must not take that for an empty list.
    """
    answer = _docker(arguments)
    if answer is None:
        raise _UnansweredError(" ".join(arguments[:2]))
    return answer.splitlines()


def _leave_swarm(run_id: str, swarm: str) -> str:
    """One step out of a swarm that bears the run's label; what is still there, or why it is not left."""
    chosen = ["--filter", f"label={LABEL_RUN}={run_id}"]
    of_services = ["--filter", "label=com.docker.swarm.service.id"]
    try:
        if services := _listed(["service", "ls", "-q", *chosen]):
            _docker(["service", "rm", *services])
            return f"service {' '.join(services)}"
        if containers := _listed(["ps", "-aq", *chosen, *of_services]):
            _docker(["rm", "-fv", *containers])
            return f"container {' '.join(containers)}"
        if networks := _listed(["network", "ls", "--filter", "scope=swarm", "-q", *chosen]):
            _docker(["network", "rm", *networks])
        obstacle = _obstacle(chosen)
    except _UnansweredError as error:
        return f"{swarm}: {error} does not answer"
    if obstacle:
        return f"{swarm}: not left {obstacle}"
    _docker(["swarm", "leave", "--force"])
    return swarm


def _obstacle(chosen: list[str]) -> str:
    """Why the swarm, of which everything that ``chosen`` selects is the run's, must not be left now; empty where it may.

    Raises:
        _UnansweredError: that cannot be told.
    """
    # Somebody may have taken the engine's swarm for his own meanwhile: what is his would go with it.
    strangers = len(set(_listed(["service", "ls", "-q"])) - set(_listed(["service", "ls", "-q", *chosen])))
    strangers += sum(len(_listed([kind, "ls", "-q"])) for kind in ("secret", "config"))
    listing = ["network", "ls", "--filter", "scope=swarm", "--format", "{{.Name}}"]
    strangers += len(set(_listed(listing)) - set(_listed([*listing, *chosen])) - {"ingress"})
    strangers += max(0, len(_listed(["node", "ls", "-q"])) - 1)
    if strangers:
        return "because others use it"
    names = _known_by_name()
    return f"while {', '.join(names[:5])} would be forgotten by name" if names else ""


def _known_by_name() -> list[str]:
    """The running containers that others find by name."""
    lines = [line.partition("\t") for line in _listed(["ps", "--format", "{{.Names}}\t{{.Networks}}"])]
    return [name for name, _, networks in lines if not set(networks.split(",")) <= SHARED_NETWORKS | {""}]


def _gateways(*chosen: str) -> list[str]:
    """The id of the bridge that an engine in a swarm has, with these filters.

    Raises:
        _UnansweredError: that cannot be told.
    """
    return _listed(["network", "ls", "-q", "--no-trunc", "--filter", f"name=^{GATEWAY}$", *chosen])


def _swarm() -> dict[str, Any] | None:
    """``Swarm`` of ``docker info``; None where the engine does not answer."""
    answer = _docker(["info", "--format", "{{json .Swarm}}"])
    try:
        swarm = json.loads(answer or "")
    except ValueError:
        return None
    return swarm if isinstance(swarm, dict) else None


def _swarm_labels(swarm: Mapping[str, Any]) -> dict[str, str]:
    """The labels of the engine's swarm; a manager alone tells them."""
    return dict(((swarm.get("Cluster") or {}).get("Spec") or {}).get("Labels") or {})


def reap_dead_runs() -> tuple[str, ...]:
    """Remove what runs left whose owners are proven dead; returns their ids. Runs of other users are never touched."""
    reaped = []
    kept = set()
    for file, entry in _registered():
        run_id, owner = entry["run_id"], Owner.parse(entry["owner"])
        if entry.get("kept") == "yes" and Path(entry["work"]).exists():
            kept.add(run_id)
        elif entry.get("kept") == "yes":
            file.unlink(missing_ok=True)  # its owner has removed it
        elif owner is not None and owner.is_provably_dead:
            _reap(run_id, Path(entry["work"]), calm_rounds=1)
            file.unlink(missing_ok=True)
            reaped.append(run_id)
    for run_id, owners in _labelled().items():
        parsed = [Owner.parse(owner) for owner in owners]
        if run_id not in kept and all(owner is not None and owner.is_provably_dead for owner in parsed):
            _reap(run_id, None, calm_rounds=1)
            reaped.append(run_id)
    return tuple(dict.fromkeys(reaped))


def main(arguments: list[str]) -> int:
    """Watch, then clean. Arguments: the run's id, its folder, its owner; standard input is the pipe of the owner."""
    run_id, work, owner = arguments[0], Path(arguments[1]), Owner.parse(arguments[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Whoever ends a process group means the run; this one goes when the run has gone.
        signal.signal(number, signal.SIG_IGN)
    last_word = _watch(owner)
    if last_word == KEEP:
        _mark_kept(run_id)
        return 0
    _reap(run_id, work, calm_rounds=1 if last_word == DONE else CALM_ROUNDS)
    return 0


def _watch(owner: Owner | None) -> bytes:
    """Return the owner's last word, or nothing where it died without one."""
    while True:
        ready, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if ready:
            return os.read(0, 64)
        if owner is not None and owner.is_provably_dead:
            return b""


def _reap(run_id: str, work: Path | None, *, calm_rounds: int) -> None:
    """End the run's processes and sweep until it stays calm; then its folder and its registration go."""
    calm = 0
    # A database that is killed outright leaves shared memory behind, which bears no mark of the run.
    known: dict[int, str] = {}
    _signal_processes(run_id, work, signal.SIGCONT, known)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _signal_processes(run_id, work, signal.SIGTERM, known) and time.monotonic() < deadline:
        time.sleep(0.1)
    for _ in range(ROUNDS):
        ended = _signal_processes(run_id, work, signal.SIGKILL, known)
        # First a swarm, whose services would make again what is removed.
        calm = 0 if [*leave_swarm(run_id, work), *sweep(run_id)] or ended else calm + 1
        if calm >= calm_rounds:
            break
        time.sleep(ROUND_SECONDS if calm_rounds > 1 else 0.1)
    if work is not None and _is_ours(work, run_id):
        shutil.rmtree(work, ignore_errors=True)
    registry = _registry()
    if registry is not None:
        (registry / f"{run_id}.json").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other runs are in it
            registry.rmdir()


def _is_ours(work: Path, run_id: str) -> bool:
    """Whether the folder is the run's own: real, of this user, and marked with the run's id."""
    try:
        status = work.lstat()
        marker = (work / MARKER).read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and marker == run_id


def _signal_processes(run_id: str, work: Path | None, number: signal.Signals, known: dict[int, str]) -> int:
    """Signal the registered process groups, every bearer of the run's variable and all their descendants.

    Descendants by the process table: a program may have left its group, overwritten its environment and been frozen, as
    the backends of a database are.

    Args:
        run_id: the run.
        work: its folder, where its processes are registered.
        number: what to send.
        known: process -> its start, of all that were found so far: an orphan cannot be found by its parent again.

    Returns:
        How many were alive.
    """
    registered = set()
    for entry in _pid_entries(work):
        created = _create_time(int(entry["pid"]))
        if created is not None and abs(created - entry["create_time"]) <= CREATION_TOLERANCE_SECONDS:
            registered.add(int(entry["pid"]))
    # All are found before any is signalled: the death of a parent would hide its children.
    for pid in _with_descendants({*registered, *_bearers(f"{RUN_VARIABLE}={run_id}")}):
        if (started := _started(pid)) is not None:
            known.setdefault(pid, started)
    for pid in registered:
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, number)
    alive = 0
    for pid, started in known.items():
        if _started(pid) == started and not _is_zombie(Path(f"/proc/{pid}")):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
                alive += 1
    return alive


def _with_descendants(roots: set[int]) -> set[int]:
    """The processes and all that descend from them, zombies left out (Linux; elsewhere the roots alone)."""
    children: dict[int, set[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat_fields(folder)
        if len(fields) > 1 and fields[0] != "Z":
            children.setdefault(int(fields[1]), set()).add(int(folder.name))
    found, frontier = set(roots), set(roots)
    while frontier := {child for parent in frontier for child in children.get(parent, ())} - found:
        found |= frontier
    return found - {os.getpid()}


def _pid_entries(work: Path | None) -> Iterator[Mapping[str, float]]:
    """What ``pids/`` says, damaged files left out: the owner may have died while writing one."""
    if work is None:
        return
    with contextlib.suppress(OSError):
        for file in sorted((work / "pids").iterdir()):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                entry = json.loads(file.read_text(encoding="utf-8"))
                yield {"pid": int(entry["pid"]), "create_time": float(entry["create_time"])}


def _bearers(assignment: str) -> Iterator[int]:
    """Processes that were started with ``assignment`` in their environment (Linux; elsewhere the files must do)."""
    spared = {os.getpid(), os.getppid()}
    wanted = assignment.encode()
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) not in spared and not _is_zombie(folder):
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def _is_zombie(folder: Path) -> bool:
    """Whether the process has ended and only waits for its parent; nothing can end it a second time."""
    fields = _stat_fields(folder)
    return not fields or fields[0] == "Z"


def _stat_fields(folder: Path) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on; the name before them may hold anything."""
    try:
        return (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _started(pid: int) -> str | None:
    """When the process started, as text that no later process with its number has; None where that is not readable."""
    fields = _stat_fields(Path("/proc") / str(pid))
    if fields:
        return fields[19]  # starttime, clock ticks since boot: field 22 of proc(5), counted from the state
    if Path("/proc/self/stat").exists():
        return None
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout
    return "-".join(shown.split()) or None


def _create_time(pid: int) -> float | None:
    """The creation time in seconds since the epoch, as psutil computes it; None where there is no such process."""
    fields = _stat_fields(Path("/proc") / str(pid))
    if not fields or fields[0] == "Z":
        return None
    boot = next(
        (line.split()[1] for line in _text("/proc/stat", limit=1 << 20).splitlines() if line.startswith("btime ")), "0"
    )
    return float(boot) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _is_dead(pid: int, started: str) -> bool:
    """Whether ``pid`` does not exist, or is another process by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    if _is_zombie(Path("/proc") / str(pid)) and Path("/proc/self/stat").exists():
        return True
    now = _started(pid)
    return now is not None and bool(started) and now != started


def _docker(arguments: list[str]) -> str | None:
    """What the docker command printed; None where it failed or did not end in time."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _labelled() -> dict[str, set[str]]:
    """Run id -> owners, over everything on the engine that bears our label."""
    if shutil.which("docker") is None:
        return {}
    chosen = ["--filter", f"label={LABEL_RUN}"]
    shape = f'{{{{.Label "{LABEL_RUN}"}}}} {{{{.Label "{LABEL_OWNER}"}}}}'
    lines: list[str] = []
    for listing in (["ps", "-a"], ["network", "ls"], ["volume", "ls"]):
        lines += (_docker([*listing, *chosen, "--format", shape]) or "").splitlines()
    if images := (_docker(["image", "ls", "-aq", "--no-trunc", *chosen]) or "").split():
        shape = f'{{{{index .Config.Labels "{LABEL_RUN}"}}}} {{{{index .Config.Labels "{LABEL_OWNER}"}}}}'
        lines += (_docker(["image", "inspect", "--format", shape, *sorted(set(images))]) or "").splitlines()
    marks = _swarm_labels(_swarm() or {})
    lines.append(f"{marks.get(LABEL_RUN, '')} {marks.get(LABEL_OWNER, '')}")
    runs: dict[str, set[str]] = {}
    for line in lines:
        run_id, _, owner = line.strip().partition(" ")
        if run_id:
            runs.setdefault(run_id, set()).add(owner)
    return runs


def _registry() -> Path | None:
    """This user's registry of runs; None where somebody else has made the folder, which is then not believed."""
    folder = Path(tempfile.gettempdir()) / f"readiness-runs-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    return folder if is_private else None


def _register(run_id: str, work: Path, owner: Owner) -> None:
    entry = {"run_id": run_id, "work": str(work.resolve()), "owner": owner.describe()}
    for _ in range(ROUNDS):
        # Another run that ends may take the empty folder with it before this one's entry is in.
        with contextlib.suppress(FileNotFoundError):
            if (registry := _registry()) is not None:
                _write_whole(registry / f"{run_id}.json", entry)
            return


def _mark_kept(run_id: str) -> None:
    for file, entry in _registered():
        if entry["run_id"] == run_id:
            _write_whole(file, {**entry, "kept": "yes"})


def _write_whole(file: Path, entry: Mapping[str, str]) -> None:
    """Replace in one step: a reader never sees half of it."""
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(dict(entry)), encoding="utf-8")
    partial.replace(file)


def _registered() -> Iterable[tuple[Path, dict[str, str]]]:
    """The registered runs, damaged files left out."""
    registry = _registry()
    for file in sorted(registry.glob("*.json")) if registry is not None else []:
        with contextlib.suppress(OSError, ValueError):
            entry = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(entry, dict) and {"run_id", "work", "owner"} <= entry.keys():
                yield file, entry


def _text(path: str, *, limit: int = 256) -> str:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.read(limit).strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
