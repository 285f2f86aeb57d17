from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from readiness.exceptions import ConfigError, StackError, UnsupportedError
from readiness.facts.start import FailureCause
from readiness.runtime import Capability, Endpoint, Stack, Variant
from readiness.runtime.attached import AttachedRuntime
from readiness.target import Entry, Target

TARGET = Target(name="shop", folder="/target")


def silent(what: str, *, at_most_seconds: float | None = None) -> None:
    assert what


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names resolve to."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host[0].isdigit():
            return real(host, port, *rest, **more)
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr("readiness.runtime.attached.socket.getaddrinfo", getaddrinfo)
    return known


def attach(url: str, target: Target = TARGET) -> Stack:
    return AttachedRuntime(url, target).start(Variant(name="main"), progress=silent)


def test_url_is_the_one_endpoint_and_says_that_it_was_attached(port: int) -> None:
    stack = attach(f"http://127.0.0.1:{port}")
    assert stack.services == ("target",)
    assert stack.endpoint("target", port) == Endpoint(host="127.0.0.1", port=port)
    assert stack.report.is_up
    assert stack.report.runtime == "attached"
    assert "attached" in stack.report.services[0].detail
    assert stack.state("target").is_running


def test_nothing_listening_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = attach(f"http://127.0.0.1:{port}").report
    assert not report.is_up
    assert report.services[0].cause is FailureCause.NOT_LISTENING


def test_name_that_means_this_machine_is_pinned_to_the_address_that_answers(
    port: int, names: dict[str, list[str]]
) -> None:
    names["shop.test"] = ["127.0.0.2", "127.0.0.1"]
    runtime = AttachedRuntime(f"http://shop.test:{port}", TARGET)
    stack = runtime.start(Variant(), progress=silent)
    names["shop.test"] = ["203.0.113.9"]
    assert stack.endpoint("target", port).host == "127.0.0.1"
    assert runtime.entry.server_name == "shop.test"
    assert runtime.entry.headers == {"Host": f"shop.test:{port}"}


def test_entry_takes_the_urls_place_and_the_declared_name_and_headers() -> None:
    declared = Entry(name="proxy", service="web", port=8443, headers={"X-Key": "k"}, base="/old")
    target = Target(name="shop", folder="/target", entries=(declared,))
    entry = AttachedRuntime("https://127.0.0.1/api/", target).entry
    assert entry == Entry(name="proxy", service="web", port=443, https=True, base="/api", headers={"X-Key": "k"})


def test_other_ports_and_services_are_errors_and_never_the_urls_answer(port: int) -> None:
    stack = attach(f"http://127.0.0.1:{port}")
    with pytest.raises(StackError, match="one port only"):
        stack.endpoint("target", 9090)
    with pytest.raises(StackError, match="no service 'db'"):
        stack.state("db")


def test_another_host_needs_its_owner(names: dict[str, list[str]]) -> None:
    names["shop.example"] = ["203.0.113.9"]
    with pytest.raises(ConfigError, match=r"--readiness-i-own=shop\.example"):
        AttachedRuntime("https://shop.example", TARGET)
    with pytest.raises(ConfigError, match="readiness-i-own"):
        AttachedRuntime("https://shop.example", TARGET, own_hosts=["example"])
    assert AttachedRuntime("https://shop.example", TARGET, own_hosts=["Shop.Example."]).entry.port == 443


def test_name_that_means_this_machine_and_another_needs_its_owner(names: dict[str, list[str]]) -> None:
    names["both.test"] = ["127.0.0.1", "203.0.113.9"]
    with pytest.raises(ConfigError, match="readiness-i-own"):
        AttachedRuntime("http://both.test", TARGET)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "fe80::1%2",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104  # refused here
    ],
)
def test_metadata_and_link_local_addresses_are_refused_even_to_owners(
    names: dict[str, list[str]], address: str
) -> None:
    names["inside.example"] = [address]
    with pytest.raises(ConfigError, match="no address of a target"):
        AttachedRuntime("http://inside.example", TARGET, own_hosts=["inside.example"])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:80", "expected http://"),
        ("ftp://127.0.0.1", "expected http://"),
        ("http://", "expected http://"),
        ("http://127.0.0.1:99999", "(?i)port"),
        ("http://alice:secret@127.0.0.1", "no credentials"),
        ("http://127.0.0.1/?a=b", "neither query"),
    ],
)
def test_unusable_urls_are_mistakes(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        AttachedRuntime(url, TARGET)
    assert "secret" not in str(caught.value)


def test_unknown_host_is_a_mistake(names: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match="does not resolve"):
        AttachedRuntime("http://nowhere.example", TARGET)


def test_nothing_can_be_done_to_it_and_the_error_says_what_helps(port: int) -> None:
    stack = attach(f"http://127.0.0.1:{port}")
    assert stack.capabilities == frozenset()
    for attempt in (
        lambda: stack.stop("target"),
        lambda: stack.start("target"),
        lambda: stack.pause("target"),
        lambda: stack.unpause("target"),
        lambda: stack.signal("target", "SIGTERM"),
        lambda: stack.recreate("target"),
        lambda: stack.replica_endpoints("target", 80),
        lambda: stack.replace("target", "x"),
        lambda: stack.kill("target", "x"),
        lambda: stack.update("target"),
        lambda: stack.is_updated("target"),
        lambda: stack.logs("target"),
        lambda: stack.execute("target", ["true"]),
    ):
        with pytest.raises(UnsupportedError, match="readiness-target"):
            attempt()
    assert stack.environment("target") == {}
    stack.close()
    assert stack.state("target").is_running


def test_requests_that_change_something_have_to_be_allowed(port: int) -> None:
    allowed = AttachedRuntime(f"http://127.0.0.1:{port}", TARGET, is_active=True)
    assert allowed.start(Variant(name="main"), progress=silent).capabilities == {Capability.WRITE}


@pytest.mark.parametrize(
    "variant",
    [
        Variant(environment={"api": {"A": "b"}}),
        Variant(tmpfs={"api": {"/d": 1}}),
        Variant(replicas={"api": 2}),
        Variant(stopped=("db",)),
    ],
)
def test_variants_are_unsupported(variant: Variant) -> None:
    with pytest.raises(UnsupportedError, match="variant"):
        AttachedRuntime("http://127.0.0.1", TARGET).start(variant, progress=silent)


def test_model_is_one_service() -> None:
    model = AttachedRuntime("http://127.0.0.1:8000", TARGET).model()
    assert model.services["target"].ports == (8000,)
