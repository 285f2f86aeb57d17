from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.client
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from readiness.check import Impact
from readiness.declared.startup import FetchedModel, fetched_model_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts._codec import decode, encode
from readiness.facts.fetched import ModelDownloads, SmallCache
from readiness.facts.model import ServiceModel, StackModel
from readiness.gather import gatherer_meta
from readiness.gather import model_downloads as module
from readiness.gather.model_downloads import Patience, contents_of
from readiness.instruments.stub import Kind, Plan, Received, Script, Stub, Stubs, answer, cut
from readiness.runtime import Capability, Completed, Endpoint, ServiceState, Variant
from readiness.target import Entry, Probe, ProbeKind, Request, Target
from readiness.verdict import Inconclusive

BYTES = 16384
QUICK = Patience(ready=5.0, ended=0.1, full=0.4, full_silent=1.0, word=0.5, interval=0.02, ask=2.0)
ENTRY = Entry(name="direct", service="api", port=8000)
PROBE = Probe(
    kind=ProbeKind.LOADING, path="/health/model", proof=Request(method="POST", path="/embed", json={"text": "hello"})
)


def a_target(folder: Path, **changes: Any) -> Target:
    model = {"hub_env": "HUB", "cache": "${CACHE}", "files": {"/org/weights.bin": BYTES, "/org/config.json": "c.json"}}
    (folder / "c.json").write_text("{}")
    target = Target(
        name="shop",
        folder=str(folder),
        service="api",
        entries=(ENTRY,),
        probes={ProbeKind.LOADING: PROBE},
        extra={"startup": {"model": model}},
    )
    return dataclasses.replace(target, **changes)


@dataclass
class FakeStack:
    """A service that fetches its model from the hub over real sockets, and answers its probe at another stub."""

    folder: Path
    mode: str = "sound"
    variables: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "compose"
    capabilities: frozenset[Capability] = frozenset(Capability)
    services: tuple[str, ...] = ("api", "proxy")
    disk_bytes: int = 0
    device: str = "/dev/vda"
    status: str = "running"
    restarts: int = 0
    stopped: int = 0
    front: Stub = field(default_factory=lambda: Stub("127.0.0.1"))
    thread: threading.Thread | None = None
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def copy(self) -> Path:
        return self.folder / "cache" / "weights.bin"

    def run(self) -> None:
        """Fetch until it is there; as told, end over it."""
        self.status, self.restarts = "running", 0
        self.is_over.clear()
        self.say(503, {"status": "loading"})
        self.thread = threading.Thread(target=self._load, daemon=True)
        self.thread.start()

    def say(self, status: int, body: object, vector: Sequence[float] = ()) -> None:
        proof = answer(status, json.dumps({"embedding": list(vector)}).encode())
        plans = {"/health/model": Plan(then=answer(status, json.dumps(body).encode())), "/embed": Plan(then=proof)}
        self.front.play(Script(plans=plans))

    def _load(self) -> None:
        found = self._copied()
        while found is None and self.status == "running" and not self.is_over.wait(0.02):
            content = self._fetched()
            if content is None:
                self._be(**{"ends over the download": "end", "gives up": "leave", "never asks": "leave"})
                self.restarts += self.mode == "started again" and not self.restarts
            elif self.disk_bytes and self.disk_bytes < BYTES:
                self.say(503, {"status": "error", "message": "No space left on device"})
                self._be(**{"ends over the disk": "end"})
            else:
                found = content
                self.copy.parent.mkdir(exist_ok=True)
                self.copy.write_bytes(content)
        if found is not None and self.status == "running":
            self.say(200, {"status": "ok"}, [len(found) / BYTES, 1.0, 2.0, 3.0])

    def _copied(self) -> bytes | None:
        found = self.copy.read_bytes() if self.copy.is_file() else None
        if found is None or len(found) == BYTES or self.mode == "serves anything":
            return found
        if self.mode == "throws away and ends":
            self.copy.unlink()
        self._be(**{"ends over the copy": "end", "throws away and ends": "end"})
        return None

    def _fetched(self) -> bytes | None:
        if self.mode == "never asks":
            return None
        for number in range(70 if self.mode == "asks for much" else 0):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.variables['HUB']}/optional/{number}", timeout=5).close()  # noqa: S310  # as below
        try:
            with urllib.request.urlopen(f"{self.variables['HUB']}/org/weights.bin", timeout=5) as response:  # noqa: S310  # of the test's own hub
                content: bytes = response.read()
                tag = response.headers["ETag"]
        except (OSError, http.client.HTTPException):
            return None
        return content if tag == f'"{hashlib.sha256(content).hexdigest()}"' else None

    def _be(self, **modes: str) -> None:
        """End, or do nothing more, where the mode says so."""
        if modes.get(self.mode) == "end":
            self.end()
        elif modes.get(self.mode) == "leave":
            self.is_over.set()

    def end(self) -> None:
        self.status = "exited"
        self.front.play(Script(otherwise=Plan(then=cut())))

    def state(self, service: str) -> ServiceState:
        return ServiceState(
            service=service, status=self.status, instance="1", started_at="", exit_code=1, restarts=self.restarts
        )

    def stop(self, service: str) -> None:
        self.stopped += 1
        self.is_over.set()
        if self.thread is not None:
            self.thread.join(5)
        self.status = "exited"

    def start(self, service: str) -> None:
        self.run()

    def endpoint(self, service: str, port: int) -> Endpoint:
        if self.status != "running":
            raise StackError(f"{service} does not run")
        return Endpoint(host=self.front.host, port=self.front.port)

    def environment(self, service: str) -> Mapping[str, str]:
        return {"CACHE": str(self.folder / "cache"), **self.variables}

    def throw_away_place(self, service: str, path: str) -> str:
        place = Path(path).resolve()
        if not place.is_relative_to(self.folder.resolve()):
            raise StackError(f"{path} of {service} is not below its throw-away directory")
        return str(place)

    def logs(self, service: str, **_: Any) -> str:
        return "loading\n"

    def execute(self, service: str, command: Sequence[str], **_: Any) -> Completed:
        if command[0] == "df":
            blocks = (self.disk_bytes or 10**9) // 1024
            return Completed(exit_code=0, output=f"{self.device} {blocks} 0 {blocks} 0% /cache\n")
        if command[0] == "find":
            done = subprocess.run(list(command), check=False, capture_output=True, text=True)
            return Completed(exit_code=done.returncode, output=done.stdout + done.stderr)
        return Completed(exit_code=127, output="not found")


