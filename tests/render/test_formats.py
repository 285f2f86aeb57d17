from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from readiness.exceptions import ConfigError
from readiness.render import formats, render, terminal, write
from readiness.scorecard import Scorecard, from_json, to_json
from tests.render.cards import down_card, empty_card, hostile_card, sample_card, sound_card

CARDS: dict[str, Callable[[], Scorecard]] = {
    "sample": sample_card,
    "sound": sound_card,
    "down": down_card,
    "empty": empty_card,
}
HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'y',
    "terminal": "\x1b]0;owned\x07\x1b[31mred\x9b2J\r\noverwritten\b\b",
    "bidi": "abc\u202egnp.exe\u2066\u200b\ufeff",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}#{7*7}",
    "markdown": "](javascript:alert(1)) ![x](http://evil.example/x.png) | # h\n```\n</details><b>*_~~",
    "svg": "]]></title><script xlink:href='data:,alert(1)'/>",
    "separator": "one\u2028two\u2029three\x85four\0five",
    "surrogate": "broken \udc80\udcff bytes",
    "huge": "A" * 20_000,
    "mention": "@everyone see www.evil.example and #1",
}


def test_the_formats_are_the_files_of_the_folder() -> None:
    assert formats() == ("badge", "html", "json", "md", "sarif", "terminal")


def test_an_unknown_format_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown format 'pdf' \(one of badge, html"):
        render("pdf", sample_card())


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", formats())
def test_every_format_renders_every_card(name: str, card: str) -> None:
    text = render(name, CARDS[card]())
    assert text.endswith("\n")
    assert len(text) > 100


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", formats())
def test_every_format_is_made_from_the_json_alone(name: str, card: str) -> None:
    original = CARDS[card]()
    assert render(name, from_json(json.loads(render("json", original)))) == render(name, original)


def test_write_makes_the_folder_and_names_the_files(tmp_path: Path) -> None:
    written = write(sample_card(), tmp_path / "new" / "reports", ["html", "json", "badge", "html"])
    assert [path.name for path in written] == ["scorecard.html", "scorecard.json", "scorecard.svg"]
    assert sorted(path.name for path in (tmp_path / "new" / "reports").iterdir()) == sorted(p.name for p in written)


def test_write_refuses_an_unknown_format_before_it_writes_anything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        write(sample_card(), tmp_path / "reports", ["json", "pdf"])
    assert not (tmp_path / "reports").exists()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = write(sample_card(), tmp_path, ["json"])
    before = path.read_text()

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "no space")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write(down_card(), tmp_path, ["json"])
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", formats())
def test_hostile_text_can_be_written_in_every_format(name: str, text: str, tmp_path: Path) -> None:
    (path,) = write(hostile_card(text), tmp_path, [name])
    shown = path.read_text(encoding="utf-8")
    commands = re.findall(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", shown
    )
    assert commands == []
    if name not in {"md", "terminal"}:  # there it is text, in a code block
        assert "</script>" not in shown
    assert len(shown) < 20_000_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_json_gives_back_every_text_unchanged(text: str) -> None:
    card = hostile_card(text)
    assert from_json(json.loads(render("json", card))) == card


