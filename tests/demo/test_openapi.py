from __future__ import annotations

import json
from pathlib import Path

from tests.demo.openapi import DOCUMENT, document


def test_the_declared_document_is_the_applications_own(tmp_path: Path) -> None:
    declared = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert declared == json.loads(json.dumps(document(tmp_path))), "run python -m tests.demo.openapi"
