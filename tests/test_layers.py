"""Imports point one way: pure modules know nothing of I/O, checks know nothing but facts."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "readiness"

#: Module (or package) -> what of ours it may import. A name covers everything below it.
PURE = {
    "readiness.exceptions": set(),
    "readiness.chart": set(),
    "readiness.verdict": {"readiness.chart"},
    "readiness.check": {"readiness.verdict"},
    "readiness.facts": {"readiness.exceptions", "readiness.facts"},
    "readiness.target": {"readiness.verdict"},
    "readiness.declared": {"readiness.declared", "readiness.target", "readiness.verdict"},
    "readiness.profile": {"readiness.verdict"},
    "readiness.headers": {"readiness.verdict", "readiness.facts", "readiness.headers"},
    "readiness.probes": {"readiness.verdict", "readiness.facts", "readiness.probes", "readiness.target"},
    "readiness.starting": {
        "readiness.declared",
        "readiness.facts",
        "readiness.probes",
        "readiness.starting",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.logs": {
        "readiness.declared",
        "readiness.facts",
        "readiness.logs",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.limiting": {
        "readiness.chart",
        "readiness.facts",
        "readiness.limiting",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.failures": {"readiness.facts", "readiness.failures", "readiness.target", "readiness.verdict"},
    "readiness.inputs": {"readiness.facts", "readiness.inputs", "readiness.discovery.openapi"},
    "readiness.auth": {
        "readiness.declared",
        "readiness.verdict",
        "readiness.facts",
        "readiness.auth",
        "readiness.target",
    },
    "readiness.backup": {
        "readiness.backup",
        "readiness.chart",
        "readiness.declared",
        "readiness.facts",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.cors": {"readiness.verdict", "readiness.facts", "readiness.cors"},
    "readiness.database": {"readiness.database", "readiness.facts", "readiness.failures", "readiness.verdict"},
    "readiness.persistence": {
        "readiness.declared",
        "readiness.facts",
        "readiness.persistence",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.docs": {
        "readiness.verdict",
        "readiness.facts",
        "readiness.docs",
        "readiness.discovery.openapi",
        "readiness.target",
    },
    "readiness.containers": {"readiness.containers", "readiness.facts", "readiness.verdict"},
    "readiness.scaling": {
        "readiness.declared",
        "readiness.facts",
        "readiness.scaling",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.tls": {"readiness.verdict", "readiness.facts", "readiness.tls"},
    "readiness.metrics": {"readiness.verdict", "readiness.facts", "readiness.metrics"},
    "readiness.tracking": {"readiness.verdict", "readiness.facts", "readiness.tracking"},
    "readiness.draining": {
        "readiness.chart",
        "readiness.declared",
        "readiness.draining",
        "readiness.facts",
        "readiness.target",
        "readiness.verdict",
    },
    "readiness.waiver": {"readiness.exceptions", "readiness.scorecard", "readiness.target", "readiness.verdict"},
    "readiness.scrub": {"readiness.check", "readiness.verdict"},
    "readiness.starter": {"readiness.target"},
    "readiness.scorecard": {"readiness.chart", "readiness.check", "readiness.facts", "readiness.verdict"},
    "readiness.scoring": {
        "readiness.check",
        "readiness.facts",
        "readiness.profile",
        "readiness.scorecard",
        "readiness.verdict",
    },
    "readiness.render": {
        "readiness.chart",
        "readiness.check",
        "readiness.exceptions",
        "readiness.render",
        "readiness.scorecard",
        "readiness.scoring",
        "readiness.verdict",
    },
}
#: Edge modules: nothing imports them but each other.
EDGE = ("readiness.plugin", "readiness.cli", "readiness.audit", "readiness.__main__")
#: What may import pytest.
PYTEST = ("readiness.plugin", "readiness.audit", "readiness.gather._declare")


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _is_below(module: str, names: object) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)  # type: ignore[attr-defined]


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "demo" not in p.relative_to(PACKAGE).parts)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_pure_modules_import_only_what_stands_before_them(path: Path) -> None:
    rule = next((allowed for name, allowed in PURE.items() if _is_below(_name(path), [name])), None)
    if rule is None:
        return
    ours = {module for module in _imports(path) if _is_below(module, ["readiness"])}
    strangers = {m for m in ours if m != "readiness" and not _is_below(m, rule)}
    assert strangers == set()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_imports_the_edge(path: Path) -> None:
    if _is_below(_name(path), EDGE):
        return
    assert {m for m in _imports(path) if _is_below(m, EDGE)} == set()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_the_edge_and_the_gatherer_declaration_import_pytest(path: Path) -> None:
    if _is_below(_name(path), PYTEST):
        return
    assert not {m for m in _imports(path) if _is_below(m, ["pytest", "_pytest", "xdist"])}


CHECKS = sorted((ROOT / "checks").rglob("*.py"))


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_checks_import_only_facts_and_the_public_names(path: Path) -> None:
    allowed = {
        "readiness",
        "readiness.auth",
        "readiness.backup",
        "readiness.containers",
        "readiness.cors",
        "readiness.database",
        "readiness.declared",
        "readiness.docs",
        "readiness.draining",
        "readiness.facts",
        "readiness.failures",
        "readiness.headers",
        "readiness.inputs",
        "readiness.logs",
        "readiness.metrics",
        "readiness.limiting",
        "readiness.persistence",
        "readiness.probes",
        "readiness.scaling",
        "readiness.starting",
        "readiness.target",
        "readiness.tracking",
        "readiness.tls",
    }
    standard = {
        "__future__",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "itertools",
        "math",
        "re",
        "statistics",
        "typing",
    }
    for module in _imports(path):
        assert (
            module == "readiness" or _is_below(module, allowed - {"readiness"}) or module.split(".")[0] in standard
        ), module


def test_there_are_modules_and_checks_to_hold_to_the_rules() -> None:
    assert len(MODULES) > 20
    assert len(CHECKS) > 20
