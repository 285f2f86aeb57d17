from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from readiness.exceptions import ConfigError
from readiness.profile import Profile
from readiness.profile_file import MAX_CHAIN, check_known, check_limits, load_profile, shipped_profiles
from readiness.schema_file import load_schema
from readiness.scoring import GRADES
from readiness.verdict import Severity

IDS = ("headers.csp", "headers.nosniff", "probe.live", "probe.ready")


def _load(folder: Path, text: str, **others: str) -> Profile:
    for name, other in others.items():
        (folder / f"{name}.yaml").write_text(other)
    (folder / "mine.yaml").write_text(text)
    return load_profile("mine.yaml", rootdir=folder)


def _refused(folder: Path, text: str, **others: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text, **others)
    return caught.value


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_loads_and_explains_itself(name: str, tmp_path: Path) -> None:
    profile = load_profile(name, rootdir=tmp_path)
    assert profile.name == name
    assert profile.title
    assert profile.description
    assert all(reason.strip() for reason in profile.exclude.values())


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_speaks_of_shipped_checks_only(name: str) -> None:
    sources = (Path(__file__).parent.parent / "checks").rglob("check_*.py")
    ids = {
        found for path in sources for found in re.findall(r'^ {4}id="([a-z0-9_.]+)"', path.read_text(), re.MULTILINE)
    }
    check_known(load_profile(name, rootdir=Path()), ids)


def test_kubernetes_holds_probes_to_the_kubelets_patience() -> None:
    profile = load_profile("kubernetes", rootdir=Path())
    assert profile.limits["probe.hang_bounded"] == {"seconds": {"live": 1.0, "ready": 1.0, "startup": 1.0}}
    assert profile.is_required("probe.live_no_deps")
    assert profile.gate.fail_on is Severity.LOW


def test_production_judges_everything() -> None:
    profile = load_profile("production", rootdir=Path())
    assert profile.include == ("*",)
    assert (profile.exclude, profile.optional, profile.limits) == ({}, (), {})
    assert (profile.gate.fail_on, profile.gate.min_grade, profile.gate.required) == (Severity.LOW, "B", ())


def test_personal_leaves_out_what_its_seed_leaves_out_and_keeps_the_rest() -> None:
    profile = load_profile("personal", rootdir=Path())
    outside = ("ratelimit.enforced", "backup.offsite", "metrics.dashboards", "alerts.delivery", "scale.failover")
    assert all(profile.reason_excluded(check) for check in outside)
    inside = (
        "headers.csp",
        "cors.denied_origin",
        "backup.artifacts_valid",
        "probe.ready",
        "probe.health_ok",
        "auth.required",
    )
    assert not any(profile.reason_excluded(check) for check in inside)
    assert profile.is_optional("probe.ready_503_db")
    assert not profile.is_optional("probe.health_ok")
    assert profile.gate.fail_on is Severity.CRITICAL


def test_an_unknown_name_lists_the_valid_ones_and_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_profile("personel", rootdir=tmp_path)
    assert "did you mean `personal`?" in caught.value.message
    assert all(name in caught.value.hint for name in shipped_profiles())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_profile("nope.yaml", rootdir=tmp_path)


def test_a_profile_takes_its_name_from_its_file_and_nothing_else_is_needed(tmp_path: Path) -> None:
    profile = _load(tmp_path, "title: Ours\n")
    assert profile.name == "mine"
    assert profile.include == ("*",)
    assert profile.gate.fail_on is Severity.HIGH
    assert profile.gate.min_grade is None


def test_a_profile_lies_over_the_one_it_extends(tmp_path: Path) -> None:
    base = """\
title: Base
include: [headers.*]
exclude: {a.x: why x, a.y: why y}
optional: [probe.live]
limits: {probe.fast: {p95_seconds: 1, p99_seconds: 2}, probe.live: {skew_seconds: 5}}
severities: {headers.csp: low, headers.nosniff: low}
gate: {fail_on: medium, min_grade: A, required: [headers.csp]}
"""
    over = """\
extends: base.yaml
include: ["*"]
exclude: {a.x: null, a.z: why z}
optional: [probe.ready]
limits: {probe.fast: {p95_seconds: 3, p99_seconds: null}, probe.live: null}
severities: {headers.csp: null, headers.nosniff: high}
gate: {min_grade: null, required: [headers.nosniff]}
"""
    profile = _load(tmp_path, over, base=base)
    assert profile.title == ""
    assert profile.extends == "base.yaml"
    assert profile.include == ("*",)
    assert profile.exclude == {"a.y": "why y", "a.z": "why z"}
    assert profile.optional == ("probe.live", "probe.ready")
    assert profile.limits == {"probe.fast": {"p95_seconds": 3}}
    assert profile.severities == {"headers.nosniff": Severity.HIGH}
    assert profile.gate.fail_on is Severity.MEDIUM
    assert profile.gate.min_grade is None
    assert profile.gate.required == ("headers.csp", "headers.nosniff")


