from __future__ import annotations

import dataclasses

import pytest

from readiness.facts.model import HealthCheck
from readiness.facts.start import FailureCause, ServiceStart
from readiness.runtime.provide import NOWHERE
from readiness.runtime.start_report import HealthResult, Observed, asked_ports, is_tool_missing, judge, listening_ports


def ended(log: str = "", **seen: object) -> Observed:
    return dataclasses.replace(Observed(service="api", state="exited", exit_code=1, log=log), **seen)


def only(observed: Observed) -> ServiceStart:
    return judge([observed])[0]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            'psycopg.OperationalError: FATAL:  password authentication failed for user "app"',
            FailureCause.AUTHENTICATION,
        ),
        ("asyncpg.exceptions.InvalidPasswordError: x", FailureCause.AUTHENTICATION),
        ("redis.exceptions.AuthenticationError: Authentication required.", FailureCause.AUTHENTICATION),
        ("(error) NOAUTH Authentication required.", FailureCause.AUTHENTICATION),
        ("ReplyError: WRONGPASS invalid username-password pair or user is disabled.", FailureCause.AUTHENTICATION),
        ("ERROR 1045 (28000): Access denied for user 'app'@'172.18.0.3'", FailureCause.AUTHENTICATION),
        ("MongoServerError: Authentication failed.", FailureCause.AUTHENTICATION),
        (
            "ERR AUTH <password> called without any password configured for the default user",
            FailureCause.AUTHENTICATION,
        ),
        ("KeyError: 'DATABASE_URL'", FailureCause.MISSING_VARIABLE),
        ("  Field required [type=missing, input_value={}, input_type=dict]", FailureCause.MISSING_VARIABLE),
        ("RuntimeError: environment variable SECRET_KEY must be set", FailureCause.MISSING_VARIABLE),
        ("Error: JWT_SECRET is required", FailureCause.MISSING_VARIABLE),
        ("entrypoint.sh: line 3: DB_PASSWORD: unbound variable", FailureCause.MISSING_VARIABLE),
        ("/start.sh: 4: DB_PASSWORD: parameter not set", FailureCause.MISSING_VARIABLE),
        ("Error: Database is uninitialized and superuser password is not specified.", FailureCause.MISSING_VARIABLE),
        ("ModuleNotFoundError: No module named 'redis'", FailureCause.IMPORT_ERROR),
        ("ImportError: cannot import name 'x' from 'y'", FailureCause.IMPORT_ERROR),
        ("Error: Cannot find module '/app/dist/main.js'", FailureCause.IMPORT_ERROR),
        ('Error loading ASGI app. Could not import module "main".', FailureCause.IMPORT_ERROR),
        ("java.lang.OutOfMemoryError: Java heap space", FailureCause.OUT_OF_MEMORY),
        (
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            FailureCause.OUT_OF_MEMORY,
        ),
        (
            'could not translate host name "postgres" to address: Name or service not known',
            FailureCause.NAME_RESOLUTION,
        ),
        ("Error: getaddrinfo ENOTFOUND redis", FailureCause.NAME_RESOLUTION),
        ('nginx: [emerg] host not found in upstream "api:8000"', FailureCause.NAME_RESOLUTION),
        ("OSError: [Errno 98] Address already in use", FailureCause.PORT_IN_USE),
        ("sh: 1: gunicorn: not found", FailureCause.COMMAND_NOT_FOUND),
        ("exec /entrypoint.sh: no such file or directory", FailureCause.COMMAND_NOT_FOUND),
        ("PermissionError: [Errno 13] Permission denied: '/data/x'", FailureCause.PERMISSION),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/app/config.yaml'", FailureCause.MISSING_FILE),
    ],
)
def test_log_line_names_the_cause(line: str, cause: FailureCause) -> None:
    start = only(ended(f"starting\n{line}\nbye\n"))
    assert start.cause is cause
    assert line.rstrip() in start.log_lines
    assert line.strip() in start.detail


@pytest.mark.parametrize(
    "line", ["all is well", "GET /login 401 unauthorized", "loaded 3 modules", "password accepted", "KeyError: 'items'"]
)
def test_ordinary_lines_name_nothing(line: str) -> None:
    start = only(ended(f"{line}\n"))
    assert start.cause is FailureCause.UNKNOWN
    assert start.log_lines == (line,)
    assert "exit code 1" in start.detail


