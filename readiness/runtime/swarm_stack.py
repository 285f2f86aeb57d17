"""A safe copy of which one service runs as a service of a Docker Swarm.

Compose starts the copy as always. Then the service is handed over: overlay networks take the place of the bridges that it
shares with others, who are attached under the same names; the Swarm's replicas come up beside compose's, compose's go,
and whoever depends on the service is started again, so that it finds the replicas as it would in a deployment.
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from readiness.exceptions import StackError, UnsupportedError
from readiness.runtime import Endpoint, Progress
from readiness.runtime.compose import ComposeStack
from readiness.runtime.compose_model import needs_of
from readiness.runtime.compose_start import PROJECT_LABEL, SERVICE_LABEL, engine_words
from readiness.runtime.egress import open_services
from readiness.runtime.reaper import LABEL_OWNER, LABEL_RUN
from readiness.runtime.swarm import WAIT_SECONDS, OwnSwarm
from readiness.runtime.swarm_service import endpoint_mode, task_template, update_config

__all__ = ["SwarmStack"]

#: On the container of every replica, by the engine.
SERVICE_ID = "com.docker.swarm.service.id"
#: What replicas get to become ready: as much as those of compose.
READY_SECONDS = 180.0
UPDATE_SECONDS = 60.0
LOOK_SECONDS = 0.2
#: The kernel's own record of virtual addresses; without it Swarm's lead nowhere.
VIRTUAL_ADDRESSES = Path("/proc/net/ip_vs")
HINT = "scaling: {engine: compose}"


class SwarmStack(ComposeStack):
    """A running safe copy with one service in a swarm of its own. Made by :class:`~readiness.runtime.compose.ComposeRuntime`."""

    def __init__(self, **options: Any) -> None:
        (self._swarmed, self._asked_mode), *more = options["variant"].swarm.items()
        if more:
            raise UnsupportedError("more than one service in a swarm", runtime="compose", hint=HINT)
        super().__init__(**options)
        self._labels = {LABEL_RUN: options["run_id"], LABEL_OWNER: options["owner"], PROJECT_LABEL: self._project}
        self._deploys = {
            name: dict((service or {}).get("deploy") or {})
            for name, service in (options["owners"].model.get("services") or {}).items()
        }
        self._api: Any = self._client.api  # the SDK has no types for services
        self._swarm = OwnSwarm(self._api, run_id=options["run_id"], owner=options["owner"], work=self._place.parent)
        self._service_id = ""

    def launch(self, progress: Progress, *, built_before: bool) -> None:
        """As compose does, then hand the service over.

        Raises:
            StackError: the machine, not the target, is at fault.
            UnsupportedError: the engine gives no swarm, or the service cannot run in one.
        """
        self._swarm.check()
        if self._swarmed in open_services(self._safe.model.get("services", {}), self._target.egress):
            raise UnsupportedError(
                f"{self._swarmed} let out by egress: in a swarm, whose networks are closed",
                runtime="compose",
                hint=HINT,
            )
        super().launch(progress, built_before=built_before)
        if self.report.is_up:
            progress("waiting for this engine's swarm", at_most_seconds=WAIT_SECONDS)
            self._swarm.take()
            progress(f"handing {self._swarmed} over to Docker Swarm", at_most_seconds=READY_SECONDS)
            self._hand_over()

    def _hand_over(self) -> None:
        service, api = self._swarmed, self._api
        old = self._all(service)
        networks = {str(details["NetworkID"]): name for name, details in old[0]["NetworkSettings"]["Networks"].items()}
        known_as = {name: _names(old[0]["NetworkSettings"]["Networks"][name], old[0]) for name in networks.values()}
        overlays: dict[str, list[str]] = {}
        with engine_words(f"making networks of the swarm for {service}"):
            for number, (bridge, name) in enumerate(sorted(networks.items(), key=lambda item: item[1])):
                made = api.create_network(
                    f"{self._project}-swarm-{number}",
                    driver="overlay",
                    attachable=True,
                    internal=True,
                    labels=self._labels,
                )
                overlays[str(made["Id"])] = known_as[name]
                self._attach(bridge, str(made["Id"]))
            api.create_network(self._edge, driver="bridge", internal=True, labels=self._labels)
        deploy = self._deploys.get(service, {})
        mode = endpoint_mode(deploy, asked=self._asked_mode)
        template = task_template(
            old[0],
            labels={**self._labels, SERVICE_LABEL: service},
            networks=overlays,
            restart=deploy.get("restart_policy") or {},
        )
        with engine_words(f"creating the service {service} of the swarm"):
            created = api.create_service(
                template,
                name=f"{self._project}-{service}",
                labels=self._labels,
                mode={"Replicated": {"Replicas": self._variant.replicas.get(service, 1)}},
                update_config=update_config(deploy.get("update_config") or {}),
                endpoint_spec={"Mode": mode},
            )
        self._service_id = str(created["ID"])
        self._await_replicas(len(old))
        if mode == "vip":
            self._need_virtual_addresses()
        for container in old:
            self._engine(f"removing {service}", api.remove_container, container["Id"], force=True, v=True)
        if late := self._start_again(self._dependents()):
            raise StackError(f"with {service} in a swarm {', '.join(late)} did not become ready again")

    @property
    def _edge(self) -> str:
        """The bridge by which this machine reaches each replica; it leads nowhere."""
        return f"{self._project}-swarm-edge"

    def _attach(self, bridge: str, overlay: str) -> None:
        """Every other container on the bridge gets a place on the overlay, under the same names."""
        api, chosen = self._api, {"label": f"{PROJECT_LABEL}={self._project}", "network": bridge}
        for summary in api.containers(filters=chosen):
            if summary["Labels"].get(SERVICE_LABEL) == self._swarmed:
                continue
            container = api.inspect_container(summary["Id"])
            place = next(
                details
                for details in container["NetworkSettings"]["Networks"].values()
                if details["NetworkID"] == bridge
            )
            api.connect_container_to_network(container["Id"], overlay, aliases=_names(place, container))

    def _await_replicas(self, count: int) -> None:
        """Wait until so many replicas are ready, as Swarm sees it.

        Raises:
            UnsupportedError: they are not in time; with what Swarm says of them.
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with engine_words(f"asking for the replicas of {self._swarmed}"):
                tasks = self._api.tasks(filters={"service": self._service_id})
            states = [task["Status"] for task in tasks]
            if sum(state["State"] == "running" for state in states) >= count:
                return
            if time.monotonic() > deadline:
                said = {str(state.get("Err") or state.get("Message")) for state in states}
                raise UnsupportedError(
                    f"{self._swarmed} as a service of a swarm",
                    runtime="compose",
                    hint=f"its replicas are not ready after {READY_SECONDS:g} s: {'; '.join(sorted(said))[:300]}",
                )
            time.sleep(LOOK_SECONDS)

    def _need_virtual_addresses(self) -> None:
        """Stop where this kernel has none: every request would fail, and no fault of the owner's would be behind it.

        Raises:
            UnsupportedError: it has none.
        """
        with engine_words("asking for the engine's kernel"):
            is_here = self._api.info().get("KernelVersion") == platform.release()
        if is_here and not VIRTUAL_ADDRESSES.exists():
            raise UnsupportedError(
                "Swarm's virtual addresses",
                runtime="compose",
                hint="this kernel has no ip_vs; where the service is deployed without them, "
                "scaling: {engine: swarm, endpoint_mode: dnsrr}",
            )

    def _dependents(self) -> tuple[str, ...]:
        """Who needs the service, directly or not, in the order of their needs."""
        services = self._safe.model.get("services", {})
        found: list[str] = []
        while True:
            known = {self._swarmed, *found}
            more = [name for name in services if name not in known and known & set(needs_of(services[name]))]
            if not more:
                return tuple(found)
            found += more

    def _endpoint_of(self, service: str, container: Mapping[str, Any], port: int) -> Endpoint:
        """Of a replica in the swarm its address on a bridge of this machine, which it joins when it is first asked for."""
        if SERVICE_ID not in container["Config"]["Labels"]:
            return super()._endpoint_of(service, container, port)
        with engine_words(f"reaching a replica of {service}"):
            if self._edge not in container["NetworkSettings"]["Networks"]:
                self._api.connect_container_to_network(container["Id"], self._edge)
            seen = self._api.inspect_container(container["Id"])
        address = str(seen["NetworkSettings"]["Networks"][self._edge]["IPAddress"])
        if not address:
            raise StackError(f"{service}: the replica {container['Id'][:12]} has ended")
        return Endpoint(host=address, port=port)

    def _all(self, service: str) -> list[dict[str, Any]]:
        """The replicas, those that run first: Swarm keeps some that have ended."""
        return sorted(super()._all(service), key=lambda container: container["State"]["Status"] != "running")

    def update(self, service: str) -> None:
        """``docker service update --force``: every replica anew, as ``deploy.update_config`` has it."""
        self._need_swarmed(service)
        # Without asking a registry: the image is the one that is here.
        command = ["docker", "service", "update", "--force", "--detach", "--quiet", "--no-resolve-image"]
        done = self._commands.run([*command, self._service_id], cwd=self._place, timeout_seconds=UPDATE_SECONDS)
        if not done.is_ok:
            raise StackError(f"{service} could not be updated: {done.stderr[-1000:] or 'not in time'}")

    def is_updated(self, service: str) -> bool:
        """Whether Swarm calls the update completed.

        Raises:
            StackError: it was paused or rolled back; in Swarm's words.
        """
        self._need_swarmed(service)
        with engine_words(f"asking for the update of {service}"):
            status = self._api.inspect_service(self._service_id).get("UpdateStatus") or {}
        state = str(status.get("State") or "updating")
        if state not in {"updating", "completed"}:
            raise StackError(f"the update of {service} is {state.replace('_', ' ')}: {status.get('Message')}")
        return state == "completed"

    def _need_swarmed(self, service: str) -> None:
        if service != self._swarmed:
            raise UnsupportedError(f"a rolling update of {service}", runtime="compose", hint="it is not in the swarm")

    def stop(self, service: str) -> None:
        """As compose, but for the service in the swarm, of which Swarm would start another replica."""
        self._refuse("to stop", service)
        super().stop(service)

    def start(self, service: str) -> None:
        """As compose, but for the service in the swarm."""
        self._refuse("to start", service)
        super().start(service)

    def replace(self, service: str, container: str) -> None:
        """As compose, but for the service in the swarm, which :meth:`update` replaces."""
        self._refuse("to replace one replica of", service)
        super().replace(service, container)

    def recreate(self, service: str) -> None:
        """As compose, but for the service in the swarm."""
        self._refuse("to recreate", service)
        super().recreate(service)

    def _refuse(self, what: str, service: str) -> None:
        if service == self._swarmed and self._service_id:
            raise UnsupportedError(f"{what} {service}, which Swarm runs", runtime="compose", hint=HINT)

    def close(self) -> None:
        """Remove the service of the swarm, then the copy, then leave the swarm.

        Raises:
            StackError: something is left; the run's reaper tries again.
        """
        if self._service_id and not self.is_closed:
            with contextlib.suppress(StackError), engine_words(f"removing {self._swarmed} from the swarm"):
                self._api.remove_service(self._service_id)
        try:
            super().close()
        finally:
            self._swarm.close()


def _names(place: Mapping[str, Any], container: Mapping[str, Any]) -> list[str]:
    """The names by which others find a container on one of its networks; its id is the engine's own doing."""
    return sorted({str(name) for name in place.get("Aliases") or [] if not str(container["Id"]).startswith(str(name))})
