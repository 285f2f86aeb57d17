from __future__ import annotations

from readiness.runtime.safe_copy import needed_ports
from readiness.target import Entry, Target


def test_metrics_on_a_port_of_their_own_are_reachable() -> None:
    entries = (Entry(name="direct", service="api", port=8000),)
    target = Target(name="shop", folder=".", service="api", entries=entries, extra={"metrics": {"port": 9100}})
    assert needed_ports(target) == {"api": {8000, 9100}}
