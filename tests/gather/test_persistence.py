"""The gatherers of persistence against a shop whose stores keep or lose what they are given."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from readiness.exceptions import GatherError
from readiness.facts._codec import decode, encode
from readiness.facts.model import StackModel
from readiness.facts.persistence import IdempotentRepeats, QueueSurvival, RecordSurvival, RedisEndings, StoreSettings
from readiness.gather import (
    gatherer_meta,
    idempotent_repeats,
    queue_survival,
    record_survival,
    redis_endings,
    redis_search,
    store_asking,
    store_settings,
)
from readiness.runtime import Capability, ServiceState
from readiness.target import Entry, Paths, Request, Role, Target
from tests.gather.asked import Answer, FakeHttp

ROLES = {Role.APP: ("api",), Role.WORKER: ("worker",), Role.DB: ("db",), Role.REDIS: ("cache",)}
EXTRA: dict[str, Any] = {
    "record": {"create": {"method": "POST", "path": "/items", "id": "id"}, "read": "/items/{id}"},
    "jobs": {"enqueue": {"method": "POST", "path": "/jobs"}, "result": "/jobs/{id}", "seconds": 0.05},
    "idempotency": {
        "header": "Idempotency-Key",
        "request": {"method": "POST", "path": "/orders", "json": {"note": "{unique}"}},
    },
}


@dataclass
class Shop:
    """A stack, its faults and its HTTP service in one. ``loses`` says which ends empty the Redis."""

    loses: frozenset[str] = frozenset()
    poisons: bool = False
    capabilities: frozenset[Capability] = frozenset(Capability) - {Capability.INSPECT}
    settings: dict[str, str] = field(default_factory=lambda: {"save": "", "appendonly": "yes", "dir": "/data"})
    services: tuple[str, ...] = ("proxy", "api", "worker", "db", "cache")
    runtime: str = "process"
    down: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    queued: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    used: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    made: int = 0

    # As a stack

    def state(self, service: str) -> ServiceState:
        return ServiceState(service=service, status="running", instance="1", started_at="")

    def logs(self, service: str, *, tail: int = 0) -> str:
        return "\n".join(f"job {job} done" for job in sorted(self.done))

    def environment(self, service: str) -> Mapping[str, str]:
        return {"REDIS_MAXMEMORY": "64mb", "REDIS_PASSWORD": "secret"} if service == "cache" else {}

    def model(self) -> StackModel:
        return StackModel(services={})

    def ask_redis(self, stack: Shop, service: str, words: Sequence[str], **_: Any) -> str:  # noqa: PLR0911  # a server
        if words[0] == "CONFIG":
            return "\n".join(f"{name}\n{value}" for name, value in {**self.settings, "requirepass": "secret"}.items())
        if words[0] == "INFO":
            return "redis_version:7.2.4\nrdb_bgsave_in_progress:0\nrdb_last_bgsave_status:err"
        if words[0] == "BGSAVE":
            return "Background saving started"
        script, arguments = words[1], words[3:]
        if "return 'yes'" in script:
            return "yes"
        if "'SET'" in script:
            self.keys |= {f"{arguments[0]}{n}" for n in range(int(arguments[1]))}
        elif "'EXISTS'" in script:
            return str(sum(key.startswith(arguments[0]) for key in self.keys))
        elif "SCAN" in script:
            return json.dumps({"found": [-1] if arguments[0] in self.queued else []})
        return "done"

    def ask_postgres(self, stack: Shop, service: str, statement: str, **_: Any) -> str:
        if found := re.search(r"'(readiness\w+)'", statement):
            return str(sum(found[1] == text for text in self.used.values()) + 1)
        return "on" if "show" in statement else ""

    # As faults

    @contextlib.contextmanager
    def stopped_all(self, *services: str, at_most_seconds: float) -> Iterator[None]:
        self.down |= set(services)
        yield
        self.down -= set(services)
        self.work()

    def stopped(self, service: str, *, at_most_seconds: float) -> contextlib.AbstractContextManager[None]:
        return self._ended("restart", service)

    def recreated(self, service: str, *, at_most_seconds: float) -> contextlib.AbstractContextManager[None]:
        return self._ended("recreate", service)

    def crashed(self, service: str, *, at_most_seconds: float) -> contextlib.AbstractContextManager[None]:
        return self._ended("crash", service)

    @contextlib.contextmanager
    def _ended(self, how: str, service: str) -> Iterator[None]:
        self.events.append(f"{how} {service}")
        if how in self.loses:
            if service == "cache":
                self.keys.clear()
                self.queued.clear()
            if service == "db":
                self.records.clear()
            if service == "api":
                self.used.clear()
        yield

    # As a service

    def work(self) -> None:
        if "worker" not in self.down:
            self.done |= set(self.queued)
            self.queued.clear()

    def serve(self, entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        self.made += 1
        if method == "POST" and path == "/jobs":
            job = f"job-{self.made}"
            self.queued.append(job)
            self.work()
            return 202, {}, json.dumps({"id": job})
        if path.startswith("/jobs/"):
            job = path.rpartition("/")[2]
            return 200, {}, json.dumps({"id": job, "status": "done" if job in self.done else "queued"})
        if method == "POST" and path == "/items":
            self.records.add(str(self.made))
            return 201, {}, json.dumps({"id": self.made})
        if path.startswith("/items/"):
            return (200 if path.rpartition("/")[2] in self.records else 404), {}, "{}"
        if path == "/orders":
            return self.order(headers["idempotency-key"])
        return 200, {}, "{}"

    def order(self, key: str) -> Answer:
        if self.used.get(key) == "poisoned":
            return 409, {}, "{}"
        if "db" in self.down:
            if self.poisons:
                self.used[key] = "poisoned"
            return 503, {}, "{}"
        return 201, {}, json.dumps({"id": self.used.setdefault(key, f"order-{self.made}")})


@pytest.fixture
def gather(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a gatherer in a shop, without its waits."""

    def run(
        module: Any, name: str, shop: Shop, *, extra: dict[str, Any] | None = None, **roles: tuple[str, ...]
    ) -> Any:
        for where in (redis_endings, redis_search, store_asking, store_settings):
            monkeypatch.setattr(where, "ask_redis", shop.ask_redis, raising=False)
        for where in (record_survival, store_asking, store_settings):
            monkeypatch.setattr(where, "ask_postgres", shop.ask_postgres, raising=False)
        for where in (redis_endings, queue_survival, store_asking):
            monkeypatch.setattr(where.time, "sleep", lambda _: None)
        monkeypatch.setattr(queue_survival, "START_SECONDS", 0.0)
        monkeypatch.setattr(queue_survival, "ACCEPT_SECONDS", 2.0)
        target = Target(
            name="shop",
            folder="shop",
            service="api",
            entries=(Entry(name="direct", service="api", port=8000),),
            roles=ROLES | {Role(role): services for role, services in roles.items()},
            paths=Paths(ok=Request(path="/items")),
            extra=EXTRA if extra is None else extra,
        )
        given = {
            "target": target,
            "stack": shop,
            "http": FakeHttp(shop.serve),
            "faults": shop,
            "runtime": shop,
            "progress": lambda *_, **__: None,
        }
        meta = gatherer_meta(getattr(module, name)._get_wrapped_function())
        assert meta is not None
        fact = meta.function(**{instrument: given[instrument] for instrument in meta.instruments})
        assert decode(type(fact), json.loads(json.dumps(encode(fact)))) == fact
        return fact

    return run


