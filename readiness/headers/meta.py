"""``<meta http-equiv>`` of a page: what it says in place of a header (HTML standard, 4.2.5.3; only inside ``<head>``)."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["http_equiv"]


class _Head(HTMLParser):
    """Collects the contents of one kind of meta element until the head ends."""

    def __init__(self, name: str) -> None:
        super().__init__(convert_charrefs=True)
        self._name = name.lower()
        self._has_ended = False
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep matching elements; of doubled attributes the first counts."""
        values: dict[str, str] = {}
        for name, value in attrs:
            values.setdefault(name, value or "")
        if tag == "body":
            self._has_ended = True
        elif tag == "meta" and not self._has_ended and values.get("http-equiv", "").lower() == self._name:
            self.found.append(values.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the head."""
        self._has_ended = self._has_ended or tag == "head"


def http_equiv(html: str, name: str) -> tuple[str, ...]:
    """Contents of the page's ``<meta http-equiv="name">``, in order."""
    parser = _Head(name)
    try:
        parser.feed(html)
        parser.close()
    except (AssertionError, ValueError):
        # Broken markup stops the standard parser; what came before still counts.
        return tuple(parser.found)
    return tuple(parser.found)
