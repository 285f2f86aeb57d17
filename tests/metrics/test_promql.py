from __future__ import annotations

import pytest

from readiness.metrics.promql import Comparison, Expression, parse


def parsed(text: str) -> Expression:
    found = parse(text)
    assert isinstance(found, Expression), found
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            'sum by (route) (rate(a_total{status=~"5.."}[5m])) / ignoring(x) group_left(y) b > bool 0.01',
            ["a_total", "b"],
        ),
        ("histogram_quantile(0.9, sum(rate(h_bucket[5m])) by (le)) > 1", ["h_bucket"]),
        ('{__name__="a", b="c"}', ["a"]),
        ('{__name__=~"a.*"}', [""]),
        ("max_over_time(a[1h:5m] offset 1d) and on (x) b", ["a", "b"]),
        ("time() - a > 60", ["a"]),
        ("topk(3, a)", ["a"]),
        ("vector(1)", []),
    ],
)
def test_the_series_of_an_expression(text: str, names: list[str]) -> None:
    assert [selector.name for selector in parsed(text).selectors()] == names


def test_a_selectors_labels() -> None:
    (selector,) = parsed('up{job="postgres", instance=~"a.*"}').selectors()
    assert (selector.equal, selector.labels) == ({"job": "postgres"}, {"job", "instance"})


@pytest.mark.parametrize(
    ("matcher", "is_needed"),
    [
        ('b="x"', True),
        ('b=""', False),
        ('b!="x"', False),
        ('b!=""', True),
        ('b=~"5.."', True),
        ('b=~".+"', True),
        ('b=~".*"', False),
        ('b=~"x|"', False),
        ('b!~".*"', True),
        ('b!~"x"', False),
        ('b=~"(?P=nothing)"', False),
        ('b="x" or c="y"', False),
    ],
)
def test_a_label_is_needed_where_an_empty_value_is_not_let_through(matcher: str, is_needed: bool) -> None:
    found = parse(f"a{{{matcher}}}")
    if isinstance(found, Expression):  # the parser may refuse an expression that is none
        assert [bool(selector.needed) for selector in found.selectors()] == [is_needed]


def test_a_selector_is_written_without_range_and_offset() -> None:
    (selector,) = parsed('rate(a{b="c\\"d\\\\",e=~"5.."}[5m] offset 1d)').selectors()
    assert selector.text == 'a{b="c\\"d\\\\",e=~"5.."}'
    assert parsed(selector.text).selectors() == (selector,)


def test_what_is_asked_to_be_absent_is_told() -> None:
    found = parsed('absent(up{job="a"}) or absent_over_time(b[5m]) or c > 1').absences()
    assert [selector.name for selector in found] == ["up", "b"]


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("a > 1", []),
        ("x > 1", ["x"]),
        ("a or x", []),
        ("x or y", ["x", "y"]),
        ("a unless x", []),
        ("absent(x)", []),
        ("absent_over_time(x[5m])", []),
        ("sum(rate(x[5m])) / sum(rate(a[5m]))", ["x"]),
        ("sum(rate(x[5m])) or vector(0)", []),
        ('{__name__=~"x.*"}', []),
    ],
)
def test_what_an_expression_lacks(text: str, lacking: list[str]) -> None:
    found = parsed(text).lacking(lambda selector: selector.name == "a")
    assert [selector.name for selector in found] == lacking


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 0.01", [(">", 0.01)]),
        ("85 < a", [(">", 85.0)]),
        ("a >= (1 / 4)", [(">=", 0.25)]),
        ("a > -(2 * 3 - 1)", [(">", -5.0)]),
        ("a > 1 and b < 2", [(">", 1.0), ("<", 2.0)]),
        ("a > b", []),
        ("a > 1 / 0", []),
        ("a + 1", []),
    ],
)
def test_the_figures_that_are_compared_with(text: str, expected: list[tuple[str, float]]) -> None:
    assert parsed(text).comparisons() == tuple(Comparison(operator=o, figure=f) for o, f in expected)


@pytest.mark.parametrize("text", ["sum(a", "a >", "", "nonsense(a)", "(" * 65 + "a" + ")" * 65, "a" * 10_001])
def test_what_cannot_be_read_is_said(text: str) -> None:
    assert isinstance(parse(text), str)
