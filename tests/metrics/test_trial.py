from __future__ import annotations

import math

from readiness.metrics.exposition import Exposition, Series, read
from readiness.metrics.rules import Rule
from readiness.metrics.trial import MAX_SERIES, Answer, Trial, answers_of, recordings_of, stopping, trials_of

SHOWN = read(
    "# TYPE http_requests_total counter\n"
    'http_requests_total{status="200"} 5\nhttp_requests_total{status="500"} 1\n'
    "# TYPE memory_total gauge\nmemory_total 7\nother 3\n"
)
#: As version 2.42 prints it.
FOUND = '  FAILED:\n    expr: "count(a > 1\\n)", time: 15m,\n        exp: nil\n        got: {} 2E+00\n'
FAILED = '    expr: "count(b / on() b\\n)", time: 15m, err: found duplicate series for the match group {}\n'
STOPPED = "  FAILED:\n    rule: shop:errors, time: 0s, err: found duplicate series for the match group {}\n"


def rule(expr: str, record: str = "") -> Rule:
    return Rule(file="a.yml", group="g", expr=expr, record=record, alert="" if record else "A")


def trials(*expressions: str, exposition: Exposition = SHOWN) -> tuple[Trial, ...]:
    return trials_of([rule(expr) for expr in expressions], exposition)


def series_of(trial: Trial) -> list[tuple[str, str]]:
    return [(one["series"], one["values"]) for one in trial.document["tests"][0]["input_series"]]


def test_the_series_that_rules_name_are_given_with_their_labels_and_counters_rise() -> None:
    (trial,) = trials("rate(http_requests_total[5m]) > memory_total")
    target = 'instance="readiness:1",job="readiness"'
    assert series_of(trial) == [
        (f"up{{{target}}}", "1+0x15"),
        (f'http_requests_total{{{target},status="200"}}', "5.0+1x15"),
        (f'http_requests_total{{{target},status="500"}}', "1.0+1x15"),
        (f"memory_total{{{target}}}", "7.0+0x15"),
    ]
    assert (trial.series, trial.is_whole) == (3, True)


def test_expressions_and_their_selectors_are_counted() -> None:
    (trial,) = trials('sum(rate(http_requests_total{status=~"5.."}[5m])) > 1', "scalar(other) > bool 2")
    texts = [test["expr"] for test in trial.document["tests"][0]["promql_expr_test"]]
    assert texts == [
        'count(sum(rate(http_requests_total{status=~"5.."}[5m])) > 1\n)',
        'count(http_requests_total{status=~"5.."})',
        "scalar(other) > bool 2",
        "count(other{})",
    ]


def test_rules_are_tried_at_the_place_for_which_they_ask() -> None:
    found = trials('up{job="api"} == 0', "other > 1", 'up{job="api"} and up{job="worker"}')
    assert [[asked.rule.expr for asked in trial.asked] for trial in found] == [['up{job="api"} == 0'], ["other > 1"]]
    assert series_of(found[0])[0][0] == 'up{instance="readiness:1",job="api"}'


def test_what_does_not_parse_is_left_to_the_linter() -> None:
    assert trials("sum(a") == ()


def test_a_label_of_the_targets_name_is_exported() -> None:
    (trial,) = trials("a > 1", exposition=read('a{job="x"} 1\n'))
    assert series_of(trial)[1][0] == 'a{exported_job="x",instance="readiness:1",job="readiness"}'


def test_every_series_is_given_once_and_with_a_number() -> None:
    twice = Series(name="a", labels=(("b", 'c"\\\n'),), value=math.nan)
    (trial,) = trials('{b!=""} > 1', exposition=Exposition(series=(twice, twice)))
    assert series_of(trial)[1:] == [
        ('a{b="c\\"\\\\\\n",instance="readiness:1",job="readiness"}', "0.0+0x15"),
    ]


def test_series_are_bounded() -> None:
    many = Exposition(series=tuple(Series(name="a", labels=(("b", str(n)),), value=1.0) for n in range(MAX_SERIES + 5)))
    (trial,) = trials("a > 1", exposition=many)
    assert (trial.series, trial.is_whole) == (MAX_SERIES, False)


def test_answers_are_read() -> None:
    (trial,) = trials("a > 1", "b / on() b", "c > 1")
    answers = answers_of(trial, 1, FOUND + FAILED)
    assert answers is not None
    assert answers["count(a > 1\n)"] == Answer(found=True)
    assert answers["count(b / on() b\n)"].error == "found duplicate series for the match group {}"
    assert answers["count(c > 1\n)"] == answers["count(c{})"] == Answer()


def test_what_cannot_be_read_is_no_answer() -> None:
    (trial,) = trials("a > 1")
    assert answers_of(trial, None, "timed out") is None
    assert answers_of(trial, 1, "  FAILED: something new") is None
    assert answers_of(trial, 1, FAILED) is None
    assert answers_of(trial, 1, FOUND.replace("count", "\\x07count")) is None
    assert answers_of(trial, 1, STOPPED) is None
    assert answers_of(trial, 0, "  SUCCESS\n") == {"count(a > 1\n)": Answer(), "count(a{})": Answer()}


def test_recordings_that_stop_the_tool_are_left_out() -> None:
    rules = [rule("a / on() a", "shop:errors"), rule("sum(a)", "shop:all"), rule("sum(", "shop:bad"), rule("b > 1")]
    assert stopping(STOPPED) == {"shop:errors"}
    assert recordings_of(rules, without=stopping(STOPPED)) == {
        "groups": [{"name": "recordings", "rules": [{"record": "shop:all", "expr": "sum(a)"}]}]
    }
    assert recordings_of([rule("b > 1")]) == {"groups": []}
