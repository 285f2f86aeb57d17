"""Writes ``tls.json``: the recorded facts of a sound entry that speaks TLS, for the cases of ``tls.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_tls.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.tls import Certificate, PlainAnswer, TlsEntry, TlsScan
from readiness.target import Entry, Target

ENTRIES = (
    Entry(name="proxy", service="web", port=8443, https=True),
    Entry(name="direct", service="api", port=8000),
)


def answer(purpose: StatusClass, path: str, status: int, *headers: tuple[str, str]) -> Exchange:
    return Exchange(
        entry="proxy",
        purpose=purpose,
        method="GET",
        url=f"https://web:8443{path}",
        https=True,
        status=status,
        headers=headers,
    )


def look() -> TlsEntry:
    return TlsEntry(
        entry="proxy",
        service="web",
        port=8443,
        is_tls=True,
        version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        server_name="shop.internal",
        certificate=Certificate(
            subject="CN=shop.internal",
            issuer="CN=shop authority",
            names=("shop.internal", "*.shop.internal"),
            not_before="2026-05-01T00:00:00+00:00",
            not_after="2026-08-01T00:00:00+00:00",
        ),
        trusted="the public authorities and the declared one",
        alpn="h2",
        http2_status=200,
        answers=(
            answer(StatusClass.PROBE, "/health", 200),
            answer(StatusClass.REDIRECT, "/old", 301, ("location", "/items")),
        ),
        plain=(
            PlainAnswer(
                port=8443, method="GET", path="/health", is_tls_port=True, status=400, body="sent to HTTPS port"
            ),
            PlainAnswer(
                port=8080, method="GET", path="/health", status=301, location="https://shop.internal:8443/health"
            ),
        ),
        seen_at="2026-06-01T00:00:00+00:00",
    )


def scanned() -> TlsScan:
    return TlsScan(
        label="web:8443 (proxy)",
        accepted={
            "SSLv2": (),
            "SSLv3": (),
            "TLSv1.0": (),
            "TLSv1.1": (),
            "TLSv1.2": ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",),
            "TLSv1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
        },
        scanner="sslyze 6.3.1",
    )


def build() -> dict[str, Any]:
    tls = {"server_name": "shop.internal", "ca": "ca.crt"}
    facts = {
        "target": Target(name="shop", folder="shop", service="api", entries=ENTRIES, extra={"tls": tls}),
        "tls_entry": look(),
        "tls_scan": scanned(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("tls.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
