"""The demo's model as it comes from a hub: whatever goes wrong on the way is said, and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from readiness.demo.app.shop import weights as module
from readiness.demo.app.shop.model import DIMENSIONS, EmbeddingModel
from readiness.demo.app.shop.weights import BYTES, Weights
from readiness.instruments.stub import Behaviour, Plan, Script, Stub, answer, garbage, half

CONTENT = bytes(range(256)) * (BYTES // 256)
TAG = {"etag": f'"{hashlib.sha256(CONTENT).hexdigest()}"'}
WHOLE = answer(body=CONTENT, headers=TAG)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def hub() -> Iterator[Stub]:
    with Stub("127.0.0.1") as running:
        yield running


def play(hub: Stub, *steps: Behaviour) -> None:
    hub.play(Script(otherwise=Plan(steps=steps, then=WHOLE)))


def test_they_are_fetched_once_and_then_read_from_the_folder(hub: Stub, tmp_path: Path) -> None:
    play(hub)
    for _ in range(2):
        assert asyncio.run(Weights(f"{hub.url}/", tmp_path / "models").get()) == CONTENT
    assert [seen.path for seen in hub.received()] == ["/weights.bin"]
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"weights.bin", "weights.bin.sha256"}


@pytest.mark.parametrize(
    "trouble",
    [
        half(CONTENT, headers=TAG),
        answer(429),
        answer(503),
        answer(body=CONTENT, headers={"etag": '"another"'}),
        answer(body=CONTENT[:100], headers=TAG),
        garbage(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    ],
)
def test_a_download_that_fails_is_tried_again(hub: Stub, tmp_path: Path, trouble: Behaviour) -> None:
    play(hub, trouble)
    found = Weights(hub.url, tmp_path)
    assert asyncio.run(found.get()) == CONTENT
    assert found.problem == ""
    assert hub.count == 2


def test_a_copy_that_is_cut_off_is_fetched_again(hub: Stub, tmp_path: Path) -> None:
    play(hub)
    asyncio.run(Weights(hub.url, tmp_path).get())
    (tmp_path / "weights.bin").write_bytes(CONTENT[: BYTES // 2])
    assert asyncio.run(Weights(hub.url, tmp_path).get()) == CONTENT
    assert (tmp_path / "weights.bin").read_bytes() == CONTENT
    assert hub.count == 2


def test_a_digest_that_is_no_text_is_a_corrupt_copy(hub: Stub, tmp_path: Path) -> None:
    play(hub)
    asyncio.run(Weights(hub.url, tmp_path).get())
    (tmp_path / "weights.bin.sha256").write_bytes(b"\xff\xfe")
    assert asyncio.run(Weights(hub.url, tmp_path).get()) == CONTENT
    assert hub.count == 2


def test_what_is_wrong_is_said_while_there_are_none(hub: Stub, tmp_path: Path) -> None:
    play(hub)
    (tmp_path / "models").write_text("in the way of the folder")
    found = Weights(hub.url, tmp_path / "models")

    async def for_a_while() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(found.get(), 0.5)

    asyncio.run(for_a_while())
    assert "Not a directory" in found.problem


def test_a_model_of_any_bytes_embeds(hub: Stub, tmp_path: Path) -> None:
    play(hub)
    model = EmbeddingModel(Weights(hub.url, tmp_path))
    asyncio.run(model.load(at_least_seconds=0))
    assert model.is_loaded
    assert len(model.embed("teapot")) == DIMENSIONS
    assert model.embed("teapot") != model.embed("lantern")
    assert model.problem == ""
