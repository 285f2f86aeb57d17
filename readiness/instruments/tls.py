"""Speaking TLS to one port: as a client of today, over HTTP/2, and as a scanner that offers each version and suite alone."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import httpx

from readiness.facts.tls import Certificate, TlsScan

if TYPE_CHECKING:
    from readiness.runtime import Endpoint

__all__ = [
    "Chain",
    "Handshake",
    "certificates_in",
    "chain_of",
    "read_certificate",
    "request_http2",
    "scan",
    "shake_hands",
]

#: One handshake on the same machine takes milliseconds; a loaded machine is given time.
HANDSHAKE_SECONDS = 10.0
#: The scan offers some hundred suites one by one; it takes about five seconds on two processors.
SCAN_SECONDS = 60.0
#: X509_V_FLAG_NO_CHECK_TIME (OpenSSL, X509_VERIFY_PARAM_set_flags): the dates are judged apart from the chain.
_NO_CHECK_TIME = 0x200000
#: An extra of its own, see pyproject.toml.
NO_SCANNER = "no scanner is installed: pip install 'pytest-readiness[tls]'"
#: sslyze's key for each version -> the name that people use.
_VERSIONS = {
    "ssl_2_0_cipher_suites": "SSLv2",
    "ssl_3_0_cipher_suites": "SSLv3",
    "tls_1_0_cipher_suites": "TLSv1.0",
    "tls_1_1_cipher_suites": "TLSv1.1",
    "tls_1_2_cipher_suites": "TLSv1.2",
    "tls_1_3_cipher_suites": "TLSv1.3",
}
_COMMANDS = ("--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3")


#: What OpenSSL calls a refusal by TLS itself: a received alert (RFC 8446, 6.2); the names of some lack the word.
_ALERT = re.compile(r"ALERT|UNRECOGNIZED_NAME")
_VERSION_ALERT = "PROTOCOL_VERSION"
#: RFC 7468, 3; what stands around it is a comment (5.2).
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Why a chain leads to nobody who is trusted, or why it could not be looked at; both empty where it is trusted."""

    problem: str = ""
    not_seen: str = ""


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """How one handshake went.

    Attributes:
        problem: empty where it succeeded.
        is_refusal: the other side spoke at all. Who hangs up without a word does not: an engine's port forwarder does so
            while nothing listens behind it.
        is_alert: the other side spoke TLS, and gave another reason than the version of the protocol.
    """

    problem: str = ""
    is_refusal: bool = False
    is_alert: bool = False
    version: str = ""
    cipher: str = ""
    alpn: str = ""
    certificate: bytes = b""


def shake_hands(where: Endpoint, server_name: str) -> Handshake:
    """Connect as a client of today that trusts anybody and would speak HTTP/2."""
    context = _client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with _connected(where, context, server_name) as wrapped:
            cipher = wrapped.cipher()
            return Handshake(
                version=wrapped.version() or "",
                cipher=cipher[0] if cipher else "",
                alpn=wrapped.selected_alpn_protocol() or "",
                certificate=wrapped.getpeercert(binary_form=True) or b"",
            )
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        return Handshake(problem=str(error)[:300])
    except ssl.SSLError as error:
        reason = error.reason or ""
        is_alert = bool(_ALERT.search(reason)) and _VERSION_ALERT not in reason
        return Handshake(problem=str(error)[:300], is_refusal=True, is_alert=is_alert)
    except OSError as error:
        return Handshake(problem=f"{type(error).__name__}: {error}"[:300])


def certificates_in(data: bytes) -> str:
    """The certificates of a PEM file, without its comments, which may be in any encoding, and without its keys.

    Raises:
        ValueError: there is none, or one that cannot be read.
    """
    found = "\n".join(block.decode("ascii") for block in _PEM_CERTIFICATE.findall(data))
    if not found:
        raise ValueError("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    try:
        _client().load_verify_locations(cadata=found)
    except ssl.SSLError as error:
        raise ValueError(f"its certificate cannot be read: {error.reason or error}") from error
    return found


def chain_of(where: Endpoint, server_name: str, *, authority: str | None) -> Chain:
    """Whether the chain is trusted by who trusts the public authorities and ``authority`` (of :func:`certificates_in`).

    Dates and names are left aside: they are judged apart, so that one fault does not hide another.
    """
    context = _client()
    context.verify_mode = ssl.CERT_REQUIRED
    # A declared authority is trusted even where it is no root, as by Python 3.13 and by Go.
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME) | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certifi.where())
    if authority is not None:
        context.load_verify_locations(cadata=authority)
    try:
        with _connected(where, context, server_name):
            return Chain()
    except ssl.SSLCertVerificationError as error:
        return Chain(problem=(error.verify_message or str(error))[:300])
    except OSError as error:
        return Chain(not_seen=f"{type(error).__name__}: {error}"[:300])


