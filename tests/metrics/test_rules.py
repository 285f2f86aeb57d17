from __future__ import annotations

import pytest

from readiness.metrics.rules import MAX_FAULTS, MAX_RULES, has_alerts, has_records, read_rules

GROUPS = "groups:\n- name: a\n  rules:\n  - {alert: X, expr: up == 0, for: 1h30m}\n  - {record: 'a:b', expr: sum(a)}\n"


def test_alerts_and_recordings_are_read() -> None:
    rules, faults = read_rules("a.yml", GROUPS)
    assert [(rule.alert, rule.record, rule.expr) for rule in rules] == [("X", "", "up == 0"), ("", "a:b", "sum(a)")]
    assert rules[0].words == "a.yml: X"
    assert faults == ()


def test_the_operators_form_is_read_too() -> None:
    inner = "".join(f"  {line}\n" for line in GROUPS.splitlines())
    rules, faults = read_rules("a.yml", f"kind: PrometheusRule\nspec:\n{inner}")
    assert (len(rules), faults) == (2, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("groups: [", "no YAML"),
        ("[]", "no list called groups"),
        ("groups: [{rules: []}]", "has no name"),
        ("groups: [{name: a}, {name: a}]", "two groups"),
        ("groups: [{name: a, rules: [x]}]", "no mapping"),
        ("groups: [{name: a, rules: [{expr: up}]}]", "neither an alert nor a recording"),
        ("groups: [{name: a, rules: [{alert: X}]}]", "has no expr"),
        ("groups: [{name: a, rules: [{alert: X, expr: up, severity: high}]}]", "does not know"),
        ("groups: [{name: a, rules: [{alert: X, expr: up, for: soon}]}]", "no duration"),
        ("groups: [{name: a, rules: [{record: 'a b', expr: up}]}]", "no name for a metric"),
    ],
)
def test_faults_of_form_are_found(text: str, words: str) -> None:
    _, faults = read_rules("a.yml", text)
    assert [words in fault.words for fault in faults] == [True]


def laughs(levels: int, *, field: str) -> str:
    """A few hundred bytes whose aliases stand for 9 ** levels values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    rule = {"alert": "A", "expr": "up", field: f"*a{levels - 1}"}
    return "\n".join(
        [*lines, "groups:", "- name: g", "  rules:", "  - " + "\n    ".join(f"{k}: {v}" for k, v in rule.items())]
    )


@pytest.mark.parametrize("field", ["alert", "record", "expr", "for", "keep_firing_for"])
def test_a_list_is_no_text_however_its_aliases_spell_it(field: str) -> None:
    _, faults = read_rules("a.yml", laughs(4, field=field))
    assert faults
    assert max(len(fault.words) for fault in faults) < 200


def test_aliases_that_stand_for_too_much_are_refused_before_anything_is_made_of_them() -> None:
    rules, faults = read_rules("a.yml", laughs(9, field="labels"))
    assert rules == ()
    assert "aliases stand for more than" in faults[0].words


def test_merges_that_stand_for_too_much_are_refused_too() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    _, faults = read_rules("a.yml", "\n".join(lines))
    assert "aliases stand for more than" in faults[0].words


def test_what_holds_itself_is_refused() -> None:
    _, faults = read_rules("a.yml", "groups: &g [*g]")
    assert "for themselves" in faults[0].words


def test_rules_are_bounded_over_all_groups() -> None:
    rules = "".join("  - {alert: X, expr: up}\n" for _ in range(1500))
    found, faults = read_rules("a.yml", f"groups:\n- name: a\n  rules:\n{rules}- name: b\n  rules:\n{rules}")
    assert len(found) == MAX_RULES
    assert [fault.words for fault in faults] == [f"it has more than {MAX_RULES} rules, and no more were read"]


def test_a_number_longer_than_any_is_no_expression() -> None:
    rules, _ = read_rules("a.yml", f"groups: [{{name: a, rules: [{{alert: X, expr: 0x{'f' * 9000}}}]}}]")
    assert rules == ()


def test_faults_are_bounded() -> None:
    rules = ", ".join(["x"] * 100)
    assert len(read_rules("a.yml", f"groups: [{{name: a, rules: [{rules}]}}]")[1]) == MAX_FAULTS


def test_rule_files_are_recognised_at_a_glance() -> None:
    assert has_alerts("groups:\n- name: a\n  rules:\n  - alert: X\n")
    assert not has_alerts("groups:\n- name: a\n  rules:\n  - record: X\n")
    assert has_records("groups:\n- name: a\n  rules:\n  - record: X\n")
