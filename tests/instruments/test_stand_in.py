from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from readiness.exceptions import StackError
from readiness.instruments.stand_in import standing_in
from readiness.runtime import Endpoint, ServiceState, Stack
from readiness.runtime.ports import PortLease


@dataclass
class Fake:
    """As much of a stack as a stand-in asks for."""

    runtime: str
    port: int = 0
    log: str = ""
    status: str = "running"
    stopped: list[str] = field(default_factory=list)

    def endpoint(self, service: str, port: int) -> Endpoint:
        assert (service, port) == ("db", 5432)
        return Endpoint(host="127.0.0.1", port=self.port)

    def logs(self, service: str, **_: Any) -> str:
        assert service == "readiness-stand-in-db"
        return self.log

    def state(self, service: str) -> ServiceState:
        return ServiceState(service=service, status=self.status, instance="1", started_at="")

    def stop(self, service: str) -> None:
        self.stopped.append(service)


def stack(**fields: Any) -> Stack:
    return cast("Stack", Fake(**fields))


@pytest.fixture
def port() -> Iterator[int]:
    lease = PortLease()
    yield lease.take()
    lease.close()


def test_a_local_one_notes_who_comes_and_leaves_the_port(port: int) -> None:
    with standing_in(stack(runtime="process", port=port), "db", (5432,)) as listener:
        assert listener.arrivals() == ()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            assert connection.recv(10) == b""
        assert len(listener.arrivals()) == 1
        assert abs(listener.arrivals()[0] - time.time()) < 5
    with socket.create_server(("127.0.0.1", port)):
        pass  # the service itself can listen there now


def test_a_taken_port_is_no_verdict(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(StackError, match="nothing can listen in the place of db"),
        standing_in(stack(runtime="process", port=port), "db", (5432,)),
    ):
        pass


def test_one_in_a_container_is_read_from_its_log_and_stopped() -> None:
    fake = Fake(runtime="compose", log="listening\naccepted 1800000001.500000\n")
    with standing_in(cast("Stack", fake), "db", (5432,)) as listener:
        assert listener.arrivals() == (1800000001.5,)
        assert fake.stopped == []
    assert fake.stopped == ["readiness-stand-in-db"]


def test_a_container_that_ended_stands_in_for_nobody() -> None:
    fake = stack(runtime="compose", log="sh: python3: not found", status="exited")
    with pytest.raises(StackError, match=r"nothing listens.*not found"), standing_in(fake, "db", (5432,)):
        pass