def read_certificate(data: bytes) -> Certificate | None:
    """A certificate in DER; None for what is none."""
    from cryptography import x509  # noqa: PLC0415  # only audits with TLS pay for it

    try:
        found = x509.load_der_x509_certificate(data)
        subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
        names: tuple[str, ...] = ()
        addresses: tuple[str, ...] = ()
        with contextlib.suppress(x509.ExtensionNotFound):
            alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = tuple(alternative.get_values_for_type(x509.DNSName))
            addresses = tuple(str(one) for one in alternative.get_values_for_type(x509.IPAddress))
    except ValueError:
        return None
    return Certificate(
        subject=subject[:300],
        issuer=issuer[:300],
        names=names[:100],
        addresses=addresses[:100],
        not_before=found.not_valid_before_utc.isoformat(),
        not_after=found.not_valid_after_utc.isoformat(),
        is_self_signed=found.subject == found.issuer,
    )


def request_http2(where: Endpoint, server_name: str, path: str) -> tuple[int | None, str]:
    """The status of one GET over HTTP/2, or None and why there was none."""
    extensions = {"sni_hostname": server_name} if server_name else {}
    headers = {"user-agent": "readiness-audit", **({"host": server_name} if server_name else {})}
    try:
        with (
            # Whether the certificate is a good one is judged apart; trust_env would go through the machine's proxy.
            httpx.Client(http1=False, http2=True, verify=False, trust_env=False) as client,  # noqa: S501  # nosec B501
            client.stream(
                "GET",
                f"https://{_host(where)}:{where.port}{path}",
                headers=headers,
                extensions=extensions,
                timeout=HANDSHAKE_SECONDS,
            ) as response,
        ):
            return response.status_code, "" if response.http_version == "HTTP/2" else response.http_version
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return None, f"{type(error).__name__}: {error}"[:300]


def scan(where: Endpoint, server_name: str, *, label: str, seconds: float = SCAN_SECONDS) -> TlsScan:
    """Offer every version and suite alone, with sslyze.

    In a process of its own: it brings an OpenSSL that still speaks everything, which a hostile server shall not reach
    in this one, and a process can be ended when its time is up.
    """
    if find_spec("sslyze") is None:
        return TlsScan(label=label, problem=NO_SCANNER)
    sni = ["--sni", server_name] if server_name else []
    with tempfile.TemporaryDirectory(prefix="readiness-tls-") as folder:
        result = Path(folder) / "scan.json"
        command = [sys.executable, "-P", "-m", "sslyze", *_COMMANDS, "--mozilla_config=disable", "--quiet", *sni]
        command += ["--json_out", str(result), f"{_host(where)}:{where.port}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd=folder, check=False)
        except subprocess.TimeoutExpired:
            return TlsScan(label=label, problem=f"the scan did not end in {seconds:g} s")
        try:
            data = json.loads(result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = (done.stderr or done.stdout).strip()[-300:]
            return TlsScan(label=label, problem=f"sslyze ended with {done.returncode}: {said}")
    return _read_scan(data, label)


def _read_scan(data: dict[str, Any], label: str) -> TlsScan:
    """What sslyze's JSON says (sslyze, SslyzeOutputAsJson)."""
    scanner = f"sslyze {data.get('sslyze_version', '')}".strip()
    results = data.get("server_scan_results") or []
    result = (results[0] or {}).get("scan_result") if results else None
    if not result:
        trace = str((results[0] or {}).get("connectivity_error_trace") or "") if results else ""
        reason = trace.strip().splitlines()[-1][:300] if trace.strip() else "no connection"
        return TlsScan(label=label, problem=f"the scanner could not connect: {reason}", scanner=scanner)
    accepted: dict[str, tuple[str, ...]] = {}
    not_scanned: dict[str, str] = {}
    for key, version in _VERSIONS.items():
        attempt = result.get(key) or {}
        found = attempt.get("result")
        if found is None:
            not_scanned[version] = str(attempt.get("error_reason") or attempt.get("status") or "not scanned")[:200]
            continue
        suites = found.get("accepted_cipher_suites") or []
        accepted[version] = tuple(sorted(str(suite["cipher_suite"]["name"])[:100] for suite in suites))
    return TlsScan(label=label, accepted=accepted, not_scanned=not_scanned, scanner=scanner)


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def _connected(where: Endpoint, context: ssl.SSLContext, server_name: str) -> Any:
    # The time limit bounds every read of the handshake; a server that drips bytes is bounded by OpenSSL's record size.
    with (
        socket.create_connection((where.host, where.port), timeout=HANDSHAKE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=server_name or None) as wrapped,
    ):
        yield wrapped


def _host(where: Endpoint) -> str:
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(where.host).version == 6:  # noqa: PLR2004  # of IP
            return f"[{where.host}]"
    return where.host
