"""What the plugin costs those who do not use it, and where an audit's time goes. Run it; it asserts nothing.

python tests/benchmarks/overhead.py            start-up against a bare pytest, alternating in one run
python tests/benchmarks/overhead.py CARD       the split of an audit, from its scorecard.json
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

RUNS = 15


def seconds_of(folder: Path, *arguments: str) -> float:
    """One run of pytest over one empty test."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def overhead() -> None:
    """Bare and inert in turn, so that a drift of the machine's speed hits both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        seconds_of(folder)  # byte code, disk cache
        pairs = [(seconds_of(folder, "-p", "no:readiness"), seconds_of(folder)) for _ in range(RUNS)]
    ratios = [inert / bare for bare, inert in pairs]
    print(f"bare pytest   median {statistics.median(bare for bare, _ in pairs):.3f} s")
    print(f"inert plugin  median {statistics.median(inert for _, inert in pairs):.3f} s")
    print(
        f"ratio         median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}, {RUNS} pairs"
    )


def split(path: Path) -> None:
    """The critical path of one audit by kind and by step."""
    run = json.loads(path.read_text())["run"]
    kinds: dict[str, float] = defaultdict(float)
    for step in run["critical_path"]:
        kinds[step["kind"]] += step["seconds"]
        print(f"{step['seconds']:8.2f} s  {step['kind']:7} {step['name']}")
    print(
        f"{run['seconds']:8.2f} s  in all: " + ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in kinds.items())
    )


if __name__ == "__main__":
    split(Path(sys.argv[1])) if len(sys.argv) > 1 else overhead()
