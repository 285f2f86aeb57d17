from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from readiness.exceptions import StackError
from readiness.instruments.stub import (
    MAX_BODY_BYTES,
    Behaviour,
    Kind,
    Plan,
    Script,
    Stub,
    Stubs,
    _is_of_this_machine,
    answer,
    cut,
    garbage,
    half,
    hang,
)
from readiness.verdict import Inconclusive


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub("127.0.0.1") as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as made:
        yield made


def test_a_request_is_recorded_and_answered(stub: Stub, client: httpx.Client) -> None:
    response = client.post(f"{stub.url}/v1/chat?x=1", content=b"hello", headers={"X-Seen": "yes"})
    assert (response.status_code, response.json()) == (200, {})
    (seen,) = stub.received("/v1")
    assert (seen.method, seen.path, seen.body, seen.body_bytes) == ("POST", "/v1/chat?x=1", b"hello", 5)
    assert (seen.first("x-seen"), seen.behaviour) == ("yes", Kind.ANSWER)
    assert stub.received("/v1/ch") == ()
    assert stub.received("/", since=seen.at + 1) == ()


def test_a_chunked_body_is_read(stub: Stub, client: httpx.Client) -> None:
    client.post(stub.url, content=iter([b"one", b"two"]))
    assert stub.received()[0].body == b"onetwo"


def test_a_connection_serves_several_requests(stub: Stub, client: httpx.Client) -> None:
    for _ in range(3):
        client.get(f"{stub.url}/")
    assert (stub.count, stub.open_connections) == (3, 1)


def test_an_expected_continue_is_sent(stub: Stub) -> None:
    with socket.create_connection((stub.host, stub.port), timeout=10) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 100")
        peer.sendall(b"ok")
        assert peer.recv(100).startswith(b"HTTP/1.1 200")


def test_steps_come_one_after_the_other_and_then_the_rest(stub: Stub, client: httpx.Client) -> None:
    stub.play(Script(plans={"/v1": Plan(steps=(answer(503), answer(429)), then=answer(204, b""))}))
    statuses = [client.get(f"{stub.url}/v1/chat").status_code for _ in range(4)]
    assert statuses == [503, 429, 204, 204]
    assert client.get(f"{stub.url}/v10").status_code == 200


def test_the_longest_path_decides() -> None:
    script = Script(plans={"/": Plan(), "/v1": Plan(), "/v1/chat": Plan()})
    assert [script.key_for(p) for p in ("/v1/chat?a", "/v1/x", "/w")] == ["/v1/chat", "/v1", "/"]
    assert Script().key_for("/") is None


def test_another_script_begins_anew(stub: Stub, client: httpx.Client) -> None:
    script = Script(otherwise=Plan(steps=(answer(500),)))
    stub.play(script)
    client.get(stub.url)
    stub.play(script)
    assert client.get(stub.url).status_code == 500


def test_a_hanging_request_is_recorded_and_let_go_by_the_next_script(stub: Stub, client: httpx.Client) -> None:
    stub.play(Script(otherwise=Plan(then=hang())))
    ends: list[str] = []

    def ask() -> None:
        try:
            client.get(stub.url)
        except httpx.HTTPError as error:
            ends.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    assert stub.wait_until(lambda: stub.count == 1, seconds=10)
    assert ends == []
    stub.play(Script())
    thread.join(10)
    assert len(ends) == 1


def test_a_cut_connection_is_reset(stub: Stub, client: httpx.Client) -> None:
    stub.play(Script(otherwise=Plan(then=cut())))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.get(stub.url)
    assert stub.received()[0].behaviour is Kind.CUT


