"""How busy the machine is that the audit and the copy share."""

from __future__ import annotations

import os

__all__ = ["load_per_cpu"]


def load_per_cpu() -> float:
    """Programs that want each processor, on average of the last minute; above one, work waits for a processor."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
