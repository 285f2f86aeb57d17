"""Writes ``cors.json``: what a sound service behind a proxy tells pages of other origins, for the cases of ``cors.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_cors.py``. A test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.cors import CrossOrigin, CrossOriginAnswer, OriginKind, OriginSettings
from readiness.facts.development import Development
from readiness.target import Entry, Paths, Request, Role, Target

ENTRIES = (
    Entry(name="proxy", service="web", port=8443, https=True),
    Entry(name="direct", service="api", port=8000),
)
ALLOWED = ("https://app.shop.internal", "https://admin.shop.internal")
INVENTED = ("https://first.readiness-audit.test", "https://second.readiness-audit.test")
LOCAL = "http://localhost:3000"
STRANGERS = (
    (OriginKind.FOREIGN, "https://readiness-audit.invalid"),
    (OriginKind.NULL, "null"),
    (OriginKind.SCHEME, "http://app.shop.internal"),
    (OriginKind.PORT, "https://app.shop.internal:8444"),
    (OriginKind.SUFFIX, "https://app.shop.internal.readiness-audit.invalid"),
    (OriginKind.PREFIX, "https://evilapp.shop.internal"),
    (OriginKind.SUBDOMAIN, "https://evil.app.shop.internal"),
    (OriginKind.DOT, "https://appxshop.internal"),
)
LEFTOVERS = ((OriginKind.LOCAL, LOCAL), (OriginKind.PLACEHOLDER, "https://yourdomain.com"))
SETTINGS = OriginSettings(origins=ALLOWED, effective=ALLOWED, service="api", variable="CORS_ORIGINS")


def answers(kind: OriginKind, origin: str, *, is_allowed: bool, path: str = "/items") -> Iterator[CrossOriginAnswer]:
    """Preflight and request through every entry."""
    told = (("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"))
    for entry in ENTRIES:
        url = f"{'https' if entry.https else 'http'}://{entry.service}:{entry.port}{path}"
        same = {"kind": kind, "origin": origin, "entry": entry.name, "url": url}
        yield CrossOriginAnswer(
            **same,
            method="OPTIONS",
            is_preflight=True,
            status=200 if is_allowed else 400,
            headers=(*(told if is_allowed else ()), ("access-control-max-age", "600"), ("vary", "Origin")),
        )
        yield CrossOriginAnswer(
            **same,
            method="GET",
            status=200,
            headers=(*(told if is_allowed else ()), ("vary", "Origin"), ("cache-control", "private, max-age=60")),
        )


def asked(pairs: Any, *, is_allowed: bool) -> list[CrossOriginAnswer]:
    return [answer for kind, origin in pairs for answer in answers(kind, origin, is_allowed=is_allowed)]


def build() -> dict[str, Any]:
    allowed = asked([(OriginKind.ALLOWED, origin) for origin in ALLOWED], is_allowed=True)
    strangers = asked((*STRANGERS, *LEFTOVERS), is_allowed=False)
    reset = asked([(OriginKind.INVENTED, origin) for origin in INVENTED], is_allowed=True)
    reset += asked([(OriginKind.FORMER, origin) for origin in ALLOWED], is_allowed=False)
    development = asked([(OriginKind.LOCAL, LOCAL)], is_allowed=True)
    development += asked([STRANGERS[0]], is_allowed=False)
    facts = {
        "target": Target(
            name="shop",
            folder="shop",
            service="api",
            entries=ENTRIES,
            roles={Role.APP: ("api",), Role.PROXY: ("web",)},
            paths=Paths(ok=Request(path="/items")),
            origins=ALLOWED,
            variants={"development": {"api": {"ENVIRONMENT": "development"}}},
            extra={"cors": {"credentials": True, "variable": "CORS_ORIGINS"}},
        ),
        "cross_origin": CrossOrigin(answers=(*allowed, *strangers), settings=SETTINGS),
        "cross_origin_reset": CrossOrigin(answers=tuple(reset), settings=SETTINGS),
        "development": Development(cross_origin=tuple(development)),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("cors.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
