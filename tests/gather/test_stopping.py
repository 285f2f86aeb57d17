from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from readiness.declared.jobs import JOB_DONE, jobs_of
from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.containers import Container
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.stack_stop import JobState, StackRestart, StoppedService, WorkerStop
from readiness.gather import gatherer_meta, stack_restart, worker_stop
from readiness.gather.job_asking import JobDesk, place_in
from readiness.gather.stack_restart import restart_under_load
from readiness.gather.stopping import inner_entry, limits_off, merged, stop_order, stop_service, wait_healthy
from readiness.gather.worker_stop import stop_in_a_job
from readiness.runtime import Capability, ServiceState, Stack
from readiness.target import Entry, Limit, Role, Target
from tests.gather.asked import Answer, FakeHttp

RECORD = {"create": {"method": "POST", "path": "/items", "id": "id"}, "read": "/items/{id}"}
JOBS = {
    "enqueue": {"method": "POST", "path": "/jobs", "expect": [202]},
    "result": "/jobs/{id}",
    "runs": "runs",
    "redelivery_seconds": 0.01,
    "seconds": 0.01,
}
#: How many times a job that has begun can be looked at until it is done.
LOOKS = 6


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (worker_stop, stack_restart):
        monkeypatch.setattr(module, "JOB_SECONDS", 0.0)
    monkeypatch.setattr(worker_stop, "PICK_UP_SECONDS", 0.2)
    monkeypatch.setattr(stack_restart, "SECOND_LOOK_SECONDS", 0.0)


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": (Entry(name="proxy", service="proxy", port=80), Entry(name="direct", service="api", port=8000)),
        "roles": {Role.WORKER: ("worker",)},
        "extra": {"record": RECORD, "jobs": JOBS},
    }
    return Target(**(values | changes))