def test_missing_field_is_named() -> None:
    log = "1 validation error for Settings\ndatabase_url\n  Field required [type=missing, input_value={}]\n"
    assert only(ended(log)).detail.startswith("database_url: Field required")


def test_newest_telling_line_decides() -> None:
    log = (
        "PermissionError: could not write the cache, going on\n"
        + "line\n" * 20
        + "ModuleNotFoundError: No module named 'x'\n"
    )
    assert only(ended(log)).cause is FailureCause.IMPORT_ERROR


def test_colours_are_removed() -> None:
    assert only(ended("\x1b[31mKeyError: 'API_KEY'\x1b[0m\n")).log_lines == ("KeyError: 'API_KEY'",)


def test_running_service_has_survived_its_warnings() -> None:
    log = "cat: /etc/motd: No such file or directory\nserving\n"
    start = only(Observed(service="api", state="running", log=log, unanswered=("GET / on port 8000: no answer",)))
    assert start.cause is FailureCause.NOT_LISTENING
    assert "GET / on port 8000" in start.detail


def test_silent_service_says_where_it_listens_instead() -> None:
    seen = Observed(service="api", state="running", unanswered=("GET / on port 8000: no answer",), listens_on=(3000,))
    assert "listens on 3000" in only(seen).detail


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ('exec: "gunicorn": executable file not found in $PATH: unknown', FailureCause.COMMAND_NOT_FOUND),
        ('exec: "/start.sh": permission denied: unknown', FailureCause.PERMISSION),
        ("error setting rlimits for ready process: operation not permitted", FailureCause.HOST_CANNOT),
        ('could not select device driver "nvidia" with capabilities: [[gpu]]', FailureCause.HOST_CANNOT),
        ("unable to apply caps: operation not permitted", FailureCause.HOST_CANNOT),
        ("driver failed programming external connectivity: address already in use", FailureCause.PORT_IN_USE),
        ("Are you trying to mount a directory onto a file (or vice-versa)?", FailureCause.MISSING_MOUNT_SOURCE),
        ("bind source path does not exist: /x", FailureCause.MISSING_MOUNT_SOURCE),
    ],
)  # fmt: skip
def test_engines_words_name_the_cause(error: str, cause: FailureCause) -> None:
    assert only(Observed(service="api", state="created", engine_error=error)).cause is cause


def test_image_troubles_are_told_apart() -> None:
    built = only(Observed(service="api", build_log="#7 [3/4] RUN pip install\n#7 ERROR: exit code: 1\n"))
    assert built.cause is FailureCause.IMAGE_BUILD
    assert built.detail == "#7 ERROR: exit code: 1"
    missing = only(Observed(service="api", image_error="nginx:9 cannot be pulled\nmanifest unknown"))
    assert missing.cause is FailureCause.IMAGE_MISSING


def unhealthy(output: str, exit_code: int = 1, test: tuple[str, ...] = (), **seen: object) -> Observed:
    observed = Observed(
        service="api",
        state="running",
        health="unhealthy",
        health_results=(HealthResult(exit_code=exit_code, output=output),),
        health_check=HealthCheck(test=test),
    )
    return dataclasses.replace(observed, **seen)


@pytest.mark.parametrize(
    ("output", "exit_code"),
    [
        ('OCI runtime exec failed: exec: "curl": executable file not found in $PATH: unknown', -1),
        ("/bin/sh: 1: curl: not found", 127),
        ("", 126),
        ("python3: can't open file '/app/health.py': [Errno 2] No such file or directory", 2),
        ("ModuleNotFoundError: No module named 'requests'", 1),
    ],
)
def test_health_check_without_its_tool_cannot_pass(output: str, exit_code: int) -> None:
    start = only(unhealthy(output, exit_code))
    assert start.cause is FailureCause.HEALTH_CHECK_IMPOSSIBLE
    assert start.health_log == (f"exit {exit_code}: {output}".strip(),)


