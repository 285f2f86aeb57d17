"""Rewrites the generated tables of README.md: ``python -m tests.readme``. A test holds the file to them."""

from __future__ import annotations

import re
from pathlib import Path

from readiness.catalogue import load_checks
from readiness.check import CATEGORY_TITLES
from readiness.demo.defects import DEFECTS

README = Path(__file__).parent.parent / "README.md"


def checks_table() -> str:
    """Every shipped check, by family."""
    rows = ["| check | what holds when it passes | severity |", "|---|---|---|"]
    order = list(CATEGORY_TITLES)
    metas = sorted(load_checks(), key=lambda meta: (order.index(meta.category), meta.id))
    rows += [f"| `{meta.id}` | {meta.title} | {meta.severity} |" for meta in metas]
    return "\n".join(rows)


def defects_table() -> str:
    """Every defect of the demo and what detects it."""
    rows = ["| defect | what is wrong | caught by |", "|---|---|---|"]
    rows += [f"| `{d.name}` | {d.title} | {', '.join(f'`{check}`' for check in d.detected_by)} |" for d in DEFECTS]
    return "\n".join(rows)


def regenerated(text: str) -> str:
    """The README with its tables as they should be."""
    for name, table in (("checks", checks_table()), ("defects", defects_table())):
        block = re.compile(rf"(<!-- {name}: begin[^\n]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text = block.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(regenerated(README.read_text(encoding="utf-8")), encoding="utf-8")
