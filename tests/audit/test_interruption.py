from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from readiness.audit.interruption import TOLD, Interruption, cut_before_lineless


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def interruption(told: list[str]) -> Iterator[Interruption]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    interruption = Interruption(told.append)
    interruption.install()
    yield interruption
    interruption.remove()
    for number, handler in before.items():
        signal.signal(number, handler)


def press(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_first_ends_the_run_the_second_is_answered_the_third_means_it(
    interruption: Interruption, told: list[str], number: signal.Signals
) -> None:
    with pytest.raises(KeyboardInterrupt):
        press(number)
    assert told == []
    press(signal.SIGINT)
    assert told == [TOLD]
    with pytest.raises(KeyboardInterrupt):
        press(number)


def test_where_no_line_can_be_printed_the_second_is_still_none() -> None:
    def fail(_: str) -> None:
        raise RuntimeError("reentrant call")

    interruption = Interruption(fail)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interruption.install()
    try:
        with pytest.raises(KeyboardInterrupt):
            press(signal.SIGINT)
        press(signal.SIGINT)
    finally:
        interruption.remove()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, before)


def test_what_somebody_else_has_decided_about_a_signal_stays() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    interruption = Interruption(lambda _: None)
    try:
        interruption.install()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        interruption.remove()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_frame_without_a_line_is_not_shown() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    interrupted.__code__ = interrupted.__code__.replace(co_linetable=b"")
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted()
    assert caught.tb.tb_next is not None
    assert caught.tb.tb_next.tb_lineno is None
    with pytest.raises(TypeError):
        caught.getrepr(funcargs=True)
    cut_before_lineless(caught.tb)
    again = pytest.ExceptionInfo.from_exception(caught.value)
    assert "interrupted()" in str(again.getrepr(funcargs=True))
