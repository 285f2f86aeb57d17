from __future__ import annotations

import pytest

from readiness.facts.fetched import FetchedStart, HubRequest, ModelDownloads
from readiness.facts.startup import Said
from readiness.starting.fetching import (
    evidence_of,
    names_fault_of_copy,
    names_full_disk,
    refuses,
    sound_start,
    story_of,
)

READY, NOT = FetchedStart(seconds=3.0, ready_seconds=3.0), FetchedStart(seconds=9.0)
ENDED = FetchedStart(seconds=3.0, ready_seconds=3.0, restarts=1)


def said(body: str, status: int | None = 503) -> FetchedStart:
    return FetchedStart(seconds=1.0, said=Said(kind="loading", path="/health", standing="no", status=status, body=body))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[Errno 28] No space left on device", True),
        ('{"error": "disk is full"}', True),
        ('{"error": "insufficient disk space for the model"}', True),
        ('{"error": "Disk quota exceeded"}', True),
        ('{"error": "the storage is full"}', True),
        ('{"status": "loading"}', False),
        ('{"error": "the model cannot be loaded", "namespace": "default"}', False),
        ("", False),
    ],
)
def test_a_full_disk_is_told_by_its_words(body: str, expected: bool) -> None:
    assert names_full_disk(body) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("the cached model is corrupt", True),
        ("Error while deserializing header: incomplete safetensors", True),
        ("checksum of weights.bin does not match: sha256 mismatch in file", True),
        ('{"status": "loading", "model": "small"}', False),
        ("error", False),
    ],
)
def test_a_fault_of_the_copy_is_told_by_its_words(body: str, expected: bool) -> None:
    assert names_fault_of_copy(said(body)) is expected


def test_nothing_said_names_nothing() -> None:
    assert not names_fault_of_copy(NOT)
    assert not refuses(NOT)
    assert not refuses(said("", status=500))
    assert refuses(said(""))


@pytest.mark.parametrize(
    ("broken", "control", "expected"),
    [(READY, None, READY), (NOT, READY, READY), (ENDED, READY, READY), (ENDED, ENDED, None), (NOT, None, None)],
)
def test_a_start_is_sound_that_got_ready_by_itself(
    broken: FetchedStart, control: FetchedStart | None, expected: FetchedStart | None
) -> None:
    assert sound_start(ModelDownloads(broken=broken, control=control)) is expected


def test_a_story_is_told_in_the_order_of_time() -> None:
    requests = (HubRequest(seconds=1.0, method="GET", path="/w", answer="cut"),)
    start = FetchedStart(
        seconds=9.0, ready_seconds=8.0, first_end_seconds=2.0, exit_code=1, restarts=1, requests=requests, log=("bye",)
    )
    assert [line.split("  ")[-1].strip() for line in story_of(start).splitlines()] == [
        "GET /w: cut",
        "seen to have ended, exit code 1",
        "ready",
        "restarts by its engine: 1",
    ]
    assert [evidence.source for evidence in evidence_of(start, "a start")] == ["a start", "the last lines of its log"]
