from __future__ import annotations

import contextlib
import datetime as dt
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from readiness.instruments import tls
from readiness.runtime import Endpoint

NAME = "shop.internal"
NOW = dt.datetime.now(dt.UTC)


def signed(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, **more: Any
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=90))
        .not_valid_after(NOW + more.get("left", dt.timedelta(days=90)))
    )
    extension = (
        x509.BasicConstraints(ca=True, path_length=None)
        if more.get("is_authority")
        else x509.SubjectAlternativeName([x509.DNSName(name)])
    )
    return builder.add_extension(extension, critical=False).sign(by, hashes.SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, pem(signed("authority", "authority", key, key, is_authority=True))


@contextlib.contextmanager
def serving(folder: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes], **more: Any) -> Iterator[Endpoint]:
    """A port that speaks TLS and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "chain.pem").write_bytes(private + pem(signed(NAME, "authority", key, authority[0], **more)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem")
    context.set_alpn_protocols(["h2"])
    context.maximum_version = more.get("newest", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    if "only" in more:
        # As nginx with ssl_reject_handshake, HAProxy with strict-sni, and Caddy.
        context.sni_callback = lambda _socket, name, _context: (
            None if name == more["only"] else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        )
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    with contextlib.suppress(OSError), accepted, context.wrap_socket(accepted, server_side=True) as one:
                        one.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Endpoint(host="127.0.0.1", port=listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_handshake_tells_version_protocol_and_certificate(
    tmp_path: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    with serving(tmp_path, authority) as where:
        found = tls.shake_hands(where, NAME)
    assert found.problem == ""
    assert (found.version, found.alpn) == ("TLSv1.3", "h2")
    certificate = tls.read_certificate(found.certificate)
    assert certificate is not None
    assert certificate.names == (NAME,)
    assert not certificate.is_self_signed
    assert dt.datetime.fromisoformat(certificate.not_after) > NOW


def test_a_chain_is_trusted_by_who_trusts_its_authority_alone(
    tmp_path: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    with serving(tmp_path, authority) as where:
        trusted = tls.certificates_in(authority[1])
        assert tls.chain_of(where, "another.name", authority=trusted) == tls.Chain()
        assert "issuer" in tls.chain_of(where, NAME, authority=None).problem


def test_a_declared_authority_is_trusted_where_it_is_no_root(
    tmp_path: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    root = ec.generate_private_key(ec.SECP256R1())
    between = pem(signed("authority", "root", authority[0], root, is_authority=True))
    with serving(tmp_path, authority) as where:
        assert tls.chain_of(where, NAME, authority=tls.certificates_in(between)) == tls.Chain()


def test_a_connection_that_fails_says_nothing_of_the_chain() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = tls.chain_of(Endpoint(host="127.0.0.1", port=port), NAME, authority=None)
    assert found.problem == ""
    assert "refused" in found.not_seen


@pytest.mark.parametrize(
    "comment", [b"# Trust of the shop\n", "# T\u00dcRKTRUST\n".encode(), "# Z\u00fcrich\n".encode("latin-1")]
)
def test_comments_around_certificates_are_passed_over(
    authority: tuple[ec.EllipticCurvePrivateKey, bytes], comment: bytes
) -> None:
    found = tls.certificates_in(comment + authority[1] + b"\r\n" + comment + authority[1])
    assert found.count("BEGIN CERTIFICATE") == 2
    assert "#" not in found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ],
)
def test_an_authority_without_a_certificate_says_so(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tls.certificates_in(data)


def test_a_server_that_refuses_who_names_nobody_is_told_from_one_that_refuses_everybody(
    tmp_path: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    with serving(tmp_path, authority, only=NAME) as where:
        nameless, named = tls.shake_hands(where, ""), tls.shake_hands(where, NAME)
    assert (nameless.is_refusal, nameless.is_alert) == (True, True)
    assert named.problem == ""


def test_old_versions_alone_are_a_refusal_of_everybody(
    tmp_path: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    newest.check_hostname, newest.verify_mode = False, ssl.CERT_NONE
    newest.minimum_version = ssl.TLSVersion.TLSv1_3
    monkeypatch.setattr(tls, "_client", lambda: newest)
    with serving(tmp_path, authority, newest=ssl.TLSVersion.TLSv1_2) as where:
        found = tls.shake_hands(where, "")
    assert (found.is_refusal, found.is_alert) == (True, False)


def test_who_hangs_up_without_a_word_refuses_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(10_000)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        found = tls.shake_hands(Endpoint(host="127.0.0.1", port=listener.getsockname()[1]), NAME)
        thread.join(5)
    assert found.problem
    assert not found.is_refusal


def test_an_expired_certificate_has_no_chain_problem(
    tmp_path: Path, authority: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    with serving(tmp_path, authority, left=-dt.timedelta(days=1)) as where:
        assert tls.chain_of(where, NAME, authority=tls.certificates_in(authority[1])) == tls.Chain()


def test_a_port_that_speaks_no_tls_is_a_refusal_and_a_closed_one_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(1)
                accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        found = tls.shake_hands(Endpoint(host="127.0.0.1", port=port), "")
        thread.join(5)
    assert found.is_refusal
    assert found.problem
    closed = tls.shake_hands(Endpoint(host="127.0.0.1", port=port), "")
    assert closed.problem
    assert not closed.is_refusal
    assert tls.request_http2(Endpoint(host="127.0.0.1", port=port), "", "/")[0] is None


def test_what_is_no_certificate_is_none() -> None:
    assert tls.read_certificate(b"nonsense") is None


WHERE = Endpoint(host="127.0.0.1", port=443)


def scanned(monkeypatch: pytest.MonkeyPatch, result: Any, *, code: int = 0) -> tls.TlsScan:
    def run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-P", "-m", "sslyze"]
        assert more["timeout"] == 5
        if isinstance(result, Exception):
            raise result
        if result is not None:
            Path(command[command.index("--json_out") + 1]).write_text(json.dumps(result), encoding="utf-8")
        return subprocess.CompletedProcess(command, code, "", "no such option")

    monkeypatch.setattr(subprocess, "run", run)
    return tls.scan(WHERE, NAME, label="web:443 (proxy)", seconds=5)


def suites(*names: str) -> dict[str, Any]:
    return {"status": "COMPLETED", "result": {"accepted_cipher_suites": [{"cipher_suite": {"name": n}} for n in names]}}


def test_a_scan_tells_what_is_accepted_and_what_could_not_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    result = {
        "ssl_3_0_cipher_suites": suites(),
        "tls_1_2_cipher_suites": suites("TLS_B", "TLS_A"),
        "tls_1_3_cipher_suites": {"status": "ERROR", "error_reason": "CONNECTIVITY_ISSUE", "result": None},
    }
    found = scanned(monkeypatch, {"sslyze_version": "6.3.1", "server_scan_results": [{"scan_result": result}]})
    assert found.accepted == {"SSLv3": (), "TLSv1.2": ("TLS_A", "TLS_B")}
    assert found.not_scanned["TLSv1.3"] == "CONNECTIVITY_ISSUE"
    assert found.scanner == "sslyze 6.3.1"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (subprocess.TimeoutExpired("sslyze", 5), "did not end in 5 s"),
        (None, "sslyze ended with 2: no such option"),
        ({"server_scan_results": []}, "no connection"),
        (
            {"server_scan_results": [{"scan_result": None, "connectivity_error_trace": "Traceback\nTimedOut: slow\n"}]},
            "TimedOut: slow",
        ),
    ],
)
def test_a_scan_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, result: Any, words: str) -> None:
    found = scanned(monkeypatch, result, code=2)
    assert words in found.problem
    assert found.accepted == {}


def test_without_a_scanner_the_way_to_get_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "find_spec", lambda _name: None)
    assert "pip install 'pytest-readiness[tls]'" in tls.scan(WHERE, NAME, label="web:443 (proxy)").problem
