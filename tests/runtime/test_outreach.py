"""Whether a service failed because a copy may not reach beyond this machine, as far as its words tell."""

from __future__ import annotations

import dataclasses

import pytest

from readiness.facts.start import FailureCause, ServiceStart
from readiness.runtime.outreach import UNTOLD, Confined, named_hosts, names_of_this_machine, outreach
from readiness.runtime.provide import NOWHERE
from readiness.runtime.start_report import HealthResult, Observed, judge

HERE = Confined(names=frozenset({"api", "db", "cache.shop.test"}), subnets=("172.18.0.0/16",))
VENDOR = "api.vendor.example"


def started(log: str, *, confined: Confined | None = HERE, state: str = "exited", **seen: object) -> ServiceStart:
    one = Observed(service="api", state=state, exit_code=1 if state == "exited" else None, log=log, confined=confined)
    return judge([dataclasses.replace(one, **seen)])[0]


@pytest.mark.parametrize(
    "line",
    [
        "HTTPSConnection(host='api.vendor.example', port=443): Failed to resolve 'api.vendor.example' ([Errno -3] ...)",
        "Cannot connect to host api.vendor.example:443 ssl:default [Temporary failure in name resolution]",
        "Error: getaddrinfo EAI_AGAIN api.vendor.example",
        "dial tcp: lookup api.vendor.example on 127.0.0.11:53: server misbehaving",
        'panic: Get "https://api.vendor.example/v1": dial tcp: lookup api.vendor.example: no such host',
        "java.net.UnknownHostException: api.vendor.example: Temporary failure in name resolution",
        "curl: (6) Could not resolve host: api.vendor.example",
        "wget: unable to resolve host address \u2018api.vendor.example\u2019",
        "wget: bad address 'api.vendor.example'",
        "E: Failed to fetch http://api.vendor.example/x  Temporary failure resolving 'api.vendor.example'",
        "php_network_getaddresses: getaddrinfo for api.vendor.example failed: Temporary failure in name resolution",
        "Failed to open TCP connection to api.vendor.example:443 (getaddrinfo: Temporary failure in name resolution)",
        'could not translate host name "api.vendor.example" to address: Temporary failure in name resolution',
        "fatal: unable to access 'https://api.vendor.example/r/': Could not resolve host: api.vendor.example",
        "Error -3 connecting to api.vendor.example:6379. Temporary failure in name resolution.",
        "ping: api.vendor.example: Temporary failure in name resolution",
        "error sending request for url (https://api.vendor.example/): dns error: failed to lookup address information",
        "TypeError: fetch failed https://api.vendor.example/v1 [cause]: ConnectTimeoutError",
        'nginx: [emerg] host not found in upstream "api.vendor.example:443"',
        "urllib.error.URLError: <urlopen error [Errno 113] No route to host> https://api.vendor.example/",
    ],
)
def test_name_beyond_this_machine_is_not_the_owners_fault(line: str) -> None:
    start = started(f"starting\n{line}\nbye\n")
    assert start.cause is FailureCause.REFUSED
    assert start.beyond == VENDOR
    assert start.detail == "it asks for api.vendor.example, and a copy may not reach beyond this machine"
    assert line in start.log_lines


@pytest.mark.parametrize(
    "line",
    [
        'could not translate host name "databse" to address: Temporary failure in name resolution',
        "Error: getaddrinfo EAI_AGAIN databse",
        "Error -3 connecting to databse:6379. Temporary failure in name resolution.",
        "dial tcp: lookup databse on 127.0.0.11:53: server misbehaving",
        "java.net.UnknownHostException: databse: Temporary failure in name resolution",
        "curl: (6) Could not resolve host: databse",
        "HTTPConnectionPool(host='databse', port=80): Failed to resolve 'databse' ([Errno -3] Temporary failure)",
        'nginx: [emerg] host not found in upstream "databse:8000"',
        "wget: bad address 'databse'",
        "redis.exceptions.ConnectionError: redis://databse:6379/0: Temporary failure in name resolution",
    ],
)
def test_service_that_is_called_by_a_wrong_name_stays_a_finding(line: str) -> None:
    start = started(f"{line}\n")
    assert start.cause is FailureCause.NAME_RESOLUTION
    assert start.beyond == ""


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("connect EHOSTUNREACH 203.0.113.80:443", "203.0.113.80"),
        ("OSError: [Errno 113] No route to host: 10.1.2.3:5432", "10.1.2.3"),
        ("dial tcp 198.51.100.7:443: connect: no route to host", "198.51.100.7"),
        ("connect to 198.51.100.7 port 443 failed: Connection timed out", "198.51.100.7"),
        ("connect EHOSTUNREACH 172.18.0.5:5432", None),
        ("dial tcp 127.0.0.1:5432: i/o timeout", None),
        ('connection to server at "db" (172.18.0.5), port 5432 failed: No route to host', None),
        ("dial tcp: lookup cache.shop.test: no such host", None),
        ("OSError: [Errno 113] No route to host", UNTOLD),
        ("connection to localhost timed out", None),
        ("[CRITICAL] WORKER TIMEOUT (pid:7)", None),
        ("FileNotFoundError: config.toml, connection timed out in main.go:12", None),
    ],
)
def test_addresses_of_the_stack_are_told_from_those_beyond(line: str, host: str | None) -> None:
    found = outreach([line], HERE)
    assert (found.host if found else None) == host