@dataclass
class FakeVariants:
    """Yields the one stack, started as the variant says."""

    stack: FakeStack
    asked: list[Variant] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self, variant: Variant) -> Iterator[FakeStack]:
        self.asked.append(variant)
        self.stack.variables = variant.environment["api"]
        self.stack.disk_bytes = next(iter(variant.tmpfs.get("api", {}).values()), self.stack.disk_bytes)
        self.stack.run()
        try:
            yield self.stack
        finally:
            self.stack.stop("api")
            self.stack.front.close()


class FakeRuntime:
    name = "process"

    def model(self) -> StackModel:
        return StackModel(
            services={
                "api": ServiceModel(name="api"),
                "proxy": ServiceModel(name="proxy", depends_on={"api": "service_healthy"}),
            }
        )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FetchScenario", lambda **arguments: SCENARIO(**{**arguments, "patience": QUICK}))


SCENARIO = module.FetchScenario


def gathered(name: str, target: Target, stack: FakeStack, variants: FakeVariants | None = None) -> Any:
    meta = gatherer_meta(getattr(module, name)._get_wrapped_function())
    assert meta is not None
    assert meta.impact is Impact.DISRUPTS
    return meta.function(
        target=target,
        stack=stack,
        runtime=FakeRuntime(),
        variants=variants or FakeVariants(stack),
        stubs=Stubs("process"),
        progress=lambda *_, **__: None,
    )


def downloads(folder: Path, mode: str = "sound", **changes: Any) -> ModelDownloads:
    return cast("ModelDownloads", gathered("model_downloads", a_target(folder, **changes), FakeStack(folder, mode)))


def test_a_sound_service_tries_again_and_fetches_a_cut_copy_again(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path)
    variants = FakeVariants(stack)
    seen = gathered("model_downloads", a_target(tmp_path), stack, variants)
    assert decode(ModelDownloads, encode(seen)) == seen
    assert seen.file == "/org/weights.bin"
    assert [request.answer for request in seen.broken.requests] == ["cut", "limited", "served"]
    assert seen.broken.ready_seconds is not None
    assert not seen.broken.has_ended
    assert seen.control is None
    assert seen.cut_files == (str(stack.copy),)
    assert seen.cut_sources == ("/org/weights.bin",)
    assert [request.answer for request in seen.corrupt.requests] == ["served"]
    assert seen.is_same_answer is True
    assert stack.copy.stat().st_size == BYTES
    (variant,) = variants.asked
    assert (variant.stopped, variant.wait, variant.may_fail) == (("proxy",), False, True)


def test_a_process_that_ends_over_the_download_is_seen_and_gets_a_control(tmp_path: Path) -> None:
    seen = downloads(tmp_path, "ends over the download")
    assert seen.broken is not None
    assert seen.broken.has_ended
    assert (seen.broken.ready_seconds, seen.broken.exit_code) == (None, 1)
    assert seen.control is not None
    assert seen.control.ready_seconds is not None
    assert seen.corrupt is not None


