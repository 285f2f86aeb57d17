"""A Docker Swarm of one node, made of this machine's engine for as long as a stack needs it.

It changes the state of the owner's engine, so five things hold:

- An engine on which anybody else's containers run is left alone: with a swarm it forgets the names by which they find
  each other (:func:`readiness.runtime.reaper.leave_swarm`). This run's own are gone before it leaves.
- An engine that is in a swarm is left alone, whatever that swarm is for.
- The swarm bears the run's label from the call that makes it, and so does everything in it: whoever leaves it later, the
  run itself or its guard, leaves by that label alone (:func:`readiness.runtime.reaper.leave_swarm`).
- Two audits do not share one: the second waits until the first has left it, and then says that it could not tell.
- The manager's ports, 2377 and 7946, listen on 127.0.0.1. The kernel's end of an overlay network, UDP 4789, listens on
  every address while such a network is there: the engine has no setting for that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from readiness.exceptions import StackError, UnsupportedError
from readiness.runtime.compose_start import engine_words
from readiness.runtime.ports import LOOPBACK
from readiness.runtime.reaper import (
    GATEWAY,
    LABEL_OWNER,
    LABEL_RUN,
    SHARED_NETWORKS,
    SWARM_BEGUN,
    Owner,
    leave_swarm,
    left_in_swarm,
)

__all__ = ["OwnSwarm", "notice", "refusal"]

#: Held by who makes or leaves a swarm on this machine; the kernel lets go of it when its holder dies.
LOCK = "\0readiness-swarm"
MANAGER_PORT = 2377
#: For another audit's trial of replicas, which takes minutes.
WAIT_SECONDS = 300.0
LOOK_SECONDS = 1.0
LEAVE_SECONDS = 60.0
#: Of 0.2 s each: an engine shows a swarm that it is making within a second.
CALM_LOOKS = 15
WANTED = "a swarm of its own on this engine"
INACTIVE = "inactive"
#: What an owner does whose engine an audit could not take out of its swarm.
BY_HAND = "docker swarm leave --force, and then start those containers again (docker restart NAME …)"


def refusal(swarm: Mapping[str, Any]) -> UnsupportedError | None:
    """Why an engine in this state gets no swarm of ours; None where it is in none, or in one that an audit has made.

    Args:
        swarm: ``Swarm`` of ``docker info``.
    """
    state = str(swarm.get("LocalNodeState") or "")
    if state == INACTIVE or _run_of(swarm):
        return None
    role = "manager" if swarm.get("ControlAvailable") else "worker"
    what = (
        f"is in a swarm already ({state}, {role})" if state in {"active", "pending"} else f"says {state or 'nothing'}"
    )
    return UnsupportedError(
        WANTED,
        runtime="compose",
        hint=f"it {what}, which is left alone; audit where docker info says Swarm: inactive, or without scaling.engine",
    )


def notice(run_id: str) -> tuple[str, ...]:
    """What to tell the owner after the end of the run where its swarm is still there; nothing where it has been left."""
    reason = left_in_swarm(run_id)
    if not reason:
        return ()
    return (
        f"this machine's engine is still in the swarm that the audit has made of it, {reason}",
        f"by hand: {BY_HAND}; else the next audit leaves it when nothing of others is in the way",
    )


def _labels_of(swarm: Mapping[str, Any]) -> Mapping[str, Any]:
    return ((swarm.get("Cluster") or {}).get("Spec") or {}).get("Labels") or {}


def _run_of(swarm: Mapping[str, Any]) -> str:
    """The run that has made the swarm; empty for everybody else's."""
    return str(_labels_of(swarm).get(LABEL_RUN) or "")


def _is_left_behind(swarm: Mapping[str, Any]) -> bool:
    """Whether an audit has made the swarm that is certainly dead."""
    owner = Owner.parse(str(_labels_of(swarm).get(LABEL_OWNER) or ""))
    return bool(_run_of(swarm)) and owner is not None and owner.is_provably_dead


