"""Every check against recorded facts: ``<check id>/{pass,fail,na,inconclusive}.<case>.json``.

A case is an innocent base changed in one thing::

    {"base": "headers", "change": {"/responses/exchanges/[purpose=ok]/headers/[0=x-frame-options]/1": "SAMEORIGIN"},
     "remove": ["/responses/exchanges/*/headers/[0=referrer-policy]"], "limits": {}, "message": "SAMEORIGIN"}

``base`` names ``bases/<base>.json``, an object of fact name -> encoded fact, from which a check takes its arguments.
Places are JSON pointers (RFC 6901). A step through a list may also be ``*`` (every item), ``[key=value&key=value]``
(every item whose members, compared as text, are those) or, last, ``-`` (append). A place that does not exist is an error.
``message`` is a regular expression found in a finding, the reason or the summary; every case but a pass has one.
``limits`` are fields of the check's limits, as a profile would set them.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from readiness.check import CheckMeta, meta_of
from readiness.facts._codec import decode
from readiness.verdict import Inconclusive, NotApplicable, Outcome, Verdict

HERE = Path(__file__).parent
CHECKS = HERE.parents[1] / "checks"
OUTCOMES = {
    "pass": Outcome.PASS,
    "fail": Outcome.FAIL,
    "na": Outcome.NOT_APPLICABLE,
    "inconclusive": Outcome.INCONCLUSIVE,
}
KEYS = {"base", "change", "remove", "limits", "message"}


def load(path: Path) -> ModuleType:
    """A check file as a module, found by its path as pytest does."""
    name = "recorded_" + "_".join(path.relative_to(CHECKS).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def catalogue() -> dict[str, Callable[..., Verdict]]:
    found: dict[str, Callable[..., Verdict]] = {}
    for path in sorted(CHECKS.rglob("check_*.py")):
        for value in vars(load(path)).values():
            meta = meta_of(value)
            if meta is not None:
                assert meta.id not in found, f"two checks are called {meta.id}"
                found[meta.id] = value
    return found


CATALOGUE = catalogue()
CASES = sorted(path for path in HERE.glob("*/*.json") if path.parent.name != "bases")


def steps(pointer: str) -> list[str]:
    assert pointer.startswith("/"), f"{pointer!r} is no JSON pointer"
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def matches(item: Any, selector: str) -> bool:
    for condition in selector[1:-1].split("&"):
        key, _, value = condition.partition("=")
        member = item[int(key)] if isinstance(item, list) else item.get(key)
        if str(member).lower() != value.lower():
            return False
    return True


def keys_at(node: Any, step: str) -> list[Any]:
    """The keys of ``node`` that a step names; none where it names nothing."""
    if isinstance(node, dict):
        return list(node) if step == "*" else [step] if step in node else []
    assert isinstance(node, list), f"{step!r} leads into {node!r:.60}"
    if step.startswith("["):
        return [index for index, item in enumerate(node) if matches(item, step)]
    return list(range(len(node))) if step == "*" else [int(step)] if int(step) < len(node) else []


def parents(node: Any, path: list[str]) -> Iterator[Any]:
    """Every container that holds the last step of ``path``."""
    if len(path) == 1:
        yield node
        return
    for key in keys_at(node, path[0]):
        yield from parents(node[key], path[1:])


def change(data: Any, pointer: str, value: Any) -> None:
    *_, last = path = steps(pointer)
    touched = 0
    for parent in parents(data, path):
        if last == "-":
            parent.append(value)
            touched += 1
        elif isinstance(parent, dict) and last != "*":
            parent[last] = value
            touched += 1
        else:
            for key in keys_at(parent, last):
                parent[key] = value
                touched += 1
    assert touched, f"{pointer} is nowhere"


def remove(data: Any, pointer: str) -> None:
    *_, last = path = steps(pointer)
    touched = 0
    for parent in parents(data, path):
        for key in sorted(keys_at(parent, last), reverse=True):
            del parent[key]
            touched += 1
    assert touched, f"{pointer} is nowhere"


def facts_of(case: dict[str, Any]) -> dict[str, Any]:
    assert not set(case) - KEYS, f"unknown keys {set(case) - KEYS}"
    data = json.loads((HERE / "bases" / f"{case['base']}.json").read_text("utf-8"))
    for pointer in case.get("remove", []):
        remove(data, pointer)
    for pointer, value in case.get("change", {}).items():
        change(data, pointer, value)
    return data


def judge(function: Callable[..., Verdict], case: dict[str, Any]) -> tuple[Outcome, str]:
    """How the check ends, and every word it says."""
    meta = typing.cast("CheckMeta", meta_of(function))
    hints, data = typing.get_type_hints(function), facts_of(case)
    arguments = {name: decode(hints[name], data[name]) for name in meta.facts}
    if meta.limits is not None:
        arguments["limits"] = meta.limits(**case.get("limits", {}))
    try:
        verdict = function(**arguments)
    except NotApplicable as reason:
        return Outcome.NOT_APPLICABLE, str(reason)
    except Inconclusive as reason:
        return Outcome.INCONCLUSIVE, reason.reason
    if verdict.outcome is Outcome.PASS:
        return Outcome.PASS, verdict.summary
    return Outcome.FAIL, "\n".join(finding.message for finding in verdict.all_findings)


def test_there_are_checks_and_cases() -> None:
    assert CATALOGUE
    assert CASES


@pytest.mark.parametrize("check_id", sorted(CATALOGUE))
def test_check_has_a_case_that_passes_and_one_that_fails(check_id: str) -> None:
    kinds = {path.name.split(".")[0] for path in CASES if path.parent.name == check_id}
    assert {"pass", "fail"} <= kinds


def test_every_case_belongs_to_a_check() -> None:
    assert {path.parent.name for path in CASES} <= set(CATALOGUE)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recorded_case(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    expected = OUTCOMES[path.name.split(".")[0]]
    outcome, text = judge(CATALOGUE[path.parent.name], case)
    assert outcome is expected, text
    assert re.search(case.get("message", ""), text), text
    assert expected is Outcome.PASS or case.get("message"), "say which message is expected"


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/a/0/k", [{"k": "new", "n": "1"}, {"k": "y", "n": "2"}]),
        ("/a/*/k", [{"k": "new", "n": "1"}, {"k": "new", "n": "2"}]),
        ("/a/[n=2&k=y]/k", [{"k": "x", "n": "1"}, {"k": "new", "n": "2"}]),
        ("/a/-", [{"k": "x", "n": "1"}, {"k": "y", "n": "2"}, "new"]),
        ("/a/1", [{"k": "x", "n": "1"}, "new"]),
    ],
)
def test_a_place_is_changed(pointer: str, expected: object) -> None:
    data = {"a": [{"k": "x", "n": "1"}, {"k": "y", "n": "2"}]}
    change(data, pointer, "new")
    assert data == {"a": expected}


def test_every_selected_place_is_removed() -> None:
    data = {"headers": [["A", "1"], ["b", "2"], ["a", "3"]]}
    remove(data, "/headers/[0=a]")
    assert data == {"headers": [["b", "2"]]}


@pytest.mark.parametrize("pointer", ["/a/7", "/a/[n=9]/k", "/b/c"])
def test_a_place_that_is_nowhere_is_an_error(pointer: str) -> None:
    with pytest.raises(AssertionError, match="nowhere"):
        change({"a": [{"n": "1"}]}, pointer, None)