def test_an_end_that_only_shows_by_a_restart_has_its_time(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path, "started again")
    seen = gathered("model_downloads", a_target(tmp_path), stack)
    assert (seen.broken.restarts, seen.broken.first_end_seconds is not None) == (1, True)
    assert seen.broken.last_end_seconds >= seen.broken.requests[0].seconds


def test_requests_for_the_model_are_kept_beside_many_others(tmp_path: Path) -> None:
    seen = downloads(tmp_path, "asks for much")
    assert seen.broken is not None
    mine = [request.answer for request in seen.broken.requests if request.path == seen.file]
    assert mine == ["cut", "limited", "served"]
    assert seen.broken.requests_total > len(seen.broken.requests) > 60
    assert [r.seconds for r in seen.broken.requests] == sorted(r.seconds for r in seen.broken.requests)


@pytest.mark.parametrize(
    ("status", "asked", "expected"),
    [(206, "bytes=0-0", "sized"), (206, "bytes=5-", "served"), (304, "", "unchanged"), (404, "", "unknown")],
)
def test_what_a_request_got_is_told(status: int, asked: str, expected: str) -> None:
    received = Received(
        method="GET",
        path="/w?x",
        headers=(("Range", asked),),
        body=b"",
        body_bytes=0,
        at=2.0,
        behaviour=Kind.ANSWER,
        status=status,
    )
    seen = module._request(received, 1.0)
    assert (seen.path, seen.seconds, seen.answer) == ("/w", 1.0, expected)


def test_one_that_gives_up_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "FetchScenario", lambda **a: SCENARIO(**{**a, "patience": dataclasses.replace(QUICK, ready=0.6)})
    )
    seen = downloads(tmp_path, "gives up")
    assert seen.broken is not None
    assert [request.answer for request in seen.broken.requests] == ["cut"]
    assert seen.broken.ready_seconds is None
    assert seen.broken.said is not None
    assert (seen.broken.said.standing, seen.broken.said.status) == ("no", 503)


def test_one_that_ends_over_a_cut_copy_is_seen(tmp_path: Path) -> None:
    seen = downloads(tmp_path, "ends over the copy")
    assert seen.corrupt is not None
    assert seen.corrupt.has_ended
    assert seen.corrupt.requests == ()
    assert seen.corrupt_again is not None
    assert seen.corrupt_again.has_ended
    assert (tmp_path / "cache" / "weights.bin").stat().st_size == BYTES // 2
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["weights.bin"]


def test_one_that_throws_a_cut_copy_away_at_its_end_is_started_once_more(tmp_path: Path) -> None:
    seen = downloads(tmp_path, "throws away and ends")
    assert seen.corrupt is not None
    assert (seen.corrupt.has_ended, seen.corrupt.has_ended_again) == (True, False)
    assert seen.corrupt_again is not None
    assert [request.answer for request in seen.corrupt_again.requests] == ["served"]
    assert seen.is_same_answer is True


def test_one_that_serves_a_cut_copy_is_seen_by_its_vectors(tmp_path: Path) -> None:
    seen = downloads(tmp_path, "serves anything")
    assert seen.corrupt is not None
    assert seen.corrupt.ready_seconds is not None
    assert seen.is_same_answer is False


def test_only_copies_of_the_length_of_a_served_file_are_cut(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine").write_bytes(b"x" * (BYTES + 1))
    seen = downloads(tmp_path)
    assert [Path(place).name for place in seen.cut_files] == ["weights.bin"]
    assert (tmp_path / "cache" / "mine").stat().st_size == BYTES + 1


def test_a_cache_that_a_restart_empties_is_not_cut(tmp_path: Path) -> None:
    seen = gathered("model_downloads", a_target(tmp_path), FakeStack(tmp_path, device="tmpfs"))
    assert seen.corrupt is None
    assert "in memory" in seen.corrupt_not_done


def test_a_cache_of_the_owners_is_neither_filled_nor_cut(tmp_path: Path) -> None:
    for name in ("owners", "copy"):
        (tmp_path / name).mkdir()
    mine = tmp_path / "owners" / "weights.bin"
    mine.write_bytes(b"x" * BYTES)
    (tmp_path / "copy" / "cache").symlink_to(tmp_path / "owners")
    stack = FakeStack(tmp_path / "copy", runtime="process")
    variants = FakeVariants(stack)
    assert "throw-away" in gathered("model_downloads", a_target(tmp_path), stack, variants).not_done
    assert variants.asked == []
    # Whatever let it come so far: nothing is cut.
    mine.unlink()
    seen = gathered("model_downloads", a_target(tmp_path), FakeStack(tmp_path / "copy"))
    assert "throw-away" in seen.corrupt_not_done
    assert (seen.corrupt, mine.stat().st_size) == (None, BYTES)


def test_a_start_that_might_be_cut_short_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = dataclasses.replace(QUICK, ready=5.0, all=5.0)
    monkeypatch.setattr(module, "FetchScenario", lambda **a: SCENARIO(**{**a, "patience": short}))
    seen = downloads(tmp_path)
    assert seen.broken is not None
    assert seen.broken.ready_seconds is not None
    assert seen.corrupt is None
    assert "in the time that is left" in seen.corrupt_not_done


def test_who_has_nothing_to_ask_the_hub_with_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "reaches", lambda *_: None)
    stack = FakeStack(tmp_path, "never asks")
    assert "no program that tells" in gathered("model_downloads", a_target(tmp_path), stack).not_done
    monkeypatch.setattr(module, "reaches", lambda *_: False)
    stack = FakeStack(tmp_path, "never asks")
    assert "does not reach" in gathered("small_cache", a_target(tmp_path), stack).not_done