def test_missing_tool_is_certain_only_when_the_engine_says_so_twice() -> None:
    missing = HealthResult(exit_code=-1, output='exec: "curl": executable file not found in $PATH')
    assert is_tool_missing((missing, missing))
    assert not is_tool_missing((missing,))
    assert not is_tool_missing((missing, HealthResult(exit_code=1, output="503")))


def test_health_check_on_a_port_where_nothing_listens_cannot_pass() -> None:
    seen = unhealthy("curl: (7) Failed to connect", 7, ("curl", "-f", "http://localhost:8080/"), listens_on=(8000,))
    start = only(seen)
    assert start.cause is FailureCause.HEALTH_CHECK_IMPOSSIBLE
    assert "asks port 8080" in start.detail
    assert "listens on 8000" in start.detail


def test_health_check_that_gets_a_bad_answer_only_fails() -> None:
    test = ("curl", "-f", "http://localhost:8000/health")
    start = only(unhealthy("curl: (22) The requested URL returned error: 503", 22, test, listens_on=(8000,)))
    assert start.cause is FailureCause.HEALTH_CHECK_FAILS
    assert "503" in start.detail


def test_reason_in_the_log_explains_a_failing_health_check() -> None:
    log = 'FATAL: password authentication failed for user "app"\n'
    assert only(unhealthy("503", 22, log=log)).cause is FailureCause.AUTHENTICATION


@pytest.mark.parametrize(
    ("test", "ports"),
    [
        ("curl -f http://localhost:8000/health || exit 1", (8000,)),
        ("wget -qO- http://127.0.0.1/health", (80,)),
        ("curl -k https://localhost/", (443,)),
        ("exec 3<>/dev/tcp/127.0.0.1/9999", (9999,)),
        ("nc -z localhost 5432", (5432,)),
        ("python -c \"import socket; socket.create_connection(('localhost', 8080))\"", (8080,)),
        ("pg_isready -U shop", ()),
        ("curl http://db:5432/", ()),
    ],
)
def test_ports_asked_by_a_health_check_are_read(test: str, ports: tuple[int, ...]) -> None:
    assert asked_ports(HealthCheck(test=(test,), is_shell=True)) == ports


def test_listening_ports_are_read_without_the_engines_resolver() -> None:
    text = (
        "  sl  local_address rem_address   st tx_queue\n"
        "   0: 00000000:1F40 00000000:0000 0A 0\n"
        "   1: 0B00007F:9C41 00000000:0000 0A 0\n"
        "   2: 0100007F:1F90 0100007F:C350 01 0\n"
        "   3: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0\n"
    )
    assert listening_ports(text) == (80, 8000)


def test_exit_codes_of_the_shell_speak_for_themselves() -> None:
    assert only(ended(exit_code=127)).cause is FailureCause.COMMAND_NOT_FOUND
    assert only(ended(exit_code=126)).cause is FailureCause.PERMISSION


def test_restarts_without_a_word_are_a_crash_loop() -> None:
    start = only(Observed(service="api", state="restarting", restarts=3, exit_code=1, log="hm\n"))
    assert start.cause is FailureCause.CRASH_LOOP
    assert start.log_lines == ("hm",)


def test_memory_limit_is_named_over_what_the_log_says() -> None:
    assert only(ended("KeyError: 'A_B'", is_out_of_memory=True, exit_code=137)).cause is FailureCause.OUT_OF_MEMORY


def test_missing_mount_source_explains_a_missing_file_of_its_target_only() -> None:
    mounts = ("./app.ini at /etc/app.ini",)
    here = only(ended("IsADirectoryError: [Errno 21] Is a directory: '/etc/app.ini'", missing_mounts=mounts))
    other = only(ended("FileNotFoundError: No such file or directory: '/srv/x'", missing_mounts=mounts))
    silent = only(ended("bad configuration", missing_mounts=mounts))
    folder = only(ended("bad luck", missing_mounts=("./data at /data",)))
    assert [start.cause for start in (here, other, silent, folder)] == [
        FailureCause.MISSING_MOUNT_SOURCE,
        FailureCause.MISSING_FILE,
        FailureCause.MISSING_MOUNT_SOURCE,
        FailureCause.UNKNOWN,
    ]


