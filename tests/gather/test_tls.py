from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from readiness.facts._codec import decode, encode
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.tls import Certificate, TlsEntry, TlsScan
from readiness.gather import gatherer_meta
from readiness.gather import tls as module
from readiness.instruments.tls import Chain, Handshake
from readiness.runtime import Capability, Completed
from readiness.target import Entry, Paths, Probe, ProbeKind, Request, Target
from tests.gather.asked import Answer, FakeHttp, FakeStack

ENTRY = Entry(name="proxy", service="web", port=8443, https=True)
SOUND = Handshake(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", alpn="h2", certificate=b"der")
MODEL = StackModel(
    services={"web": ServiceModel(name="web", published=("127.0.0.1:8443->8443", "127.0.0.1:80->8080", "53->53/udp"))}
)


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "/nowhere",
        "service": "api",
        "entries": (ENTRY, Entry(name="direct", service="api", port=8000)),
        "paths": Paths(ok=Request(path="/items"), redirect=Request(path="/old")),
        "probes": {ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/live")},
        "extra": {"tls": {"server_name": "shop.internal"}},
    }
    return Target(**{**values, **changes})


def serve(entry: str, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    return (301, {"Location": "/items", "Set-Cookie": "a=secret"}, "") if path == "/old" else (200, {}, "x" * 9000)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the instruments say, to be changed by a test; and what they were asked."""
    said: dict[str, Any] = {"handshake": SOUND, "chain": "", "not_seen": "", "asked": []}

    def chain(where: object, name: str, *, authority: str | None) -> Chain:
        said["asked"].append((name, authority))
        return Chain(problem=said["chain"], not_seen=said["not_seen"])

    def certificates(data: bytes) -> str:
        if not data.startswith(b"PEM"):
            raise ValueError("it holds no certificate in PEM")
        return data.decode()

    monkeypatch.setattr(module, "shake_hands", lambda where, name: said["handshake"])
    monkeypatch.setattr(module, "chain_of", chain)
    monkeypatch.setattr(module, "certificates_in", certificates)
    monkeypatch.setattr(module, "read_certificate", lambda data: Certificate(subject="CN=x", issuer="CN=y"))
    monkeypatch.setattr(
        module, "request_http2", lambda where, name, path: (200, "") if path == "/live" else (None, path)
    )
    return said


def look(found: Target, *, stack: FakeStack | None = None, model: StackModel = MODEL) -> TlsEntry:
    meta = gatherer_meta(module.tls_entry)
    assert meta is not None
    runtime = SimpleNamespace(model=lambda: model)
    return meta.function(found, runtime, stack or FakeStack({"web": {}, "api": {}}), FakeHttp(serve))


def test_a_look_tells_all_that_clients_of_today_meet(network: dict[str, Any]) -> None:
    found = look(target())
    assert (found.version, found.alpn, found.http2_status, found.server_name) == ("TLSv1.3", "h2", 200, "shop.internal")
    assert [answer.url.rpartition("8443")[2] for answer in found.answers] == ["/live", "/old"]
    assert found.answers[1].headers == (("Location", "/items"),)
    assert {(answer.port, answer.path, answer.is_tls_port) for answer in found.plain} == {
        (8443, "/live", True),
        (8443, "/items", True),
        (8080, "/live", False),
        (8080, "/items", False),
    }
    assert network["asked"] == [("shop.internal", None)]
    text = json.dumps(encode(found))
    assert "secret" not in text
    assert decode(TlsEntry, json.loads(text)) == found


def test_the_root_of_which_nobody_said_that_something_is_there_is_no_health(network: dict[str, Any]) -> None:
    answers = look(target(paths=Paths(), probes={})).answers
    assert [(answer.url.rsplit(":443", 1)[-1][-1:], answer.purpose.value) for answer in answers] == [("/", "ok")]


def test_declared_plain_ports_replace_the_published_ones(network: dict[str, Any]) -> None:
    found = look(target(extra={"tls": {"plain_ports": [81]}}))
    assert {answer.port for answer in found.plain} == {8443, 81}


def test_an_authority_of_the_owners_folder_is_read(network: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"PEM")
    look(target(folder=str(tmp_path), extra={"tls": {"ca": "ca.crt"}}))
    assert network["asked"] == [("", "PEM")]


def test_a_file_without_a_certificate_is_no_authority(network: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"hello")
    found = look(target(folder=str(tmp_path), extra={"tls": {"ca": "ca.crt"}}))
    assert found.ca_problem == "ca.crt: it holds no certificate in PEM"
    assert network["asked"] == [("", None)]


def test_a_file_that_is_too_large_is_not_read_in_part(
    network: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_AUTHORITY_BYTES", 4)
    (tmp_path / "ca.crt").write_bytes(b"PEM and more")
    assert "larger than 4 bytes" in look(target(folder=str(tmp_path), extra={"tls": {"ca": "ca.crt"}})).ca_problem


def test_a_second_connection_that_fails_is_told_apart_from_a_chain_that_nobody_trusts(network: dict[str, Any]) -> None:
    network["not_seen"] = "ConnectionRefusedError"
    found = look(target())
    assert (found.chain_problem, found.chain_not_seen) == ("", "ConnectionRefusedError")


@pytest.mark.parametrize(("name", "may_want_name"), [("", True), ("shop.internal", False)])
def test_an_alert_to_a_client_without_a_name_may_be_about_the_name(
    network: dict[str, Any], name: str, may_want_name: bool
) -> None:
    network["handshake"] = Handshake(problem="unrecognized name", is_refusal=True, is_alert=True)
    found = look(target(extra={"tls": {"server_name": name} if name else {}}))
    assert (found.is_refusal, found.may_want_name) == (True, may_want_name)


def test_an_entry_beside_the_first_need_not_have_its_health(network: dict[str, Any]) -> None:
    answers = look(target(entries=(Entry(name="direct", service="api", port=8000), ENTRY))).answers
    assert [answer.purpose.value for answer in answers] == ["ok", "redirect"]


@pytest.mark.parametrize(("name", "words"), [("gone.crt", "No such file"), ("../ca.crt", "outside the folder")])
def test_an_authority_that_cannot_be_read_says_why(
    network: dict[str, Any], tmp_path: Path, name: str, words: str
) -> None:
    assert words in look(target(folder=str(tmp_path), extra={"tls": {"ca": name}})).ca_problem


PLACE = {"tls": {"ca": {"service": "web", "file_env": "CA_FILE"}}}


def test_an_authority_is_read_where_a_service_keeps_it(network: dict[str, Any]) -> None:
    def run(service: str, command: list[str]) -> Completed:
        assert (service, command) == ("web", ["cat", "/data/ca.crt"])
        return Completed(exit_code=0, output="PEM")

    look(target(extra=PLACE), stack=FakeStack({"web": {"CA_FILE": "/data/ca.crt"}}, run=run))
    assert network["asked"] == [("", "PEM")]


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (FakeStack({"web": {}}), "no variable CA_FILE"),
        (FakeStack({"web": {"CA_FILE": "/x"}}), "no command can be run"),
        (FakeStack({"web": {"CA_FILE": "/x"}}, run=lambda *_: Completed(exit_code=1, output="denied")), "denied"),
    ],
)
def test_an_authority_that_a_service_does_not_give_says_why(
    network: dict[str, Any], stack: FakeStack, words: str
) -> None:
    assert words in look(target(extra=PLACE), stack=stack).ca_problem


def test_a_refused_handshake_is_told_with_what_is_said_in_clear(network: dict[str, Any]) -> None:
    network["handshake"] = Handshake(problem="wrong version number", is_refusal=True)
    found = look(target())
    assert (found.problem, found.is_refusal) == ("wrong version number", True)
    assert found.plain
    assert found.certificate is None


def test_an_entry_that_is_gone_is_told(network: dict[str, Any]) -> None:
    assert "not running" in look(target(), stack=FakeStack({"api": {}})).problem


def test_without_tls_there_is_nothing_to_look_at(network: dict[str, Any]) -> None:
    found = look(target(entries=(Entry(name="direct", service="api", port=8000),)))
    assert (found.entry, found.is_tls, found.plain) == ("direct", False, ())
    assert look(target(entries=())) == TlsEntry()


def scan_of(found: Target, stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> TlsScan:
    monkeypatch.setattr(module, "scan", lambda where, name, *, label: TlsScan(label=label, scanner=name))
    meta = gatherer_meta(module.tls_scan)
    assert meta is not None
    return meta.function(found, stack)


def test_the_entry_is_scanned_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scan_of(target(), FakeStack({"web": {}}), monkeypatch)
    assert (found.label, found.scanner, found.problem) == ("web:8443 (proxy)", "shop.internal", "")


def test_somebodys_running_system_is_not_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = FakeStack({"web": {}}, capabilities=frozenset(Capability) - {Capability.WRITE})
    assert "running system" in scan_of(target(), stack, monkeypatch).problem


def test_a_scan_without_tls_or_without_the_entry_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no entry speaks TLS" in scan_of(target(entries=()), FakeStack({}), monkeypatch).problem
    assert "not running" in scan_of(target(), FakeStack({}), monkeypatch).problem
