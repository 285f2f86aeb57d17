from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from readiness.exceptions import StackError, UnsupportedError
from readiness.runtime import reaper, swarm
from readiness.runtime.reaper import GATEWAY, LABEL_OWNER, LABEL_RUN, SWARM_BEGUN, leave_swarm, sweep
from readiness.runtime.swarm import OwnSwarm, notice, refusal

INACTIVE: dict[str, Any] = {"LocalNodeState": "inactive", "ControlAvailable": False}


def active(run_id: str = "", owner: str = "x") -> dict[str, Any]:
    labels = {LABEL_RUN: run_id, LABEL_OWNER: owner} if run_id else {}
    cluster = {"ID": "c1", "Spec": {"Name": "default", "Labels": labels}}
    return {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "n1", "Cluster": cluster}


class Api:
    """An engine's answers: ``states`` in their order, the last one again and again, until a swarm is made."""

    def __init__(
        self, *states: dict[str, Any], error: Exception | None = None, bridges: tuple[dict[str, Any], ...] = ()
    ) -> None:
        self.states, self.error, self.bridges = list(states), error, bridges
        self.made: list[dict[str, Any]] = []
        self.networks_made: list[dict[str, Any]] = []
        self.running: list[dict[str, Any]] = []

    def containers(self) -> list[dict[str, Any]]:
        return self.running

    def info(self) -> dict[str, Any]:
        return {"Swarm": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def networks(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"Name": f"{names[0]}2"}, *self.bridges]

    def create_network(self, name: str, **options: Any) -> None:
        self.networks_made.append({"name": name, **options})

    def create_swarm_spec(self, **spec: Any) -> dict[str, Any]:
        return spec

    def init_swarm(self, **options: Any) -> None:
        if self.error is not None:
            raise self.error
        self.made.append(options)
        self.states = [active(options["swarm_spec"]["labels"][LABEL_RUN])]