def test_what_the_copy_took_away_explains_what_nothing_else_explains() -> None:
    assert only(ended("hm", weakened=("privileged: True left out",))).cause is FailureCause.REFUSED
    assert (
        only(ended("KeyError: 'A_B'", weakened=("privileged: True left out",))).cause is FailureCause.MISSING_VARIABLE
    )
    assert only(ended(f"could not connect to {NOWHERE}: Name or service not known")).cause is FailureCause.REFUSED


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("FileNotFoundError: No such file or directory: '/models/e5.bin'", FailureCause.REFUSED),
        ("exec /models/start.sh: no such file or directory", FailureCause.REFUSED),
        ("exec /app/start.sh: no such file or directory", FailureCause.COMMAND_NOT_FOUND),
        ("exec /models-tool: no such file or directory", FailureCause.COMMAND_NOT_FOUND),
    ],
)
def test_empty_data_folder_explains_what_is_missing_in_it(log: str, cause: FailureCause) -> None:
    start = only(ended(log, weakened=("/srv/models at /models: an empty volume instead",)))
    assert start.cause is cause
    assert ("/srv/models at /models" in start.detail) is (cause is FailureCause.REFUSED)


def test_service_that_never_ran_points_at_the_one_that_failed_first() -> None:
    starts = judge(
        [
            Observed(service="web", state="created", needs=("api",)),
            Observed(service="api", state="created", needs=("db", "cache")),
            Observed(service="cache", state="running", is_ready=True),
            ended("Error: POSTGRES_PASSWORD is required", service="db"),
        ]
    )
    assert [start.cause for start in starts] == [
        FailureCause.DEPENDENCY_NOT_HEALTHY,
        FailureCause.DEPENDENCY_NOT_HEALTHY,
        None,
        FailureCause.MISSING_VARIABLE,
    ]
    assert all(start.detail.startswith("db is not ready: missing variable") for start in starts[:2])


def test_service_that_does_not_find_a_failed_one_points_at_it_without_a_declared_need() -> None:
    starts = judge(
        [
            ended('nginx: [emerg] host not found in upstream "api:8000"', service="web"),
            ended("ModuleNotFoundError: No module named 'x'", service="api"),
        ]
    )
    assert [start.cause for start in starts] == [FailureCause.DEPENDENCY_NOT_HEALTHY, FailureCause.IMPORT_ERROR]


def test_service_with_a_cause_of_its_own_blames_nobody() -> None:
    starts = judge(
        [
            ended("KeyError: 'A_B'", service="web", needs=("api",)),
            ended("ModuleNotFoundError: No module named 'x'", service="api"),
        ]
    )
    assert starts[0].cause is FailureCause.MISSING_VARIABLE


def test_circle_of_failed_services_ends() -> None:
    starts = judge(
        [
            Observed(service="a", state="created", needs=("b",)),
            Observed(service="b", state="created", needs=("a",)),
        ]
    )
    assert {start.cause for start in starts} <= {FailureCause.DEPENDENCY_NOT_HEALTHY, FailureCause.UNKNOWN}


def test_wrong_password_is_found_in_the_stores_log_where_the_client_is_silent() -> None:
    store = Observed(
        service="db",
        state="running",
        is_ready=True,
        log='FATAL:  password authentication failed for user "shop"\n',
    )
    client = Observed(service="api", state="running", unanswered=("GET /ready: 503",), needs=("db",))
    start = judge([client, store])[0]
    assert start.cause is FailureCause.AUTHENTICATION
    assert start.log_lines[-1].startswith("db: FATAL")


def test_refused_and_stopped_services_say_so() -> None:
    refused, stopped = judge(
        [
            Observed(service="agent", refused="mounts the socket"),
            Observed(service="db", state="created", was_stopped=True),
        ]
    )
    assert (refused.cause, refused.detail) == (FailureCause.REFUSED, "mounts the socket")
    assert (stopped.cause, stopped.is_ready) == (None, False)
    assert "leaves it stopped" in stopped.detail


def test_hostile_log_is_bounded() -> None:
    start = only(ended("\n".join(["x" * 100_000] * 300) + "\nKeyError: 'A_B'"))
    assert len(start.log_lines) <= 40
    assert all(len(line) <= 1000 for line in start.log_lines)
    assert len(start.detail) <= 300
