"""TLS that is old, weak or missing, and certificates that clients refuse."""

from __future__ import annotations

from readiness.demo.defects._defect import Defect, proxy

__all__ = ["DEFECTS"]

DEFECTS: tuple[Defect, ...] = (
    proxy("tls-1-1-accepted", "The proxy still speaks TLS 1.1", "tls.versions"),
    proxy("tls-weak-cipher", "The proxy accepts suites that encrypt nothing", "tls.ciphers"),
    proxy("certificate-expired", "The certificate expired yesterday", "tls.certificate", part="certificate"),
    proxy("certificate-of-another-host", "The certificate is for another name", "tls.certificate", part="certificate"),
    proxy("http-1-1-only", "The proxy offers no HTTP/2", "tls.http2"),
    proxy("plain-http-served", "The port for TLS answers the API in clear too", "tls.no_plain_http"),
    proxy("redirects-to-plain-http", "The proxy turns redirects into ones to plain HTTP", "tls.https"),
)