def test_garbage_is_no_http(stub: Stub) -> None:
    stub.play(Script(otherwise=Plan(then=garbage())))
    connection = http.client.HTTPConnection(stub.host, stub.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        with pytest.raises(http.client.BadStatusLine):
            connection.getresponse()


def test_a_late_answer_is_sent_at_once_when_all_ends(client: httpx.Client) -> None:
    running = Stub("127.0.0.1", script=Script(otherwise=Plan(then=answer(delay_seconds=300))))
    ended = threading.Event()

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            client.get(running.url)
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert running.wait_until(lambda: running.count == 1, seconds=10)
    running.close()
    assert ended.wait(10)


def test_only_the_beginning_of_a_long_body_is_kept(stub: Stub, client: httpx.Client) -> None:
    client.post(stub.url, content=b"x" * (MAX_BODY_BYTES + 10))
    seen = stub.received()[0]
    assert (len(seen.body), seen.body_bytes) == (MAX_BODY_BYTES, MAX_BODY_BYTES + 10)


def test_what_is_no_http_is_no_request(stub: Stub) -> None:
    with socket.create_connection((stub.host, stub.port), timeout=10) as peer:
        peer.sendall(b"\x16\x03\x01nonsense\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(100) == b""
    assert stub.count == 0


def test_closing_twice_is_closing_once(stub: Stub) -> None:
    stub.close()
    stub.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((stub.host, stub.port), timeout=10)


def test_waiting_ends_when_time_is_up(stub: Stub) -> None:
    assert not stub.wait_until(lambda: stub.count == 1, seconds=0.01)


def test_processes_reach_it_on_loopback() -> None:
    with Stubs("process")() as running:
        assert running.host == "127.0.0.1"


def test_containers_reach_it_on_the_engines_bridge() -> None:
    with Stubs("compose", bridge=lambda: "127.0.0.2")() as running:
        assert running.url.startswith("http://127.0.0.2:")


def test_a_bridge_of_another_machine_is_inconclusive() -> None:
    # TEST-NET-1 (RFC 5737): no machine has it.
    with (
        pytest.raises(Inconclusive, match=r"192\.0\.2\.1, the engine's own bridge, is not an address"),
        Stubs("compose", bridge=lambda: "192.0.2.1")(),
    ):
        pass


def test_without_an_engine_it_is_inconclusive() -> None:
    def none() -> str:
        raise StackError("no engine answers")

    with pytest.raises(Inconclusive, match="no engine answers"), Stubs("compose", bridge=none)():
        pass


def test_a_running_system_calls_no_stub() -> None:
    with pytest.raises(Inconclusive, match="runs elsewhere"), Stubs("attached")():
        pass


@pytest.mark.parametrize(
    ("peer", "expected"), [("127.0.0.1", True), ("172.18.0.3", True), ("8.8.8.8", False), ("", False)]
)
def test_strangers_are_refused(peer: str, expected: bool) -> None:
    assert _is_of_this_machine(peer) is expected


def test_a_body_is_cut_half_way_and_who_asks_for_the_headers_uses_up_no_step(stub: Stub, client: httpx.Client) -> None:
    body = b"0123456789" * 1000
    then = answer(body=body, headers={"etag": '"x"'})
    stub.play(Script(plans={"/weights": Plan(steps=(half(body, headers={"etag": '"x"'}),), then=then)}))
    head = client.head(f"{stub.url}/weights")
    assert (head.status_code, head.headers["content-length"], head.headers["etag"]) == (200, "10000", '"x"')
    got: list[bytes] = []
    with client.stream("GET", f"{stub.url}/weights") as response, pytest.raises(httpx.RemoteProtocolError):
        got.extend(response.iter_raw())
    assert len(b"".join(got)) <= 5000
    assert client.get(f"{stub.url}/weights").content == body
    assert [seen.behaviour for seen in stub.received()] == [Kind.HALF, Kind.HALF, Kind.ANSWER]


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=4-", 206, b"456789"),
        ("bytes=0-", 200, b"0123456789"),
        ("bytes=10-", 200, b"0123456789"),
        ("x", 200, b"0123456789"),
    ],
)
def test_who_resumes_gets_the_rest(stub: Stub, client: httpx.Client, asked: str, status: int, expected: bytes) -> None:
    stub.play(Script(otherwise=Plan(then=answer(body=b"0123456789", has_ranges=True))))
    response = client.get(stub.url, headers={"range": asked})
    assert (response.status_code, response.content) == (status, expected)
    assert response.headers.get("content-range") == ("bytes 4-9/10" if status == 206 else None)


@pytest.mark.parametrize(
    ("asked", "expected", "where"),
    [("bytes=2-4", b"234", "2-4"), ("bytes=8-99", b"89", "8-9"), ("bytes=0-4", b"01234", "0-4")],
)
def test_a_part_between_two_bytes_is_answered(
    stub: Stub, client: httpx.Client, asked: str, expected: bytes, where: str
) -> None:
    stub.play(Script(otherwise=Plan(then=answer(body=b"0123456789", has_ranges=True))))
    response = client.get(stub.url, headers={"range": asked})
    assert (response.status_code, response.content) == (206, expected)
    assert response.headers["content-range"] == f"bytes {where}/10"
    assert stub.received()[-1].status == 206


def test_who_asks_for_the_first_byte_uses_up_no_step(stub: Stub, client: httpx.Client) -> None:
    whole = answer(body=b"0123456789", has_ranges=True)
    stub.play(Script(otherwise=Plan(steps=(half(b"0123456789", has_ranges=True), answer(429)), then=whole)))
    assert client.get(stub.url, headers={"range": "bytes=0-0"}).content == b"0"
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(stub.url, headers={"range": "bytes=0-3"})
    assert client.get(stub.url, headers={"range": "bytes=0-0"}).status_code == 206
    assert [client.get(stub.url).status_code for _ in range(2)] == [429, 200]


@pytest.mark.parametrize(("known", "status"), [('"a"', 304), ('W/"a", "b"', 304), ('"b"', 200), ("", 200)])
def test_what_the_peer_has_already_is_not_sent_again(stub: Stub, client: httpx.Client, known: str, status: int) -> None:
    stub.play(Script(otherwise=Plan(then=answer(body=b"0123456789", headers={"ETag": '"a"'}))))
    response = client.get(stub.url, headers={"if-none-match": known})
    assert (response.status_code, len(response.content)) == (status, 0 if status == 304 else 10)
    assert (stub.received()[-1].status, stub.open_connections) == (status, 1)


def test_a_large_body_arrives_whole(stub: Stub, client: httpx.Client) -> None:
    body = bytes(range(256)) * 4096
    stub.play(Script(otherwise=Plan(then=answer(body=body, has_ranges=True))))
    assert client.get(stub.url).content == body
    assert client.get(stub.url, headers={"range": "bytes=100-"}).content == body[100:]


@pytest.mark.parametrize("behaviour", [cut(), garbage(), hang(0.01)])
def test_what_is_not_answered_has_no_status(stub: Stub, client: httpx.Client, behaviour: Behaviour) -> None:
    stub.play(Script(otherwise=Plan(then=behaviour)))
    with pytest.raises(httpx.TransportError):
        client.get(stub.url)
    assert stub.received()[-1].status is None