def test_who_never_asks_the_hub_is_not_judged(tmp_path: Path) -> None:
    local = FakeStack(tmp_path, "never asks", runtime="process")
    seen = gathered("model_downloads", a_target(tmp_path), local)
    assert seen.broken.requests == ()
    assert "does not get ready" in seen.corrupt_not_done


def test_a_full_disk_is_watched_for_a_while_after_the_download(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path)
    variants = FakeVariants(stack)
    seen = gathered("small_cache", a_target(tmp_path), stack, variants)
    assert decode(SmallCache, encode(seen)) == seen
    assert variants.asked[0].tmpfs == {"api": {str(tmp_path / "cache"): BYTES // 2}}
    assert (seen.disk_bytes, seen.model_bytes) == (BYTES // 2, BYTES)
    assert not seen.start.has_ended
    assert seen.start.ready_seconds is None
    assert "No space left" in seen.start.said.body


def test_who_ends_over_a_full_disk_is_seen(tmp_path: Path) -> None:
    seen = gathered("small_cache", a_target(tmp_path), FakeStack(tmp_path, "ends over the disk"))
    assert seen.start.has_ended
    assert seen.disk_bytes == BYTES // 2


@pytest.mark.parametrize("cache", ["/", "/.", "models", "${MISSING}/models"])
def test_only_a_folder_of_its_own_is_made_small_or_cut(tmp_path: Path, cache: str) -> None:
    target = a_target(tmp_path)
    model = {**target.extra["startup"]["model"], "cache": cache}
    target = dataclasses.replace(target, extra={"startup": {"model": model}})
    stack = FakeStack(tmp_path)
    variants = FakeVariants(stack)
    assert "no folder of its own" in gathered("small_cache", target, stack, variants).not_done
    assert variants.asked == []
    assert "no folder of its own" in gathered("model_downloads", target, stack, variants).corrupt_not_done


def test_a_small_disk_needs_an_engine(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path, capabilities=frozenset(Capability) - {Capability.TMPFS})
    with pytest.raises(UnsupportedError):
        gathered("small_cache", a_target(tmp_path), stack)


@pytest.mark.parametrize("name", ["model_downloads", "small_cache"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"extra": {}}, "no model is declared"),
        ({"probes": {}}, "probes.loading"),
        ({"service": None}, "no service under audit"),
    ],
)
def test_nothing_is_started_where_something_is_missing(
    tmp_path: Path, name: str, changes: dict[str, Any], reason: str
) -> None:
    stack = FakeStack(tmp_path)
    variants = FakeVariants(stack)
    assert reason in gathered(name, a_target(tmp_path, **changes), stack, variants).not_done
    assert variants.asked == []
    stack.front.close()


def test_files_are_those_below_the_folder_and_made_up_bytes_are_always_the_same(tmp_path: Path) -> None:
    declared = fetched_model_of(a_target(tmp_path))
    assert declared is not None
    once, again = (contents_of(declared, tmp_path) for _ in range(2))
    assert once == again
    assert {path: len(content) for path, content in once.items()} == {"/org/weights.bin": BYTES, "/org/config.json": 2}


@pytest.mark.parametrize("source", ["../outside.bin", "missing.bin", "/etc/hostname", "."])
def test_no_other_file_is_served(tmp_path: Path, source: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.bin").write_text("secret")
    declared = FetchedModel(hub_variable="HUB", cache="/cache", files={"/w": source})
    with pytest.raises(Inconclusive, match="no file below"):
        contents_of(declared, tmp_path / "inside")