@pytest.fixture(autouse=True)
def lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A lock of the test's own: audits of this machine go on."""
    monkeypatch.setattr(swarm, "LOCK", f"\0readiness-swarm-test-{tmp_path}")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose swarms were left, instead of leaving one."""
    runs: list[str] = []
    monkeypatch.setattr(swarm, "leave_swarm", lambda run_id, work: runs.append(run_id) or ())
    return runs


def own(api: Api, tmp_path: Path, run_id: str = "r1", **options: Any) -> OwnSwarm:
    return OwnSwarm(api, run_id=run_id, owner="x", work=tmp_path, **{"sleep": lambda seconds: None, **options})


def test_the_swarm_bears_the_runs_label_and_listens_here_alone(tmp_path: Path, left: list[str]) -> None:
    api = Api(INACTIVE)
    mine = own(api, tmp_path)
    mine.check()
    mine.take()
    (made,) = api.made
    assert made["listen_addr"] == "127.0.0.1:2377"
    assert made["advertise_addr"] == made["data_path_addr"] == "127.0.0.1"
    assert made["swarm_spec"]["labels"] == {LABEL_RUN: "r1", LABEL_OWNER: "x"}
    (bridge,) = api.networks_made
    assert (bridge["name"], bridge["labels"][LABEL_RUN]) == (GATEWAY, "r1")
    assert not (tmp_path / SWARM_BEGUN).exists()
    mine.close()
    mine.close()
    assert left == ["r1"]


def test_a_bridge_that_was_there_before_stays_its_owners(tmp_path: Path, left: list[str]) -> None:
    api = Api(INACTIVE, bridges=({"Name": GATEWAY, "Labels": None},))
    mine = own(api, tmp_path)
    mine.take()
    mine.close()
    assert api.networks_made == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (active(), "is in a swarm already (active, manager)"),
        ({"LocalNodeState": "active", "ControlAvailable": False}, "is in a swarm already (active, worker)"),
        ({"LocalNodeState": "pending", "ControlAvailable": False}, "is in a swarm already (pending, worker)"),
        ({"LocalNodeState": "locked", "ControlAvailable": False}, "says locked"),
        ({"LocalNodeState": "error", "ControlAvailable": False}, "says error"),
        ({}, "says nothing"),
    ],
)
def test_an_engine_that_is_in_a_swarm_is_left_alone(
    state: dict[str, Any], said: str, tmp_path: Path, left: list[str]
) -> None:
    api = Api(state)
    mine = own(api, tmp_path)
    with pytest.raises(UnsupportedError, match="Swarm: inactive") as early:
        mine.check()
    with pytest.raises(UnsupportedError) as caught:
        mine.take()
    assert said in str(early.value)
    assert said in str(caught.value)
    mine.close()
    assert (api.made, api.networks_made) == ([], [])
    assert refusal(INACTIVE) is None


def test_a_second_audit_waits_and_then_says_that_it_could_not_tell(tmp_path: Path, left: list[str]) -> None:
    first, second = own(Api(INACTIVE), tmp_path), own(Api(INACTIVE), tmp_path, "r2", wait_seconds=0.05)
    first.take()
    second.check()
    with pytest.raises(UnsupportedError, match="another audit has had one"):
        second.take()
    second.close()
    assert left == [], "it has taken nothing"
    waits = own(Api(INACTIVE), tmp_path, "r3", sleep=lambda seconds: first.close())
    waits.take()
    assert left == ["r1"]
    waits.close()


def test_the_swarm_of_a_dead_audit_is_waited_for(tmp_path: Path, left: list[str]) -> None:
    api = Api(active("dead"), active("dead"), INACTIVE)
    mine = own(api, tmp_path)
    mine.take()
    assert len(api.made) == 1
    mine.close()
    bridge = {"Name": GATEWAY, "Labels": {LABEL_RUN: "dead"}}
    api = Api(INACTIVE, bridges=(bridge,))
    waits = own(api, tmp_path, sleep=lambda seconds: setattr(api, "bridges", ()))
    waits.take()
    assert len(api.networks_made) == 1, "what its guard is about to remove is no bridge of the engine's"
    waits.close()
    late = own(Api(active("dead")), tmp_path, wait_seconds=0.0)
    with pytest.raises(UnsupportedError, match="another audit has had one"):
        late.take()
    late.close()


def test_an_engine_that_makes_none_is_told_and_nothing_is_left(tmp_path: Path, left: list[str]) -> None:
    api = Api(INACTIVE, error=docker.errors.APIError("--live-restore is incompatible with swarm mode"))
    mine = own(api, tmp_path)
    with pytest.raises(UnsupportedError, match="live-restore is incompatible"):
        mine.take()
    assert not (tmp_path / SWARM_BEGUN).exists()
    mine.close()
    assert left == ["r1"], "the bridge that was made for it goes"


def test_who_is_interrupted_while_it_is_made_looks_longer(
    tmp_path: Path, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(INACTIVE, error=KeyboardInterrupt())  # type: ignore[arg-type]
    mine = own(api, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        mine.take()
    assert (tmp_path / SWARM_BEGUN).exists()
    mine.close()
    assert len(left) == swarm.CALM_LOOKS
    assert not (tmp_path / SWARM_BEGUN).exists()


def test_a_swarm_that_cannot_be_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swarm, "leave_swarm", lambda run_id, work: ("service s1",))
    monkeypatch.setattr(swarm, "LEAVE_SECONDS", 0.0)
    mine = own(Api(INACTIVE), tmp_path)
    mine.take()
    with pytest.raises(StackError, match="service s1"):
        mine.close()


def container(name: str, network: str, run_id: str = "") -> dict[str, Any]:
    labels = {LABEL_RUN: run_id} if run_id else {}
    return {"Names": [f"/{name}"], "Labels": labels, "NetworkSettings": {"Networks": {network: {}}}}


def test_an_engine_that_serves_others_gets_no_swarm(tmp_path: Path, left: list[str]) -> None:
    api = Api(INACTIVE)
    api.running = [container("blog-db-1", "blog_default"), container("lonely", "bridge")]
    mine = own(api, tmp_path)
    for ask in (mine.check, mine.take):
        with pytest.raises(UnsupportedError, match=r"1 containers of others run on it \(blog-db-1\), and would lose"):
            ask()
    mine.close()
    assert (api.made, api.networks_made) == ([], [])


def test_the_leftover_of_a_dead_audit_that_strangers_hold_up_is_told_with_its_remedy(
    tmp_path: Path, left: list[str]
) -> None:
    dead = dataclasses.replace(reaper.Owner.of(), started="1").describe()
    for owner, said in ((dead, "docker swarm leave --force, and then start those"), ("x", "audit on an engine of its")):
        api = Api(active("gone", owner))
        api.running = [container("blog-db-1", "blog_default")]
        with pytest.raises(UnsupportedError, match="blog-db-1") as caught:
            own(api, tmp_path).check()
        assert said in str(caught.value)


def test_the_guard_leaves_the_swarm_where_another_stack_of_the_run_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ("swarm of n1: not left while shop-db-1 would be forgotten by name",)
    monkeypatch.setattr(swarm, "leave_swarm", lambda run_id, work: said)
    api = Api(INACTIVE)
    api.running = [container("shop-db-1", "shop_back", "r1")]
    mine = own(api, tmp_path)
    mine.take()
    mine.close()
    monkeypatch.setattr(swarm, "LEAVE_SECONDS", 0.0)
    again = own(Api(INACTIVE), tmp_path)
    again.take()
    again._api.running = [container("blog-db-1", "blog_default")]  # begun meanwhile: its owner has to know
    with pytest.raises(StackError, match="could not be left"):
        again.close()


# Leaving, by the docker command alone.


class Engine:
    """A docker command: answers by the words of its arguments, and notes what was removed."""

    def __init__(self, state: dict[str, Any], **answers: str) -> None:
        self.state, self.answers = state, answers
        self.done: list[str] = []

    def __call__(self, arguments: list[str]) -> str | None:
        line = " ".join(arguments)
        if line.startswith("info"):
            return json.dumps(self.state)
        if "ls" not in arguments and arguments[0] != "ps":
            self.done.append(line)
            return ""
        kind = "ps" if arguments[0] == "ps" else arguments[0]
        is_ours = f"label={LABEL_RUN}=r1" in arguments
        if f"name=^{GATEWAY}$" in arguments:
            kind = "bridge"
        return self.answers.get(f"{kind}_ours" if is_ours else kind, "")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(engine: Engine) -> Engine:
        monkeypatch.setattr(reaper, "_docker", engine)
        monkeypatch.setattr(reaper, "shutil", SimpleNamespace(which=lambda name: name))
        return engine

    return put


@pytest.mark.parametrize("state", [INACTIVE, active(), active("r2"), {"LocalNodeState": "locked"}])
def test_no_swarm_without_the_runs_label_is_left(state: dict[str, Any], command: Any, tmp_path: Path) -> None:
    engine = command(Engine(state, service="s1", node="n1"))
    assert leave_swarm("r1", tmp_path) == ()
    assert engine.done == []


def test_a_swarm_is_left_step_by_step(command: Any) -> None:
    engine = command(Engine(active("r1"), service_ours="s1\n", ps_ours="c1\n", network_ours="o1\n", node="n1\n"))
    assert leave_swarm("r1") == ("service s1",)
    engine.answers["service_ours"] = ""
    assert leave_swarm("r1") == ("container c1",)
    engine.answers["ps_ours"] = ""
    assert leave_swarm("r1") == ("swarm of n1",)
    engine.state, engine.answers["bridge_ours"] = INACTIVE, "b1\n"
    assert leave_swarm("r1") == ("network b1",)
    engine.answers["bridge_ours"] = ""
    assert leave_swarm("r1") == ()
    assert engine.done == ["service rm s1", "rm -fv c1", "network rm o1", "swarm leave --force", "network rm b1"]


@pytest.mark.parametrize(
    "strangers",
    [{"service": "s2"}, {"secret": "x"}, {"config": "x"}, {"network": "theirs\ningress\n"}, {"node": "n1\nn2"}],
)
def test_a_swarm_that_others_use_by_now_is_not_left(strangers: dict[str, str], command: Any) -> None:
    engine = command(Engine(active("r1"), **{"node": "n1", **strangers}))
    assert leave_swarm("r1") == ("swarm of n1: not left because others use it",)
    assert engine.done == []


def test_no_swarm_is_left_while_containers_find_each_other_by_name(command: Any) -> None:
    engine = command(Engine(active("r1"), node="n1", ps="blog-db-1\tblog_default\nalone\tbridge\nbare\t\n"))
    assert leave_swarm("r1") == ("swarm of n1: not left while blog-db-1 would be forgotten by name",)
    assert engine.done == []
    engine.answers["ps"] = "alone\tbridge\n"
    assert leave_swarm("r1") == ("swarm of n1",)
    assert engine.done == ["swarm leave --force"]


@pytest.mark.parametrize(
    "silent",
    ["service ls", "ps -aq", "network ls", "secret ls", "config ls", "node ls", "ps --format"],
)
def test_what_the_engine_does_not_answer_is_never_taken_for_nobody(
    silent: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = command(Engine(active("r1"), node="n1"))
    monkeypatch.setattr(reaper, "_docker", lambda words: None if " ".join(words[:2]) == silent else engine(words))
    assert leave_swarm("r1") == (f"swarm of n1: {silent} does not answer",)
    assert engine.done == []


def test_a_bridge_that_the_engine_does_not_tell_of_is_a_find(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = command(Engine(INACTIVE))
    monkeypatch.setattr(reaper, "_docker", lambda words: None if words[0] == "network" else engine(words))
    assert leave_swarm("r1") == ("swarm: network ls does not answer",)


def test_a_swarm_in_the_making_is_waited_for(command: Any, tmp_path: Path) -> None:
    engine = command(Engine(active()))
    (tmp_path / SWARM_BEGUN).write_text(GATEWAY, encoding="utf-8")
    engine.answers["bridge"] = engine.answers["bridge_ours"] = "b1\n"
    assert leave_swarm("r1", tmp_path) == ("swarm: being made",)
    assert leave_swarm("r1") == ()
    assert engine.done == [], "the engine would make another bridge, without a label"
    engine.state, engine.answers["bridge_ours"] = INACTIVE, ""
    assert leave_swarm("r1", tmp_path) == ("network b1",)
    assert engine.done == ["network rm b1"]


def test_the_bridge_that_was_there_before_a_swarm_in_the_making_stays(command: Any, tmp_path: Path) -> None:
    engine = command(Engine(INACTIVE, bridge="b1\n"))
    (tmp_path / SWARM_BEGUN).write_text("", encoding="utf-8")
    assert leave_swarm("r1", tmp_path) == ()
    assert engine.done == []


def test_a_sweep_leaves_the_bridge_to_the_swarm(command: Any) -> None:
    engine = command(Engine(active(), network_ours="b1\nn1\n", bridge_ours="b1\n"))
    assert sweep("r1") == ("network n1",)
    assert engine.done == ["network rm n1"]


def test_an_engine_that_does_not_answer_is_a_find_and_none_is_clean(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(lambda arguments: None)
    assert leave_swarm("r1") == ("swarm: the engine does not answer",)
    monkeypatch.setattr(reaper, "shutil", SimpleNamespace(which=lambda name: None))
    assert leave_swarm("r1") == ()


def test_the_swarm_of_a_dead_run_is_found_by_its_own_label(command: Any) -> None:
    command(Engine(active("r1")))
    assert reaper._labelled() == {"r1": {"x"}}
    command(Engine(active()))
    assert reaper._labelled() == {}


def test_a_later_run_leaves_the_swarm_that_a_dead_one_could_not(
    command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # nothing is registered there: the guard has forgotten it
    monkeypatch.setattr(reaper, "ROUNDS", 2)
    monkeypatch.setattr(reaper, "_signal_processes", lambda *_: 0)
    dead = dataclasses.replace(reaper.Owner.of(), started="1").describe()
    engine = command(Engine(active("r1", dead), node="n1", ps="blog-db-1\tblog_default\n"))
    reaper.reap_dead_runs()
    assert engine.done == []
    engine.answers["ps"] = ""
    reaper.reap_dead_runs()
    assert engine.done[0] == "swarm leave --force"


def test_the_end_of_a_run_tells_what_keeps_its_swarm_and_what_to_do(command: Any) -> None:
    engine = command(Engine(active("r1"), node="n1", ps="blog-db-1\tblog_default\n"))
    told, remedy = notice("r1")
    assert told.endswith("while blog-db-1 would be forgotten by name")
    assert "docker swarm leave --force, and then start those containers again" in remedy
    engine.answers.update(ps="", service="s1", service_ours="s1")
    assert notice("r1")[0].endswith("although nothing stands in the way any more"), "its own service is no stranger's"
    engine.answers["secret"] = "x"
    assert notice("r1")[0].endswith("because others use it")
    assert notice("r2") == ()
    engine.state = INACTIVE
    assert notice("r1") == ()
    assert engine.done == []
    command(lambda words: None)
    assert "does not answer" in notice("r1")[0]