def test_failure_that_tells_no_name_is_explained_by_what_stands_around_it() -> None:
    log = "fetching https://api.vendor.example/v1/keys\nTraceback:\nsocket.gaierror: [Errno -3] Temporary failure in name resolution\n"
    assert started(log).beyond == VENDOR
    log = "connecting to redis://databse:6379\nsocket.gaierror: [Errno -3] Temporary failure in name resolution\n"
    assert started(log).cause is FailureCause.NAME_RESOLUTION


TRACEBACK = """Traceback (most recent call last):
  File "/app/client.py", line 7, in connect
    self.pool = connect(host=self.settings.host, timeout=self.settings.timeout)
  File "/usr/lib/python3.11/socket.py", line 962, in getaddrinfo
    for res in _socket.getaddrinfo(host, port, family, type, proto, flags):
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
socket.gaierror: [Errno -3] Temporary failure in name resolution

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3.11/urllib/request.py", line 216, in urlopen
    return opener.open(url, data, timeout)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/urllib/request.py", line 1390, in http_open
    return self.do_open(http.client.HTTPConnection, req)
urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>
"""


def test_programs_text_in_a_traceback_is_no_message_but_for_addresses_in_it() -> None:
    assert started(TRACEBACK).beyond == UNTOLD
    misnamed = dataclasses.replace(HERE, hosts=("databse",))
    assert started(TRACEBACK, confined=misnamed).cause is FailureCause.NAME_RESOLUTION
    told = TRACEBACK.replace("self.do_open(", "self.do_open('https://api.vendor.example/v1', ")
    assert started(told).beyond == VENDOR
    assert started("Error: nope\n    at connect (https.js:1) Temporary failure in name resolution\n").beyond == ""


@pytest.mark.parametrize(
    ("hosts", "beyond"),
    [
        ((), UNTOLD),  # the name is in the program
        (("api.vendor.example",), UNTOLD),
        (("db",), UNTOLD),
        (("databse",), ""),
        (("databse", "api.vendor.example"), UNTOLD),  # either; what is open is not held against the owner
        ((NOWHERE,), ""),  # a store outside, which has its own reason
    ],
)
def test_failure_without_a_name_is_explained_by_the_services_variables(hosts: tuple[str, ...], beyond: str) -> None:
    start = started("socket.gaierror: [Errno -3] Try again\n", confined=dataclasses.replace(HERE, hosts=hosts))
    assert start.beyond == beyond
    assert start.cause is (FailureCause.REFUSED if beyond else FailureCause.NAME_RESOLUTION)


def test_name_of_a_service_that_does_not_run_points_at_that_one() -> None:
    confined = dataclasses.replace(HERE, hosts=("db",))
    api = Observed(service="api", state="exited", needs=("db",), confined=confined, log="socket.gaierror: Try again")
    db = Observed(service="db", state="exited", exit_code=1, log="PermissionError: /data", confined=HERE)
    starts = judge([api, db])
    assert [one.cause for one in starts] == [FailureCause.DEPENDENCY_NOT_HEALTHY, FailureCause.PERMISSION]


