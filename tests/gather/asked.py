"""A stand-in for the client and the stack: a function answers, and what was asked is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from readiness.exceptions import StackError
from readiness.facts.http import Exchange, StatusClass
from readiness.runtime import Capability, Completed, Endpoint
from readiness.target import Entry, Request

__all__ = ["Answer", "FakeHttp", "FakeStack", "FakeVariants"]

Answer = tuple[int | None, Mapping[str, str], str]


@dataclass
class FakeHttp:
    """Answers by ``serve(entry, method, path, headers)``; a status of None is silence, an exception is raised."""

    serve: Callable[[str, str, str, Mapping[str, str]], Answer]
    asked: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)

    def send(
        self,
        entry: Entry,
        request: Request,
        *,
        purpose: StatusClass = StatusClass.OK,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        kept_bytes: int = 65536,
    ) -> Exchange:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        self.asked.append((entry.name, request.method, request.path, sent))
        status, received, body = self.serve(entry.name, request.method, request.path, sent)
        scheme = "https" if entry.https else "http"
        return Exchange(
            entry=entry.name,
            purpose=purpose,
            method=request.method,
            url=f"{scheme}://{entry.service}:{entry.port}{entry.base}{request.path}",
            https=entry.https,
            status=status,
            headers=tuple(received.items()),
            body=body[:kept_bytes],
            error=None if status is not None else "no answer within 15 s",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@dataclass
class FakeStack:
    """Services with variables; commands answer by ``run``."""

    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    port: int = 1
    capabilities: frozenset[Capability] = frozenset(Capability)
    run: Callable[[str, list[str]], Completed] | None = None
    runtime: str = "process"

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.variables)

    def environment(self, service: str) -> Mapping[str, str]:
        if service not in self.variables:
            raise StackError(f"there is no service {service}")
        return self.variables[service]

    def endpoint(self, service: str, port: int) -> Endpoint:
        if service not in self.variables:
            raise StackError(f"{service} is not running")
        return Endpoint(host="127.0.0.1", port=self.port)

    def execute(self, service: str, command: list[str], *, timeout_seconds: float = 30.0) -> Completed:
        if self.run is None:
            raise StackError("no command can be run here")
        return self.run(service, list(command))


@dataclass
class FakeVariants:
    """Yields one stack, or raises; remembers what was asked for."""

    stack: Any = None
    error: Exception | None = None
    started: list[Any] = field(default_factory=list)

    def __call__(self, variant: Any) -> Self:
        self.started.append(variant)
        return self

    def __enter__(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.stack

    def __exit__(self, *_: object) -> None:
        pass
