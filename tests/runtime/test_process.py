from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from readiness.exceptions import ConfigError, StackError, UnsupportedError
from readiness.facts.start import FailureCause, ServiceStart
from readiness.runtime import Capability, Variant
from readiness.runtime.process import ProcessRuntime, ProcessStack
from readiness.target import Entry, ProcessSpec, Target

# Answers on $PORT: /ready 200, /env its variables, /pid its number, /die ends it, /log writes a line.
SERVER = """
import http.server, json, os, signal, subprocess, sys, time
for word in sys.argv[1:]:
    if word == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif word == "graceful":
        signal.signal(signal.SIGTERM, lambda *a: (open(os.environ["MARK"], "w").write("bye"), os._exit(0)))
    elif word == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import time\\nwhile True: time.sleep(0.01)"])
    elif word == "daemon":
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open(os.environ["MARK"], "w").write(str(os.getpid()))
                time.sleep(60)
            os._exit(0)
        os.wait()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(7)
        if self.path == "/log":
            print("asked", flush=True)
        if self.path == "/spawn":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        status = int(os.environ.get("STATUS", "200")) if self.path == "/ready" else 200
        body = {"/env": json.dumps(dict(os.environ)), "/pid": str(os.getpid())}.get(self.path, "words").encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

pytestmark = pytest.mark.slow

Start = Callable[..., ProcessStack]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "server.py").write_text(SERVER, encoding="utf-8")
    return folder


@pytest.fixture
def start(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr("readiness.runtime.process.ALIVE_SECONDS", 0.1)
    stacks: list[ProcessStack] = []

    def start(processes: dict[str, ProcessSpec], *, variant: Variant | None = None, **target: Any) -> ProcessStack:
        stack = make(folder, tmp_path, processes, **target).start(variant or Variant(), progress=silent)
        assert isinstance(stack, ProcessStack)
        stacks.append(stack)
        return stack

    yield start
    for stack in stacks:
        stack.close()
        assert processes_of(stack) == []


def silent(what: str, *, at_most_seconds: float | None = None) -> None:
    assert what


def make(folder: Path, tmp_path: Path, processes: dict[str, ProcessSpec], **target: Any) -> ProcessRuntime:
    declared = Target(name="shop", folder=str(folder), processes=processes, **target)
    return ProcessRuntime(declared, run_id=f"run{os.getpid()}", work=tmp_path / "work")


def server(*words: str, **changes: Any) -> ProcessSpec:
    env = {"PORT": "{port}", **changes.pop("env", {})}
    defaults: dict[str, Any] = {"command": ("{python}", "server.py", *words), "port": 8000, "ready": "/ready"}
    return ProcessSpec(**{**defaults, **changes, "env": env})


def get(stack: ProcessStack, path: str, service: str = "api", timeout: float = 5.0) -> str:
    where = stack.endpoint(service, 8000)
    with urllib.request.urlopen(f"http://{where.host}:{where.port}{path}", timeout=timeout) as answer:
        return str(answer.read().decode())


def only(stack: ProcessStack) -> ServiceStart:
    (found,) = stack.report.services
    return found


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(process: psutil.Process) -> bool:
    # An orphan that was ended stays a zombie until the machine's first process takes notice.
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def processes_of(stack: ProcessStack) -> list[int]:
    mark = f"READINESS_SERVICE={stack._run_id}/{stack._token}/".encode()
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if mark in Path(f"/proc/{pid}/environ").read_bytes() and psutil.Process(pid).status() != "zombie":
                found.append(pid)
    return found


def test_start_waits_until_the_ready_path_answers(start: Start) -> None:
    stack = start({"api": server()})
    assert stack.report.is_up
    assert only(stack).is_ready
    assert stack.report.runtime == "process"
    assert [change.what for change in stack.report.changes if change.service] == [
        "port 8000 is a free port of 127.0.0.1"
    ]
    assert only(stack).health == "healthy"
    assert stack.state("api").is_running
    assert get(stack, "/ready") == "words"


def test_services_start_behind_what_they_need_and_know_its_port(start: Start) -> None:
    late = "import os, time, socket; time.sleep(0.3); s = socket.socket(); s.bind(('127.0.0.1', int(os.environ['PORT']))); s.listen(); time.sleep(60)"
    stack = start(
        {
            "api": server(env={"DB": "db://{port:db}"}, after=("db",)),
            "db": ProcessSpec(command=("{python}", "-c", late), env={"PORT": "{port}"}, port=5432),
        }
    )
    assert stack.report.is_up
    assert json.loads(get(stack, "/env"))["DB"] == f"db://{stack.endpoint('db', 5432).port}"
    assert stack.state("db").started_at < stack.state("api").started_at


def test_service_without_a_port_is_ready_when_it_stays_alive(start: Start) -> None:
    stack = start({"worker": ProcessSpec(command=("sleep", "60"))})
    assert only(stack).is_ready
    assert stack.state("worker").is_running


def test_one_shot_that_ends_well_is_ready(start: Start) -> None:
    stack = start({"migrate": ProcessSpec(command=("true",))})
    assert stack.report.is_up
    assert stack.state("migrate").exit_code == 0


def test_missing_program_is_reported_and_what_needs_it_waits(start: Start) -> None:
    stack = start(
        {"db": ProcessSpec(command=("no-such-program-here",)), "api": server(after=("db",)), "other": server()}
    )
    starts = {s.service: s for s in stack.report.services}
    assert not stack.report.is_up
    assert starts["db"].cause is FailureCause.COMMAND_NOT_FOUND
    assert "no-such-program-here" in starts["db"].detail
    assert starts["api"].cause is FailureCause.DEPENDENCY_NOT_HEALTHY
    assert starts["api"].needs == ("db",)
    assert starts["api"].state == "absent"
    assert starts["other"].is_ready


def test_file_without_execute_permission_is_reported(start: Start, folder: Path) -> None:
    (folder / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    assert only(start({"api": server(command=("./run.sh",), env={})})).cause is FailureCause.PERMISSION


def test_crash_at_once_is_reported_with_its_last_lines(start: Start) -> None:
    crash = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    found = only(start({"api": server(command=("{python}", "-c", crash))}))
    assert (found.state, found.exit_code, found.is_ready) == ("exited", 3, False)
    assert found.log_lines == ("one", "two")


def test_cause_is_read_from_the_log(start: Start) -> None:
    found = only(start({"api": server(command=("{python}", "-c", "import no_such_module_here"))}))
    assert found.cause is FailureCause.IMPORT_ERROR
    assert "no_such_module_here" in found.detail


def test_service_that_ends_well_but_should_serve_is_told_so(start: Start) -> None:
    found = only(start({"api": server(command=("true",))}))
    assert (found.is_ready, found.exit_code) == (False, 0)
    assert "stay in the foreground" in found.detail


def test_service_that_dies_while_others_start_is_not_ready(start: Start) -> None:
    stack = start(
        {
            "worker": ProcessSpec(command=("sh", "-c", "sleep 0.3; exit 9")),
            "api": server(after=("worker",), command=("sh", "-c", 'sleep 0.5; exec "$0" server.py', "{python}")),
        }
    )
    starts = {s.service: s for s in stack.report.services}
    assert not stack.report.is_up
    assert (starts["worker"].is_ready, starts["worker"].exit_code) == (False, 9)


def test_port_that_never_opens_ends_at_the_deadline(start: Start) -> None:
    idle = ProcessSpec(command=("{python}", "-c", "import time; time.sleep(60)"), env={"PORT": "{port}"}, port=8000)
    found = only(start({"api": idle}, deadlines={"api": 0.4}))
    assert found.cause is FailureCause.NOT_LISTENING
    assert found.state == "running"


def test_ready_path_that_refuses_is_reported_with_its_answers(start: Start) -> None:
    found = only(start({"api": server(env={"STATUS": "503"})}, deadlines={"api": 1.0}))
    assert found.cause is FailureCause.HEALTH_CHECK_FAILS
    assert found.health_log == ("GET /ready: 503 words",)


def test_redirect_counts_as_ready_and_is_not_followed(start: Start) -> None:
    assert start({"api": server(env={"STATUS": "302"})}).report.is_up


def test_ready_path_is_asked_over_tls_where_the_entry_says_so(start: Start, folder: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=x",
    ]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    (folder / "tls.py").write_text(
        SERVER.replace("http.server.ThreadingHTTPServer((", "S((").replace(
            'print("listening", flush=True)',
            "import ssl\nclass S(http.server.ThreadingHTTPServer):\n def server_bind(self):\n"
            "  super().server_bind(); c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
            f"  c.load_cert_chain({str(certificate)!r}, {str(key)!r})\n"
            "  self.socket = c.wrap_socket(self.socket, server_side=True)",
        ),
        encoding="utf-8",
    )
    entry = Entry(name="proxy", service="api", port=8000, https=True, server_name="shop.test")
    assert start({"api": server(command=("{python}", "tls.py"))}, entries=(entry,)).report.is_up


def test_environment_is_what_was_declared_and_no_secret_of_ours(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    stack = start(
        {"api": server(env={"A": "spec", "B": "spec", "C": "spec"})},
        environment={"api": {"B": "target", "C": "target"}},
        variant=Variant(environment={"api": {"C": "variant"}}),
    )
    seen = json.loads(get(stack, "/env"))
    declared = {"PATH", "LANG", "HOME", "TMPDIR", "PORT", "A", "B", "C"}
    ours = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "READINESS_RUN_ID", "READINESS_SERVICE"}
    assert set(seen) - {"LC_CTYPE"} == declared | ours
    assert (seen["A"], seen["B"], seen["C"]) == ("spec", "target", "variant")
    assert stack.environment("api")["C"] == "variant"
    assert Path(seen["HOME"]) != Path.home()


def test_state_of_the_owner_is_copied_and_never_written(start: Start, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "shop.db").write_text("rows", encoding="utf-8")
    write = "import pathlib, sys, time; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + ' more'); time.sleep(60)"
    command = ("{python}", "-c", write, "{state}/data/shop.db")
    stack = start({"db": ProcessSpec(command=command, state=("data",))})
    copy = stack._folder / "db" / "state" / "data" / "shop.db"
    wait_for(lambda: copy.read_text(encoding="utf-8") == "rows more")
    assert (folder / "data" / "shop.db").read_text(encoding="utf-8") == "rows"


def test_restart_keeps_the_port_and_changes_the_start_time(start: Start) -> None:
    stack = start({"api": server()})
    before, where = stack.state("api"), stack.endpoint("api", 8000)
    stack.stop("api")
    assert stack.state("api").status == "exited"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((where.host, where.port), timeout=1)
    stack.start("api")
    wait_for(lambda: reaches(stack))
    assert stack.endpoint("api", 8000) == where
    assert stack.state("api").instance == before.instance
    assert stack.state("api").started_at > before.started_at


def reaches(stack: ProcessStack) -> bool:
    with contextlib.suppress(OSError):
        return get(stack, "/ready") == "words"
    return False


def test_recreate_makes_a_new_instance_with_the_same_state(start: Start) -> None:
    write = (
        "import os, time; open(os.environ['HOME'] + '/kept', 'w'); open(os.environ['S'] + '/kept', 'w'); time.sleep(60)"
    )
    stack = start({"db": ProcessSpec(command=("{python}", "-c", write), env={"S": "{state}"})})
    folder = stack._folder / "db"
    wait_for((folder / "state" / "kept").exists)
    stack._service("db").process.launch.environment["S"] = "/nonexistent"  # type: ignore[index]  # the new one fails
    before = stack.state("db").instance
    stack.recreate("db")
    assert stack.state("db").instance != before
    assert (folder / "state" / "kept").exists()


def test_stop_sends_the_declared_signal_and_lets_the_service_finish(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    stack = start({"api": server("graceful", env={"MARK": str(mark)})})
    stack.stop("api")
    assert stack.state("api").exit_code == 0
    assert mark.read_text(encoding="utf-8") == "bye"


def test_service_that_ignores_its_stop_signal_is_killed(start: Start) -> None:
    stack = start({"api": server("deaf", stop_grace_seconds=0.2)})
    stack.stop("api")
    assert stack.state("api").exit_code == 128 + signal.SIGKILL


def test_signal_is_heard_also_where_the_audit_itself_ignores_it(start: Start) -> None:
    # As in a shell's background: what is ignored stays so in a child that nobody cares for.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        stack = start({"api": server()})
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    stack.signal("api", "INT")
    wait_for(lambda: stack.state("api").status == "exited")


def test_signal_reaches_the_main_process(start: Start) -> None:
    stack = start({"api": server()})
    stack.signal("api", "INT")
    wait_for(lambda: stack.state("api").status == "exited")
    with pytest.raises(StackError, match="does not run"):
        stack.signal("api", "SIGTERM")
    with pytest.raises(StackError, match="is no signal"):
        stack.signal("api", "SIGNOTHING")


def test_pause_freezes_children_too_and_connections_hang(start: Start) -> None:
    stack = start({"api": server("parent")})
    stack.pause("api")
    assert stack.state("api").status == "paused"
    tree = stack._service("api").process.tree()
    assert len(tree) == 2
    assert {process.status() for process in tree} == {psutil.STATUS_STOPPED}
    with pytest.raises(TimeoutError):
        get(stack, "/ready", timeout=0.3)
    stack.unpause("api")
    assert stack.state("api").is_running
    assert get(stack, "/ready") == "words"
    assert psutil.STATUS_STOPPED not in {process.status() for process in tree}


def test_pause_freezes_what_is_just_being_started(start: Start) -> None:
    restless = "import subprocess, time\nwhile True: subprocess.Popen(['sleep', '5']); time.sleep(0.002)"
    stack = start({"worker": ProcessSpec(command=("{python}", "-c", restless))})
    stack.pause("worker")
    frozen = {process.pid for process in stack._service("worker").process.tree()}
    time.sleep(0.1)
    after = stack._service("worker").process.tree()
    assert {process.pid for process in after} == frozen
    assert {process.status() for process in after} == {psutil.STATUS_STOPPED}


def test_paused_service_can_be_stopped_and_started(start: Start) -> None:
    stack = start({"api": server()})
    stack.pause("api")
    stack.stop("api")
    assert stack.state("api").status == "exited"
    stack.start("api")
    assert stack.state("api").is_running


def test_children_end_with_their_crashed_parent(start: Start) -> None:
    stack = start({"api": server("parent")})
    child = stack._service("api").process.tree()[1]
    with pytest.raises(OSError, match=r"closed|reset"):
        get(stack, "/die")
    wait_for(lambda: stack.state("api").status == "exited")
    assert stack.state("api").exit_code == 7
    assert has_ended(child)


def test_close_ends_what_has_left_the_session(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    stack = start({"api": server("daemon", env={"MARK": str(mark)})})
    daemon = psutil.Process(int(mark.read_text(encoding="utf-8")))
    assert os.getsid(daemon.pid) != stack._service("api").process.tree()[0].pid
    stack.close()
    assert has_ended(daemon)


def test_close_leaves_no_process_file_or_registration_and_may_be_repeated(start: Start, tmp_path: Path) -> None:
    stack = start({"api": server("parent"), "worker": ProcessSpec(command=("sleep", "60"))})
    assert len(list((tmp_path / "work" / "pids").iterdir())) == 2
    get(stack, "/spawn")
    stack.pause("worker")
    stack.close()
    stack.close()
    assert processes_of(stack) == []
    assert not stack._folder.exists()
    assert list((tmp_path / "work" / "pids").iterdir()) == []
    with pytest.raises(StackError, match="closed"):
        stack.start("api")


def test_processes_are_registered_for_the_reaper(start: Start, tmp_path: Path) -> None:
    stack = start({"api": server()})
    (entry,) = [json.loads(f.read_text(encoding="utf-8")) for f in (tmp_path / "work" / "pids").iterdir()]
    assert str(entry["pid"]) == get(stack, "/pid")
    assert entry["create_time"] == pytest.approx(psutil.Process(entry["pid"]).create_time(), abs=2)


def test_interrupted_start_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    def interrupt(what: str, *, at_most_seconds: float | None = None) -> None:
        raise KeyboardInterrupt

    runtime = make(folder, tmp_path, {"api": server()})
    with pytest.raises(KeyboardInterrupt):
        runtime.start(Variant(), progress=interrupt)
    assert [path.name for path in (tmp_path / "work").iterdir() if path.name.startswith("s-")] == []


def test_kept_stack_lives_on_and_is_removed_by_the_command_it_names(folder: Path, tmp_path: Path) -> None:
    # As servers do that write their state over their command line, the other one bears no mark.
    unmarked = ProcessSpec(command=("env", "-i", "sleep", "600"))
    runtime = make(folder, tmp_path, {"api": server("parent"), "cache": unmarked})
    stack = runtime.start(Variant(), progress=silent)
    assert isinstance(stack, ProcessStack)
    (cache,) = stack._service("cache").process.tree()
    where = stack.endpoint("api", 8000)
    reach, logs, remove = stack.keep()
    stack.close()
    try:
        assert reach == f"api: 127.0.0.1:{where.port} (declared as 8000)"
        with urllib.request.urlopen(f"http://127.0.0.1:{where.port}/log", timeout=5) as answer:
            assert answer.status == 200
        log = Path(logs.removeprefix("logs: ").replace("*", "api"))
        wait_for(lambda: log.read_text(encoding="utf-8") == "asked\n")
    finally:
        command = f"{remove.removeprefix('remove: ')} KILL"
        subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    wait_for(lambda: processes_of(stack) == [])
    wait_for(lambda: not cache.is_running() or cache.status() == psutil.STATUS_ZOMBIE)
    assert not stack._folder.exists()


def test_logs_are_bounded_and_keep_the_newest(start: Start) -> None:
    flood = "import time\nfor i in range(200_000): print(i, 'x' * 100)\nprint('\\x1b[31mlast\\x1b[0m', flush=True); time.sleep(60)"
    stack = start({"worker": ProcessSpec(command=("{python}", "-c", flood), env={"PYTHONUNBUFFERED": ""})})
    wait_for(lambda: stack.logs("worker", tail=1) == "last")
    text = stack.logs("worker", tail=1_000_000)
    assert 500_000 < len(text) <= 1024 * 1024
    assert stack._service("worker").process.log._bytes <= 4 * 1024 * 1024


def test_endless_line_is_bounded(start: Start) -> None:
    flood = "import sys, time\nfor i in range(600): sys.stdout.write('x' * 10_000)\nsys.stdout.flush(); time.sleep(60)"
    stack = start({"worker": ProcessSpec(command=("{python}", "-c", flood))})
    log = stack._service("worker").process.log
    wait_for(lambda: log._bytes > 2_000_000)
    assert max(len(line) for _, line in log._lines) <= 16 * 1024


def test_logs_since_a_moment_hold_only_what_came_later(start: Start) -> None:
    stack = start({"api": server()})
    moment = datetime.now(UTC)
    assert stack.logs("api") == "listening"
    get(stack, "/log")
    wait_for(lambda: stack.logs("api", since=moment) == "asked")


def test_execute_runs_beside_the_service(start: Start) -> None:
    stack = start({"api": server(env={"A": "b"})})
    done = stack.execute("api", ["sh", "-c", 'echo "$A $PORT"; exit 4'])
    assert (done.exit_code, done.output) == (4, f"b {stack.endpoint('api', 8000).port}")
    assert stack.execute("api", ["no-such-program-here"]).exit_code == 127


def test_execute_ends_a_command_that_does_not_end(start: Start) -> None:
    stack = start({"api": server()})
    with pytest.raises(StackError, match="still ran"):
        stack.execute("api", ["sh", "-c", "sleep 60 & sleep 60"], timeout_seconds=0.2)
    assert len(processes_of(stack)) == 1


def test_usage_adds_up_the_whole_tree(start: Start) -> None:
    usage = start({"api": server("parent")})._service("api").process.usage()
    assert usage.processes == 2
    assert usage.rss_bytes > 1_000_000


def test_two_stacks_of_one_target_meet_nowhere(start: Start) -> None:
    first, second = start({"api": server()}), start({"api": server()}, variant=Variant(name="other"))
    assert first.endpoint("api", 8000) != second.endpoint("api", 8000)
    assert first._folder != second._folder
    first.close()
    assert get(second, "/ready") == "words"


def test_variant_leaves_services_stopped_until_they_are_started(start: Start) -> None:
    stack = start({"db": server(), "api": server(after=("db",))}, variant=Variant(stopped=("db",)))
    assert [s.service for s in stack.report.services] == ["api"]
    assert stack.report.is_up
    assert stack.state("db").status == "created"
    stack.start("db")
    assert stack.state("db").is_running


def test_variant_without_waiting_returns_before_readiness(start: Start) -> None:
    slow = server(env={"STATUS": "503"}, after=("db",))
    stack = start({"db": server(), "api": slow}, variant=Variant(wait=False))
    starts = {s.service: s for s in stack.report.services}
    assert stack.report.is_up
    assert starts["db"].is_ready
    assert (starts["api"].is_ready, starts["api"].cause, starts["api"].health) == (False, None, "starting")


def test_small_disk_is_unsupported_and_says_what_helps(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="readiness-runtime=compose") as caught:
        make(folder, tmp_path, {"api": server()}).start(Variant(tmpfs={"api": {"/data": 4096}}), progress=silent)
    assert caught.value.capability == Capability.TMPFS


def test_replicas_are_unsupported_and_say_what_helps(start: Start, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="readiness-runtime=compose") as caught:
        make(folder, tmp_path, {"api": server()}).start(Variant(replicas={"api": 2}), progress=silent)
    assert caught.value.capability == Capability.SCALE
    stack = start({"api": server()})
    assert Capability.SCALE not in stack.capabilities
    for attempt in (
        lambda: stack.replica_endpoints("api", 8000),
        lambda: stack.replace("api", "x"),
        lambda: stack.kill("api", "x"),
        lambda: stack.update("api"),
        lambda: stack.is_updated("api"),
    ):
        with pytest.raises(UnsupportedError, match="several replicas"):
            attempt()


def test_variant_of_an_unknown_service_is_a_mistake(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no service 'ap'"):
        make(folder, tmp_path, {"api": server()}).start(Variant(environment={"ap": {}}), progress=silent)


def test_install_runs_once_per_run(start: Start, folder: Path) -> None:
    count = ("sh", "-c", "echo x >> {folder}/count")
    start({"api": server(install=count)})
    start({"api": server(install=count)})
    assert (folder / "count").read_text(encoding="utf-8") == "x\n"


def test_failed_install_is_reported(start: Start) -> None:
    stack = start({"api": server(install=("sh", "-c", "echo no network; exit 5")), "web": server(after=("api",))})
    starts = {s.service: s for s in stack.report.services}
    assert starts["api"].cause is FailureCause.IMAGE_BUILD
    assert starts["api"].log_lines == ("no network", "install ended with exit code 5")
    assert starts["web"].cause is FailureCause.DEPENDENCY_NOT_HEALTHY


def test_unknown_port_and_service_are_errors(start: Start) -> None:
    stack = start({"api": server()})
    with pytest.raises(StackError, match="has no port 9090"):
        stack.endpoint("api", 9090)
    with pytest.raises(StackError, match="no service 'db'"):
        stack.state("db")


def test_doubled_braces_and_other_braces_are_text(start: Start) -> None:
    stack = start({"api": server(env={"J": '{"a": 1}', "L": "{{port}}", "P": "{folder}|{python}"})})
    seen = stack.environment("api")
    assert (seen["J"], seen["L"]) == ('{"a": 1}', "{port}")
    assert seen["P"] == f"{stack._target.folder}|{sys.executable}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop rights")
def test_service_that_drops_its_rights_can_use_its_state(folder: Path) -> None:
    with passable_folder() as work:
        drop = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        script = 'touch "$HOME/f" "$TMPDIR/f" "$S/f"; echo out > /dev/stdout; id -u; exec sleep 60'
        spec = ProcessSpec(command=(*drop, "sh", "-c", script), env={"S": "{state}"})
        target = Target(name="shop", folder=str(folder), processes={"db": spec})
        stack = ProcessRuntime(target, run_id="rights", work=work / "work").start(Variant(), progress=silent)
        try:
            wait_for(lambda: stack.logs("db") == "out\n65534")
            stack.pause("db")
            stack.unpause("db")
        finally:
            stack.close()
        assert [path.name for path in (work / "work").iterdir()] == ["pids"]


@contextlib.contextmanager
def passable_folder() -> Iterator[Path]:
    """A folder that other users may pass through, as a run's own is; pytest's are closed to them."""
    with tempfile.TemporaryDirectory(prefix="readiness-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


# What an ordinary user sees of a whole life of a stack; prints it as JSON.
LIFE = """
import json, pathlib, sys, tempfile
from readiness.runtime import Variant
from readiness.runtime.process import ProcessRuntime
from readiness.target import ProcessSpec, Target
seen = []
with tempfile.TemporaryDirectory() as name:
    work = pathlib.Path(name) / "work"
    (pathlib.Path(name) / "server.py").write_text(sys.stdin.read())
    spec = ProcessSpec(command=("{python}", "server.py", "parent"), env={"PORT": "{port}"}, port=8000, ready="/ready")
    target = Target(name="shop", folder=name, processes={"api": spec})
    stack = ProcessRuntime(target, run_id="ordinary", work=work).start(Variant(), progress=lambda *a, **k: None)
    seen.append(stack.report.is_up)
    for step in ("pause", "unpause", "stop", "start", "recreate"):
        getattr(stack, step)("api")
        seen.append(stack.state("api").status)
    stack.close()
    seen.append([path.name for path in work.iterdir()])