@dataclass
class World:
    """A service with records and a queue, a worker for which time goes by with every look, and ways of being unsound."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)
    running: dict[str, bool] = field(default_factory=lambda: {"proxy": True, "worker": True, "api": True})
    capabilities: frozenset[Capability] = frozenset(Capability) - {Capability.INSPECT}
    runtime: str = "process"
    finishes: bool = True
    drops: bool = False
    twice: bool = False
    forgets_records: bool = False
    exit_code: int = 0
    stopped: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    never_works: bool = False
    refuses: bool = False
    unreadable: bool = False
    in_vain: set[str] = field(default_factory=set)

    # The stack.

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.running)

    def state(self, service: str) -> ServiceState:
        is_running = self.running[service]
        return ServiceState(
            service=service,
            status="running" if is_running else "exited",
            instance="1",
            started_at="",
            exit_code=None if is_running else self.exit_code,
        )

    def stop(self, service: str) -> None:
        if service in self.in_vain:
            raise StackError(f"{service} would not be stopped")
        self.stopped.append(service)
        if service == "worker":
            self._end_of_worker()
        self.running[service] = False

    def start(self, service: str) -> None:
        self.started.append(service)
        self.running[service] = True
        if service == "api" and self.forgets_records:
            self.records.clear()
        for job in self.jobs.values():
            if job["status"] == "running" and service == "worker":
                job["status"] = "lost" if self.drops else "queued"
            elif job.pop("again", False):
                job["runs"] += 1

    def logs(self, service: str, *, tail: int = 1000, since: object = None) -> str:
        del tail, since
        return f"{service} ends\n"

    def environment(self, service: str) -> Mapping[str, str]:
        del service
        return {}

    def _end_of_worker(self) -> None:
        for job in self.jobs.values():
            if job["status"] == "running" and self.finishes:
                job |= {"status": "done", "runs": 1, "again": self.twice}

    # The service.

    def serve(  # noqa: PLR0911  # one flat list of routes
        self, _entry: str, method: str, path: str, _headers: Mapping[str, str]
    ) -> Answer:
        if not self.running["api"]:
            return None, {}, ""
        if self.refuses and method == "POST":
            return 401, {}, "{}"
        if (method, path) == ("POST", "/jobs"):
            name = f"j{len(self.jobs)}"
            self.jobs[name] = {"status": "queued", "runs": 0}
            return 202, {}, json.dumps({"id": name})
        if (method, path) == ("POST", "/items"):
            name = str(len(self.records) + 1)
            self.records.add(name)
            return 201, {}, json.dumps({"id": int(name)})
        if path.startswith("/items/"):
            return (200 if path.rpartition("/")[2] in self.records and not self.unreadable else 404), {}, "{}"
        if path.startswith("/jobs/"):
            self._work()
            return 200, {}, json.dumps(self.jobs[path.rpartition("/")[2]])
        return 200, {}, "ok"

    def _work(self) -> None:
        if not self.running["worker"] or self.never_works:
            return
        current = next((job for job in self.jobs.values() if job["status"] == "running"), None)
        waiting = next((job for job in self.jobs.values() if job["status"] == "queued"), None)
        if current is None and waiting is not None:
            waiting |= {"status": "running", "looks": LOOKS}
        elif current is not None:
            current["looks"] -= 1
            if current["looks"] == 0:
                current |= {"status": "done", "runs": 1}


def stopped_in(world: World, **changes: Any) -> WorkerStop:
    declared = target(**changes)
    jobs = jobs_of(declared)
    assert jobs is not None
    http = cast("Any", FakeHttp(world.serve))
    fact = stop_in_a_job(declared, cast("Stack", world), http, jobs, sleep=lambda _: None)
    assert decode(WorkerStop, json.loads(json.dumps(encode(fact)))) == fact
    return fact


def restarted(world: World, **changes: Any) -> StackRestart:
    http = cast("Any", FakeHttp(world.serve))
    order = ("proxy", "worker", "api")
    fact = restart_under_load(target(**changes), cast("Stack", world), http, order, writing_seconds=0.2)
    assert decode(StackRestart, json.loads(json.dumps(encode(fact)))) == fact
    return fact


def test_a_worker_that_finishes_is_seen_to_finish() -> None:
    fact = stopped_in(World())
    assert fact.problem == ""
    first, *rest = fact.jobs
    assert (first.before, first.at_rest, first.after, first.runs) == (JobState.RUNNING, JobState.DONE, JobState.DONE, 1)
    assert [job.before for job in rest] == [JobState.WAITING, JobState.WAITING]
    assert [job.after for job in rest] == [JobState.DONE, JobState.DONE]
    assert fact.control is not None
    assert fact.control.after is JobState.DONE
    assert [each.service for each in fact.stopped] == ["worker"]


def test_a_job_that_is_given_out_again_is_under_way_while_the_worker_is_stopped() -> None:
    first, *_ = stopped_in(World(finishes=False)).jobs
    assert (first.before, first.at_rest, first.after) == (JobState.RUNNING, JobState.RUNNING, JobState.DONE)


def test_a_dropped_job_is_never_done_and_a_later_one_is() -> None:
    fact = stopped_in(World(finishes=False, drops=True))
    assert fact.jobs[0].after is JobState.WAITING
    assert fact.control is not None
    assert fact.control.after is JobState.DONE


def test_a_job_that_is_done_again_is_counted() -> None:
    assert stopped_in(World(twice=True)).jobs[0].runs == 2


def test_a_worker_that_works_at_no_time_is_no_matter_of_its_stop() -> None:
    world = World(never_works=True)
    assert "was not done within" in stopped_in(world).problem
    assert world.stopped == []


def test_a_job_that_is_not_taken_stops_nothing() -> None:
    world = World(refuses=True)
    assert stopped_in(world).problem.startswith("no job was taken: POST")
    assert world.stopped == []


def test_a_worker_that_cannot_be_stopped_is_told_and_started_all_the_same() -> None:
    world = World(in_vain={"worker"})
    fact = stopped_in(world)
    assert fact.stopped[0].problem == "worker would not be stopped"
    assert world.started == ["worker"]


def test_without_jobs_no_second_stack_is_started() -> None:
    meta = gatherer_meta(worker_stop.worker_stop)
    assert meta is not None
    fact = meta.function(target(extra={}, declined={"jobs": "it has none"}), None)
    assert (fact.problem, fact.undeclared) == ("it has none", "jobs")
    assert meta.function(target(roles={}), None).undeclared == "roles.worker"


def test_all_is_stopped_in_order_while_clients_write_and_read_back_afterwards() -> None:
    world = World()
    patient = {**JOBS, "redelivery_seconds": 10.0}
    fact = restarted(world, extra={"record": RECORD, "jobs": patient})
    assert world.stopped == ["proxy", "worker", "api"]
    assert world.started == ["api", "worker", "proxy"]
    assert fact.is_back
    assert fact.records.acknowledged == len(world.records) > 0
    assert fact.records.late == fact.records.acknowledged
    assert (fact.records.lost, fact.records.unread) == ((), ())
    assert fact.jobs.acknowledged > 0
    assert fact.jobs.lost == ()


def test_records_that_are_gone_are_lost() -> None:
    fact = restarted(World(forgets_records=True))
    assert len(fact.records.lost) == min(fact.records.acknowledged, stack_restart.SHOWN)
    assert ": 404" in fact.records.lost[0].answer


def test_records_that_nobody_can_read_at_rest_tell_nothing_of_a_restart() -> None:
    fact = restarted(World(unreadable=True))
    assert fact.records.reason.startswith("a record just created is not read back: GET")
    assert fact.records.lost == ()


def test_a_stack_without_anything_to_keep_is_stopped_all_the_same() -> None:
    world = World()
    fact = restarted(world, extra={}, declined={"record": "it computes", "jobs": "it has none"})
    assert len(fact.stopped) == 3
    assert (fact.records.reason, fact.records.undeclared) == ("it computes", "")
    assert fact.jobs.reason == "it has none"


def test_what_is_not_declared_is_named() -> None:
    fact = restarted(World(), extra={"record": {"create": RECORD["create"]}})
    assert (fact.records.reason, fact.records.undeclared) == ("not configured: record.read", "record.read")
    assert fact.jobs.undeclared == "jobs"


def test_a_service_that_stays_away_is_a_problem_and_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_restart, "BACK_SECONDS", 0.0)
    world = World()
    monkeypatch.setattr(world, "start", lambda service: None)
    fact = restarted(world)
    assert not fact.is_back
    assert "after the restart" in fact.problem
    assert fact.records.lost == ()


def test_writes_that_are_refused_are_told() -> None:
    fact = restarted(World(refuses=True))
    assert fact.records.reason.startswith("none was acknowledged: POST")
    assert fact.jobs.reason.startswith("none was acknowledged: POST")


def test_dependents_are_stopped_first() -> None:
    def service(name: str, *needs: str) -> ServiceModel:
        return ServiceModel(name=name, depends_on=dict.fromkeys(needs, "service_started"))

    model = StackModel(
        services={
            s.name: s for s in (service("db"), service("api", "db"), service("proxy", "api"), service("cron", "db"))
        }
    )
    assert stop_order(model, model.services) == ("cron", "proxy", "api", "db")
    circle = StackModel(services={s.name: s for s in (service("a", "b"), service("b", "a"))})
    assert stop_order(circle, ["a", "b"]) == ("a", "b")


def test_a_service_that_has_ended_is_not_stopped() -> None:
    world = World(running={"migrate": False})
    assert stop_service(cast("Stack", world), "migrate") == StoppedService(service="migrate", was="exited", exit_code=0)
    assert world.stopped == []


def test_a_stop_tells_exit_code_and_last_lines() -> None:
    seen = stop_service(cast("Stack", World(exit_code=137)), "api")
    assert (seen.exit_code, seen.log, seen.grace_seconds) == (137, "api ends", 10.0)


def test_of_several_replicas_the_killed_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(capabilities=frozenset(Capability))
    replicas = [
        Container(service="api", number=number, id=str(number), image="x", exit_code=code, stop_seconds=20.0)
        for number, code in ((1, 0), (2, 137))
    ]
    monkeypatch.setattr(world, "containers", lambda _service: tuple(replicas), raising=False)
    seen = stop_service(cast("Stack", world), "api")
    assert (seen.exit_code, seen.grace_seconds) == (137, 20.0)
    replicas.pop()
    world.running["api"] = True
    assert stop_service(cast("Stack", world), "api").exit_code == 0


def test_without_a_health_check_nothing_is_waited_for() -> None:
    assert wait_healthy(cast("Stack", World()), "api", at_most_seconds=0)
    assert not wait_healthy(cast("Stack", World(running={"api": False})), "api", at_most_seconds=0)


def test_limiters_are_switched_off_where_the_owner_names_a_variable() -> None:
    limits = (
        Limit(path="/", requests=1, env={"enabled": "LIMIT"}),
        Limit(path="/", requests=1, service="edge", env={"enabled": "EDGE"}),
        Limit(path="/", requests=1),
    )
    assert limits_off(target(limits=limits)) == {"api": {"LIMIT": "false"}, "edge": {"EDGE": "false"}}
    assert merged({"a": {"x": "1"}}, {"a": {"y": "2"}, "b": {}}) == {"a": {"x": "1", "y": "2"}, "b": {}}


def test_the_service_itself_is_asked_where_it_can_be() -> None:
    entry = inner_entry(target())
    assert entry is not None
    assert entry.name == "direct"
    assert inner_entry(target(entries=())) is None


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ('{"status": "SUCCESS"}', JobState.DONE),
        ('{"state": "active"}', JobState.RUNNING),
        ('{"status": "dead"}', JobState.FAILED),
        ('{"status": "pending"}', JobState.WAITING),
        ("{}", JobState.UNKNOWN),
        ("no JSON", JobState.UNKNOWN),
    ],
)
def test_usual_words_are_understood(body: str, state: JobState) -> None:
    jobs = jobs_of(target())
    assert jobs is not None
    http = cast("Any", FakeHttp(lambda *_: (200, {}, body)))
    desk = JobDesk(http=http, entry=target().entries[0], jobs=jobs)
    assert desk.look("1").state is state


def test_a_job_that_nobody_knows_is_gone_and_a_refusal_tells_nothing() -> None:
    jobs = jobs_of(target())
    assert jobs is not None
    for status, state in ((404, JobState.GONE), (410, JobState.GONE), (429, JobState.UNKNOWN)):
        http = cast("Any", FakeHttp(lambda *_, status=status: (status, {}, "{}")))
        assert JobDesk(http=http, entry=target().entries[0], jobs=jobs).look("1").state is state


def test_the_owners_words_replace_the_usual_ones() -> None:
    declared = {**JOBS, "status": {"at": "data.phase", "done": ["Ready"]}, "id": "data.id", "env": {"seconds": "S"}}
    jobs = jobs_of(target(extra={"jobs": declared}))
    assert jobs is not None
    assert (jobs.status_at, jobs.done, jobs.id, jobs.seconds_variable) == (("data.phase",), ("ready",), "data.id", "S")
    assert jobs.failed != JOB_DONE
    assert jobs_of(target(extra={"jobs": {"seconds": 3}})) is None


def test_an_unanswered_question_is_unknown() -> None:
    jobs = jobs_of(target())
    assert jobs is not None
    http = cast("Any", FakeHttp(lambda *_: (None, {}, "")))
    desk = JobDesk(http=http, entry=target().entries[0], jobs=jobs)
    assert desk.look("1").state is JobState.UNKNOWN
    name, answer = desk.enqueue()
    assert name is None
    assert "no answer" in answer


def test_places_are_dotted() -> None:
    assert place_in('{"data": {"id": 7}}', "data.id") == 7
    assert place_in('{"data": []}', "data.id") is None
    assert place_in("[", "data") is None