def test_a_profile_may_extend_a_shipped_one_by_name(tmp_path: Path) -> None:
    profile = _load(tmp_path, "extends: personal\nexclude: {backup.offsite: null}\n")
    assert profile.reason_excluded("backup.offsite") is None
    assert profile.reason_excluded("ratelimit.global") is not None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("titel: x\n", 1, "did you mean `title`?"),
        ("gate:\n  fail_onn: high\n", 2, "did you mean `fail_on`?"),
        ("gate:\n  fail_on: hihg\n", 2, "did you mean high?"),
        ("gate:\n  min_grade: S\n", 2, "one of A+"),
        ("include: headers.*\n", 1, "include: expected a list"),
        ("include: [Headers]\n", 1, "a check id, or a pattern"),
        ("exclude: [a.b]\n", 1, "exclude: expected a mapping"),
        ("exclude:\n  a.b: ''\n", 2, "the reason"),
        ("limits:\n  probe: {a: 1}\n", 2, "a check id"),
        ("limits:\n  probe.fast: 5\n", 2, "limits.probe.fast: expected a mapping"),
        ("severities:\n  headers.csp: awful\n", 2, "expected one of low"),
        ("x: &x [*x]\n", 1, "contains it"),
        ("title: a\ntitle: b\n", 2, "written twice"),
        ("checks: [nope]\n", 1, "does not exist"),
        ("extends: personel\n", 1, "did you mean `personal`?"),
        ("extends: nope.yaml\n", 1, "no file nope.yaml"),
        ("name: a\nextends: mine.yaml\n", 2, "circle"),
        ("name: a\nextends: other.yaml\n", 2, "circle"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    error = _refused(tmp_path, text, other="name: b\nextends: mine.yaml\n")
    assert words in f"{error.message} {error.hint}"
    assert error.line == line


def test_a_mistake_in_an_extended_profile_names_that_file(tmp_path: Path) -> None:
    error = _refused(tmp_path, "extends: base.yaml\n", base="\ntitel: x\n")
    assert error.file is not None
    assert error.file.endswith("base.yaml")
    assert error.line == 2


def test_a_long_chain_is_refused(tmp_path: Path) -> None:
    others = {f"p{i}": f"extends: p{i + 1}.yaml\n" for i in range(MAX_CHAIN + 2)}
    assert f"more than {MAX_CHAIN}" in _refused(tmp_path, "extends: p0.yaml\n", **others).message


def test_checks_are_relative_to_the_profile_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "house" / "checks").mkdir(parents=True)
    (tmp_path / "house" / "base.yaml").write_text("checks: [checks]\n")
    profile = _load(tmp_path, "extends: house/base.yaml\n")
    assert profile.checks == (str((tmp_path / "house" / "checks").resolve()),)


def test_known_ids_and_patterns_pass(tmp_path: Path) -> None:
    text = "include: ['*']\noptional: [probe.*]\nlimits: {headers.csp: {a: 1}}\ngate: {required: ['probe.l*']}\n"
    check_known(_load(tmp_path, text), IDS)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("include:\n  - headers.*\n  - header.*\n", 3, "did you mean `headers`?"),
        ("optional:\n  - probe.startup*\n", 2, "probe has probe.live, probe.ready"),
        ("limits:\n  headers.cps: {a: 1}\n", 2, "did you mean `headers.csp`?"),
        ("severities:\n  headers.cps: low\n", 2, "did you mean `headers.csp`?"),
        ("gate:\n  required:\n    - probe.liv\n", 3, "did you mean `probe.live`?"),
    ],
)
def test_a_pattern_that_matches_no_check_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_known(_load(tmp_path, text), IDS)
    assert words in caught.value.message
    assert caught.value.line == line


def test_a_pattern_inherited_from_another_file_is_shown_there(tmp_path: Path) -> None:
    profile = _load(tmp_path, "extends: base.yaml\n", base="\noptional: [nope.*]\n")
    with pytest.raises(ConfigError) as caught:
        check_known(profile, IDS)
    assert caught.value.file is not None
    assert caught.value.file.endswith("base.yaml")
    assert caught.value.line == 2


def test_excluded_families_need_not_exist_yet(tmp_path: Path) -> None:
    check_known(_load(tmp_path, "exclude: {ratelimit.*: one user}\n"), IDS)


def test_the_grades_of_the_schema_are_the_grades_there_are() -> None:
    assert load_schema("profile")["properties"]["gate"]["properties"]["min_grade"]["enum"] == [*GRADES, None]


class Whom(enum.StrEnum):
    NOBODY = "nobody"
    SELF = "self"


@dataclass(frozen=True, kw_only=True)
class Limits:
    most: float = 1.0
    strict: bool = True
    whom: Whom = Whom.NOBODY


@pytest.mark.parametrize("limits", ["most: 2", "most: 0.5", "strict: false", "most: 3, strict: true", "whom: self"])
def test_limits_of_the_checks_own_kind_are_taken(tmp_path: Path, limits: str) -> None:
    (tmp_path / "own.yaml").write_text(f"limits: {{own.check: {{{limits}}}}}\n")
    check_limits(load_profile("./own.yaml", rootdir=tmp_path), "own.check", Limits)


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ("most: true", "limits.own.check.most: expected a number, found True"),
        ("most: many", "limits.own.check.most: expected a number, found 'many'"),
        ("strict: 1", "limits.own.check.strict: expected true or false, found 1"),
        ("whom: other", "limits.own.check.whom: expected one of nobody, self, found 'other'"),
        ("whom: 1", "limits.own.check.whom: expected one of nobody, self, found 1"),
        ("mots: 1", "limits.own.check: there is no limit `mots`, did you mean `most`?"),
    ],
)
def test_limits_of_another_kind_are_refused_with_their_line(tmp_path: Path, limits: str, problem: str) -> None:
    (tmp_path / "own.yaml").write_text(f"title: x\nlimits: {{own.check: {{{limits}}}}}\n")
    with pytest.raises(ConfigError) as caught:
        check_limits(load_profile("./own.yaml", rootdir=tmp_path), "own.check", Limits)
    assert caught.value.message == problem
    assert caught.value.line == 2


def test_limits_of_a_check_that_has_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("limits: {own.check: {most: 1}}\n")
    with pytest.raises(ConfigError, match="nothing is valid here"):
        check_limits(load_profile("./own.yaml", rootdir=tmp_path), "own.check", None)