def test_json_refuses_what_is_not_json() -> None:
    data = to_json(sample_card())
    data["score"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        render("json", from_json(data))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


@cache
def _innocent_page() -> _Tags:
    return _tags(render("html", hostile_card("innocent")))


def _tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    return parser


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute_to_the_page(text: str) -> None:
    innocent, attacked = _innocent_page(), _tags(render("html", hostile_card(text)))
    allowed = {"details", "summary"} if len(text) > 900 else set()
    assert [t for t in attacked.tags if t not in {"details", "summary", "span", "p"}] == [
        t for t in innocent.tags if t not in {"details", "summary", "span", "p"}
    ]
    assert set(attacked.tags) - set(innocent.tags) <= allowed
    assert {(t, n) for t, n, _ in attacked.attributes} <= {(t, n) for t, n, _ in innocent.attributes} | {
        ("span", "class")
    }
    assert not [a for a in attacked.attributes if a[1].startswith("on") or a[1] in {"style", "src", "srcset"}]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_adds_no_element_to_the_badge(text: str) -> None:
    def tags(card: Scorecard) -> list[str]:
        return [element.tag for element in ET.fromstring(render("badge", card)).iter()]  # noqa: S314  # our own picture

    assert tags(hostile_card(text)) == tags(hostile_card("innocent"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_within_sarif_messages(text: str) -> None:
    run = json.loads(render("sarif", hostile_card(text)))["runs"][0]
    messages = [result["message"]["text"] for result in run["results"]]
    assert not [m for m in messages if "](" in m or re.search(r"(?<!\{)\{\d+\}(?!\})", m)]


@pytest.mark.parametrize(("key", "limit"), [("script", 0), ("image", 0), ("svg", 0), ("markdown", 0)])
def test_markdown_outside_code_holds_no_markup_of_the_targets(key: str, limit: int) -> None:
    prose = _without_code(render("md", hostile_card(HOSTILE[key])))
    assert len(re.findall(r"<(?!details>|/details>|summary>|/summary>)", prose)) == limit
    assert not re.search(r"(?<!\\)\]\(|(?<!\\)\[|://", prose)


def test_markdown_fences_are_longer_than_the_backticks_within() -> None:
    page = render("md", hostile_card("x\n```\n````\n# heading"))
    assert not [line for line in _without_code(page).splitlines() if line.startswith("# heading")]


def test_markdown_mentions_nobody_and_links_nowhere() -> None:
    prose = _without_code(render("md", hostile_card(HOSTILE["mention"])))
    assert not re.search(r"(?<!\w)@\w|www\.|#\d", prose.replace("&#8288;", "\u2060").removeprefix("# Readiness"))


def _without_code(page: str) -> str:
    """The page without fenced blocks and code spans, as CommonMark reads them."""
    prose, fence = [], ""
    for line in page.splitlines():
        mark = re.match(r" *(`{3,})", line)
        if not fence and mark:
            fence = mark[1]
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            prose.append(re.sub("`[^`]*`", "", line))
    assert not fence
    return "\n".join(prose)


class TestTerminal:
    @pytest.mark.parametrize("width", [50, 80, 200])
    @pytest.mark.parametrize("card", CARDS)
    def test_keeps_the_width(self, card: str, width: int) -> None:
        lines = terminal.render(CARDS[card](), width).splitlines()
        copied = ("      ", "        ")  # YAML to copy is not wrapped
        assert [line for line in lines if len(line) > width and not line.startswith(copied)] == []

    def test_colours_only_when_asked_and_nothing_else(self) -> None:
        plain, painted = terminal.render(sample_card()), terminal.render(sample_card(), colour=True)
        assert "\x1b" not in plain
        assert re.sub(r"\x1b\[[0-9;]+m", "", painted) == plain.replace("\x1b", "")

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_sends_no_control_characters_of_the_targets(self, text: str) -> None:
        painted = terminal.render(hostile_card(text), colour=True)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", re.sub(r"\x1b\[[0-9;]+m", "", painted))

    @pytest.mark.parametrize("card", CARDS)
    def test_ascii_fallback_is_ascii(self, card: str) -> None:
        assert terminal.render(CARDS[card](), ascii_only=True).isascii()

    def test_says_what_to_do_next(self) -> None:
        text = terminal.render(sample_card(), 200)
        assert "Next grade: B with 1 mended: probe.hang_bounded" in text
        assert "      probes:\n        basic: {path: /api/health, cache_seconds: 10}" in text
        assert "✗ Gate failed\n  - headers.csp failed and is high" in text

    def test_the_costliest_failure_comes_first(self) -> None:
        failed = re.findall(r"✗ (\S+) \(\w+, -([\d.]+) points\)", terminal.render(sample_card(), 200))
        assert failed[0][0] == "probe.hang_bounded"
        assert [float(lost) for _, lost in failed] == sorted((float(lost) for _, lost in failed), reverse=True)

    def test_shows_why_the_stack_did_not_start(self) -> None:
        text = terminal.render(down_card(), 200)
        assert "✗ api: restarting; authentication: the password of DATABASE_URL" in text
        assert "password authentication failed" in text
        assert text.index("The stack did not start\n") < text.index("Failed: 1")


class TestBadge:
    @pytest.mark.parametrize(
        ("card", "words"), [("sample", "C 84.9"), ("sound", "A+ 100"), ("empty", "no grade (partial)")]
    )
    def test_shows_grade_and_score(self, card: str, words: str) -> None:
        texts = [element.text for element in ET.fromstring(render("badge", CARDS[card]())).iter() if element.text]  # noqa: S314  # our own picture
        assert words in texts

    @pytest.mark.parametrize("card", CARDS)
    def test_white_text_keeps_its_contrast(self, card: str) -> None:
        for colour in re.findall(r'fill="#([0-9a-f]{6})"', render("badge", CARDS[card]())):
            assert _contrast_with_white(colour) >= 4.5


def _contrast_with_white(colour: str) -> float:
    """WCAG 2.2 contrast ratio."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


class TestSarif:
    def test_findings_are_results_and_the_rest_is_not(self) -> None:
        run = json.loads(render("sarif", sample_card()))["runs"][0]
        assert [r["ruleId"] for r in run["results"] if "suppressions" not in r] == [
            "headers.csp",
            "headers.on_error_responses",
            "probe.detailed",
            "probe.hang_bounded",
        ]
        assert [r["ruleId"] for r in run["results"] if "suppressions" in r] == ["headers.permissions_policy"]
        notes = run["invocations"][0]["toolExecutionNotifications"]
        assert [note["descriptor"]["id"] for note in notes] == ["probe.cache_10s", "probe.disk_memory"]

    @pytest.mark.parametrize("card", CARDS)
    def test_results_point_at_their_rules(self, card: str) -> None:
        log = json.loads(render("sarif", CARDS[card]()))
        assert log["version"] == "2.1.0"
        (run,) = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["kind"] == "fail"
            assert result["level"] in {"error", "warning", "note"}
            assert result["message"]["text"]
            assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "scorecard.json"