def test_failure_that_names_nobody_is_about_a_need_that_is_restarted_for_ever() -> None:
    web = Observed(service="web", state="exited", needs=("api",), confined=HERE, log="socket.gaierror: Try again")
    api = Observed(service="api", state="running", restarts=4, confined=HERE, log="ModuleNotFoundError: No module")
    starts = judge([web, api])
    assert [one.cause for one in starts] == [FailureCause.DEPENDENCY_NOT_HEALTHY, FailureCause.IMPORT_ERROR]
    done = dataclasses.replace(api, state="exited", restarts=0, exit_code=0, is_ready=True)
    assert judge([web, done])[0].cause is FailureCause.REFUSED


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        ("sh: 1: curl: not found", FailureCause.COMMAND_NOT_FOUND),
        ("ModuleNotFoundError: No module named 'redis'", FailureCause.IMPORT_ERROR),
        ("/app/model.bin: No such file or directory", FailureCause.MISSING_FILE),
        ("start.sh: line 3: API_KEY: unbound variable", FailureCause.MISSING_VARIABLE),
    ],
)
def test_what_could_not_be_fetched_explains_what_is_missing(last: str, cause: FailureCause) -> None:
    fetched = "Temporary failure resolving 'packages.vendor.example'\n"
    assert started(f"{fetched}{last}\n").cause is FailureCause.REFUSED
    assert started(f"{fetched}{last}\n", confined=None).cause is cause
    assert started(f"{last}\n").cause is cause


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        ("FATAL: password authentication failed for user", FailureCause.AUTHENTICATION),
        ("OSError: [Errno 98] Address already in use", FailureCause.PORT_IN_USE),
    ],
)
def test_what_has_nothing_to_do_with_it_stays_a_finding(last: str, cause: FailureCause) -> None:
    assert started(f"warning: Could not resolve host: telemetry.vendor.example\n{last}\n").cause is cause


@pytest.mark.parametrize(
    ("log", "beyond"),
    [
        ("fetching the licence from https://api.vendor.example/v1\n", VENDOR),
        ("licence check failed: https://api.vendor.example/v1\ngoodbye\n", VENDOR),
        ("https://api.vendor.example/v1\na\nb\nc\n", ""),
        ("ValueError: bad port\nFor further information visit https://errors.vendor.example/x\n", ""),
        ("ready at http://db:8000 and http://localhost:8000\n", ""),
    ],
)
def test_last_words_about_an_address_beyond_explain_a_mute_end(log: str, beyond: str) -> None:
    assert started(log).beyond == beyond
    assert started(log, state="running", unanswered=("GET / on port 8000: no answer",)).beyond == beyond


def test_silent_end_of_a_service_that_is_given_such_an_address_is_not_held_against_it() -> None:
    confined = dataclasses.replace(HERE, hosts=("db", VENDOR))
    assert started("", confined=confined).beyond == VENDOR
    assert started("cannot go on\n", confined=confined).cause is FailureCause.UNKNOWN
    assert started("").cause is FailureCause.UNKNOWN


def test_health_check_that_asks_beyond_this_machine() -> None:
    result = HealthResult(exit_code=6, output="curl: (6) Could not resolve host: api.vendor.example")
    start = started("serving\n", state="running", health="unhealthy", health_results=(result, result))
    assert (start.cause, start.beyond) == (FailureCause.REFUSED, VENDOR)


def test_what_may_reach_out_is_judged_as_ever() -> None:
    start = started("Error: getaddrinfo EAI_AGAIN api.vendor.example\n", confined=None)
    assert (start.cause, start.beyond) == (FailureCause.NAME_RESOLUTION, "")


def test_who_only_complains_about_one_that_is_held_back_is_not_at_fault_either() -> None:
    web = Observed(service="web", state="exited", log='host not found in upstream "api:8000"', confined=HERE)
    api = Observed(service="api", state="exited", log="Could not resolve host: api.vendor.example", confined=HERE)
    starts = judge([web, api])
    assert [one.cause for one in starts] == [FailureCause.REFUSED, FailureCause.REFUSED]
    assert starts[0].detail.startswith("api is not ready")
    waits = judge([dataclasses.replace(web, needs=("api",)), api])
    assert waits[0].cause is FailureCause.DEPENDENCY_NOT_HEALTHY


def test_hosts_of_variables_are_found() -> None:
    variables = {
        "API_URL": "https://key:secret@api.vendor.example/v1",
        "DB_HOST": "databse",
        "REDIS_ADDR": "cache:6379",
        "APP_SERVER": "gunicorn",
        "FLAG": "true",
        "EMPTY": None,
        "BOTH": "http://a.example,http://b.example",
    }
    assert named_hosts(variables) == (VENDOR, "databse", "cache", "a.example", "b.example")


def test_names_of_this_machine_are_read_however_they_are_written() -> None:
    listed = ["host.docker.internal=host-gateway", "here:127.0.0.1", "there=203.0.113.9"]
    assert names_of_this_machine(listed) == ("host.docker.internal", "here")
    assert names_of_this_machine({"a": ["host-gateway"], "b": "10.0.0.1"}) == ("a",)
    assert names_of_this_machine(None) == ()


def test_hostile_lines_are_bounded() -> None:
    assert started("x." * 500_000 + ": getaddrinfo failed\n" + "https://" * 100_000).cause is not None