print(json.dumps(seen))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user every test here says so already")
def test_ordinary_user_can_do_the_same() -> None:
    drop = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    # Root's own interpreter may lie in root's home, where setpriv can start it, but it cannot start itself.
    probe = "import psutil, subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        with contextlib.suppress(OSError):
            if (
                subprocess.run(
                    [*drop, python, "-c", probe], env=environment, capture_output=True, check=False
                ).returncode
                == 0
            ):
                break
    else:
        pytest.skip("no interpreter of this version that another user may execute")
    done = subprocess.run(
        [*drop, python, "-c", LIFE],
        env=environment,
        input=SERVER,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == [True, "paused", "running", "exited", "running", "running", ["pids"]]


def test_folders_are_carried_out_of_one_stack_into_another(start: Start, tmp_path: Path) -> None:
    script = (
        "import os, sys; os.makedirs(sys.argv[1] + '/backups'); open(sys.argv[1] + '/backups/db.dump', 'w').write('x')"
    )
    first, second = (start({"api": server()}) for _ in range(2))
    first.execute("api", [sys.executable, "-c", script, first._place_of("api", "{state}").as_posix()])
    first.copy_out("api", "{state}/backups", tmp_path / "kept")
    second.copy_in("api", tmp_path / "kept", "{state}/backups")
    second.copy_out("api", str(second._place_of("api", "backups")), tmp_path / "again")
    assert [(path.name, path.read_text()) for path in (tmp_path / "again").iterdir()] == [("db.dump", "x")]


def test_only_what_is_thrown_away_is_carried(start: Start, tmp_path: Path, folder: Path) -> None:
    stack = start({"api": server()})
    for path in ("{folder}", "/etc", "{state}/../../..", str(folder)):
        with pytest.raises(StackError, match="throw-away"):
            stack.copy_out("api", path, tmp_path / "kept")
        with pytest.raises(StackError, match="throw-away"):
            stack.copy_in("api", tmp_path, path)
        with pytest.raises(StackError, match="throw-away"):
            stack.throw_away_place("api", path)
    state = stack._place_of("api", "{state}")
    (state / "link").symlink_to(folder)
    with pytest.raises(StackError, match="throw-away"):
        stack.throw_away_place("api", f"{state}/link/models")
    assert stack.throw_away_place("api", f"{state}/models") == f"{state}/models"
    with pytest.raises(StackError, match="no folder"):
        stack.copy_out("api", "{state}/missing", tmp_path / "kept")


@pytest.mark.namespaces
def test_a_backup_program_reaches_the_services_by_their_declared_ports(
    start: Start, folder: Path, tmp_path: Path
) -> None:
    script = (
        "#!/bin/sh\n"
        "exec /usr/bin/env python3 -c 'import urllib.request; print(urllib.request.urlopen(\"http://localhost:8000/\").read())' "
        "> sets/answer\n"
    )
    (folder / "backup.sh").write_text(script, encoding="utf-8")
    (folder / "backup.sh").chmod(0o755)
    stack = start({"api": server()})
    done = stack.run_owners(["./backup.sh"], variables={}, timeout_seconds=60, directories=("sets",))
    if "python3" in " ".join(done.lacked):
        pytest.skip("this machine has no Python of its own, and the audit's need not be seen in the confinement")
    assert (done.exit_code, done.problem, done.lacked) == (0, "", ())
    assert (stack.owners_directory("sets") / "answer").read_text() == "b'words'\n"
    assert sorted(path.name for path in folder.iterdir()) == ["backup.sh", "server.py"]