class OwnSwarm:
    """The engine's swarm, taken by :meth:`take` and left by :meth:`close`.

    Args:
        api: the SDK's low-level client.
        run_id: of the run, ``owner`` its owner: both go on everything as labels.
        work: the run's folder.
    """

    def __init__(
        self,
        api: Any,
        *,
        run_id: str,
        owner: str,
        work: Path,
        wait_seconds: float = WAIT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api, self._run_id, self._begun = api, run_id, work / SWARM_BEGUN
        self._work = work
        self._labels = {LABEL_RUN: run_id, LABEL_OWNER: owner}
        self._wait_seconds, self._sleep = wait_seconds, sleep
        self._lock: socket.socket | None = None

    def check(self) -> None:
        """Look, without waiting and without changing anything; while another audit is at it, there is nothing to see.

        Raises:
            UnsupportedError: the engine is in somebody's swarm.
        """
        if self._has_lock():
            try:
                self._refuse()
            finally:
                self._unlock()

    def _refuse(self) -> dict[str, Any]:
        """The engine's swarm, where it is none or an audit's."""
        state = self._state()
        if (problem := refusal(state)) is not None:
            raise problem
        if strangers := self._strangers():
            names = ", ".join(strangers[:3])
            if _is_left_behind(state):
                hint = (
                    f"an earlier audit could not leave its swarm, because containers of others run ({names}): {BY_HAND}"
                )
                raise UnsupportedError(WANTED, runtime="compose", hint=hint)
            hint = f"{len(strangers)} containers of others run on it ({names}), and would lose the names by which they find each other"
            raise UnsupportedError(WANTED, runtime="compose", hint=f"{hint}; audit on an engine of its own, as in CI")
        return state

    def _strangers(self) -> list[str]:
        """Running containers of others that find each other by name."""
        with engine_words("looking for what else runs"):
            running = self._api.containers()
        return sorted(
            str(each["Names"][0]).lstrip("/")
            for each in running
            if (each.get("Labels") or {}).get(LABEL_RUN) != self._run_id
            and not set((each.get("NetworkSettings") or {}).get("Networks") or {}) <= SHARED_NETWORKS
        )

    def take(self) -> None:
        """Make the swarm; where another audit has one, after it has left it. Ends with :meth:`close` also where it fails.

        Raises:
            UnsupportedError: the engine is in somebody's swarm, cannot be in one, or another audit's does not end.
        """
        deadline = time.monotonic() + self._wait_seconds
        # Where the lock is free and an audit's swarm is there, that audit is dead, and its guard is about to leave it.
        while not (self._has_lock() and self._is_free()):
            if time.monotonic() > deadline:
                raise UnsupportedError(
                    WANTED, runtime="compose", hint=f"another audit has had one for {self._wait_seconds:g} s; try again"
                )
            self._sleep(LOOK_SECONDS)
        self._make()

    def _is_free(self) -> bool:
        """Whether the engine is in no swarm, and no audit has left its bridge to be removed yet."""
        is_inactive = self._refuse().get("LocalNodeState") == INACTIVE
        return is_inactive and all(not (bridge.get("Labels") or {}).get(LABEL_RUN) for bridge in self._bridges())

    def _bridges(self) -> list[dict[str, Any]]:
        """The engine's bridge for swarms, where it is there: the engine's own filter takes parts of names too."""
        with engine_words("looking for the engine's bridge"):
            return [bridge for bridge in self._api.networks(names=[GATEWAY]) if bridge["Name"] == GATEWAY]

    def _make(self) -> None:
        import docker.errors  # noqa: PLC0415  # 0.2 s; never at import of this package

        try:
            is_there = bool(self._bridges())
            # Known to the guard before it is done: for a moment the engine's swarm bears no label yet, and where the
            # bridge goes in that moment, the engine makes one without.
            self._begun.write_text("" if is_there else GATEWAY, encoding="utf-8")
            with engine_words("making a swarm of this engine alone"):
                if not is_there:
                    self._make_bridge()
                self._api.init_swarm(
                    advertise_addr=LOOPBACK,
                    listen_addr=f"{LOOPBACK}:{MANAGER_PORT}",
                    data_path_addr=LOOPBACK,
                    swarm_spec=self._api.create_swarm_spec(labels=self._labels),
                )
        except (OSError, StackError) as error:
            if isinstance(error.__cause__, docker.errors.APIError):
                self._begun.unlink(missing_ok=True)  # the engine has answered: it makes none
            raise UnsupportedError(WANTED, runtime="compose", hint=str(error)[:300]) from error
        self._begun.unlink(missing_ok=True)
        if _run_of(self._state()) != self._run_id:
            raise UnsupportedError(WANTED, runtime="compose", hint="the engine's swarm does not bear the run's label")

    def _make_bridge(self) -> None:
        """Make the bridge that the engine would make with a swarm and leave behind; made here, it bears the run's label."""
        prefix = "com.docker.network.bridge"
        options = {
            f"{prefix}.name": GATEWAY,
            f"{prefix}.enable_icc": "false",
            f"{prefix}.enable_ip_masquerade": "false",
        }
        self._api.create_network(GATEWAY, driver="bridge", options=options, labels=self._labels)

    def close(self) -> None:
        """Leave the swarm if it is the run's, with everything that is in it; idempotent.

        While another stack of the run is there, what is in the swarm goes and the swarm itself is left to the guard.

        Raises:
            StackError: something of it is still there; the run's guard tries again.
        """
        if self._lock is None:
            return
        deadline = time.monotonic() + LEAVE_SECONDS
        # Who was interrupted while the engine was making it cannot know whether it still does.
        calm, calm_looks = 0, CALM_LOOKS if self._begun.exists() else 1
        try:
            while calm < calm_looks:
                left = leave_swarm(self._run_id, self._work)
                calm = 0 if left else calm + 1
                if left and all("forgotten by name" in word for word in left) and not self._strangers():
                    break
                if left and time.monotonic() > deadline:
                    raise StackError(f"the swarm of the run could not be left: {', '.join(left)}")
                if calm < calm_looks:
                    self._sleep(0.2)
            self._begun.unlink(missing_ok=True)
        finally:
            self._unlock()

    def _state(self) -> dict[str, Any]:
        with engine_words("asking for the engine's swarm"):
            return dict(self._api.info().get("Swarm") or {})

    def _has_lock(self) -> bool:
        if self._lock is None:
            lock = socket.socket(socket.AF_UNIX)
            try:
                lock.bind(LOCK)
            except OSError:
                lock.close()
                return False
            self._lock = lock
        return True

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