def test_keys_are_counted_after_every_end(gather: Callable[..., Any]) -> None:
    shop = Shop(loses=frozenset({"crash"}))
    fact: RedisEndings = gather(redis_endings, "redis_endings", shop)
    assert [(m.ended, m.early_left, m.late_left) for m in fact.marked] == [
        ("restart", 12, 12),
        ("recreate", 12, 12),
        ("crash", 0, 0),
    ]
    assert fact.settings == {"cache": {"save": "", "appendonly": "yes"}}
    assert fact.unsaved == {}


def test_save_points_are_tried_by_a_snapshot(gather: Callable[..., Any]) -> None:
    fact: RedisEndings = gather(redis_endings, "redis_endings", Shop(settings={"save": "60 1000"}))
    assert fact.unsaved == {"cache": "rdb_last_bgsave_status is err"}


def test_a_stack_without_redis_is_not_touched(gather: Callable[..., Any]) -> None:
    shop = Shop()
    assert gather(redis_endings, "redis_endings", shop, redis=()) == RedisEndings()
    assert shop.events == []


def test_a_redis_that_cannot_be_asked_is_a_problem_and_no_loss(
    gather: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> str:
        raise GatherError("NOAUTH")

    shop = Shop()
    monkeypatch.setattr(shop, "ask_redis", refuses)
    fact: RedisEndings = gather(redis_endings, "redis_endings", shop)
    assert [m.problem for m in fact.marked] == ["it cannot be asked: NOAUTH"]
    assert shop.events == []


@pytest.mark.parametrize(("loses", "done"), [(set(), 11), ({"crash"}, 1), ({"restart", "crash"}, 1)])
def test_jobs_wait_in_the_redis_that_is_ended(gather: Callable[..., Any], loses: set[str], done: int) -> None:
    shop = Shop(loses=frozenset(loses))
    fact: QueueSurvival = gather(queue_survival, "queue_survival", shop)
    assert fact.stores == ("cache",)
    assert shop.events == ["restart cache", "crash cache"]
    assert sum(job.is_done for job in fact.jobs) == done
    assert len(fact.jobs) == 11


def test_what_waits_only_until_the_restart_is_lost_by_it_alone(gather: Callable[..., Any]) -> None:
    fact: QueueSurvival = gather(queue_survival, "queue_survival", Shop(loses=frozenset({"restart"})))
    assert {job.before: job.is_done for job in fact.jobs} == {"stop": True, "restart": False, "crash": True}


def test_a_worker_that_empties_the_queue_at_its_start_has_lost_the_job_that_waited(
    gather: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    losing = [True, True]  # what waited, and the first that comes while the worker starts

    def work() -> None:
        if "worker" not in shop.down and shop.queued and losing:
            losing.pop()
            shop.queued.clear()
        Shop.work(shop)

    monkeypatch.setattr(shop, "work", work)
    fact: QueueSurvival = gather(queue_survival, "queue_survival", shop)
    assert fact.not_done == {}
    assert {job.before: job.is_done for job in fact.jobs} == {"stop": False, "restart": True, "crash": True}


@pytest.mark.parametrize(("extra", "roles"), [({}, {}), (None, {"worker": ()})])
def test_without_jobs_or_worker_nothing_is_stopped(
    gather: Callable[..., Any], extra: dict[str, Any] | None, roles: dict[str, tuple[str, ...]]
) -> None:
    shop = Shop()
    fact: QueueSurvival = gather(queue_survival, "queue_survival", shop, extra=extra, **roles)
    assert fact.not_done
    assert shop.events == []


def test_a_key_is_repeated_through_restart_crash_and_a_failed_attempt(gather: Callable[..., Any]) -> None:
    shop = Shop()
    fact: IdempotentRepeats = gather(idempotent_repeats, "idempotent_repeats", shop)
    assert [repeat.after for repeat in fact.repeats] == ["at once", "restart", "crash", "failure"]
    assert {repeat.id for repeat in fact.repeats[:3]} == {fact.first_id}
    assert fact.other_id != fact.first_id
    assert (fact.failed and fact.failed.status, fact.repeats[-1].answer.status) == (503, 201)
    assert shop.events == ["restart cache", "restart api", "crash cache", "crash api"]


def test_a_key_that_is_forgotten_makes_another_order(gather: Callable[..., Any]) -> None:
    fact: IdempotentRepeats = gather(idempotent_repeats, "idempotent_repeats", Shop(loses=frozenset({"crash"})))
    assert {repeat.after for repeat in fact.repeats if repeat.id != fact.first_id} == {"crash", "failure"}


def test_a_key_that_a_failure_used_up_is_seen(gather: Callable[..., Any]) -> None:
    fact: IdempotentRepeats = gather(idempotent_repeats, "idempotent_repeats", Shop(poisons=True))
    assert fact.repeats[-1].answer.status == 409


def test_records_are_read_after_the_crash_and_after_the_recreation(gather: Callable[..., Any]) -> None:
    shop = Shop(loses=frozenset({"recreate"}))
    fact: RecordSurvival = gather(record_survival, "record_survival", shop, proxy=("proxy",))
    assert [(s.after, s.read, s.created) for s in fact.survived] == [("crash of db", 5, 5), ("recreation", 0, 5)]
    assert {answer.status for answer in fact.survived[1].missing} == {404}
    # Stores first, the proxy last.
    recreated = [event for event in shop.events if event.startswith("recreate")]
    assert recreated == [f"recreate {service}" for service in ("db", "cache", "api", "worker", "proxy")]
    assert fact.settings == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def test_a_target_without_a_record_or_a_database(gather: Callable[..., Any]) -> None:
    shop = Shop()
    assert gather(record_survival, "record_survival", shop, extra={}).not_done == {"record": "not configured: record"}
    assert shop.events == []
    fact: RecordSurvival = gather(record_survival, "record_survival", shop, db=())
    assert [s.after for s in fact.survived] == ["recreation"]


def test_settings_are_kept_without_passwords(gather: Callable[..., Any]) -> None:
    extra = {"settings": {"cache": {"appendfsync": "always"}}}
    shop = Shop(settings={"save": "", "maxmemory": "0", "dir": "/data", "appendfsync": "everysec", "timeout": "0"})
    fact: StoreSettings = gather(store_settings, "store_settings", shop, extra=extra, db=())
    (store,) = fact.stores
    assert (store.kind, store.version, store.directory, store.mounts) == ("redis", "7.2.4", "/data", None)
    assert store.settings == {"save": "", "maxmemory": "0", "dir": "/data", "appendfsync": "everysec"}
    assert store.variables == {"REDIS_MAXMEMORY": "64mb"}


def test_a_database_that_is_no_postgres_is_a_store_with_a_problem(
    gather: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()

    def refuses(*_: Any, **__: Any) -> str:
        raise GatherError("db has no psql")

    monkeypatch.setattr(shop, "ask_postgres", refuses)
    fact: StoreSettings = gather(store_settings, "store_settings", shop, redis=())
    assert [(store.kind, store.problem) for store in fact.stores] == [("", "db has no psql")]


def test_jobs_that_nobody_can_ask_for_are_no_reason_to_tell_nothing_of_redis(gather: Callable[..., Any]) -> None:
    extra = {"jobs": {**EXTRA["jobs"], "enqueue": {"method": "POST", "path": "/jobs", "as": "user"}}}
    fact: QueueSurvival = gather(queue_survival, "queue_survival", Shop(), extra=extra)
    assert fact.not_done == {"control": "no login is configured"}
