from __future__ import annotations

import json
from typing import Any

import pytest

from readiness.facts.http import Exchange, StatusClass
from readiness.persistence.jobs import Course, is_like, signature


def answer(body: Any, status: int = 200) -> Exchange:
    return Exchange(
        entry="direct", purpose=StatusClass.OK, method="GET", url="/jobs/a1", status=status, body=json.dumps(body)
    )


def course(waiting: Exchange, done: Exchange) -> Course:
    return Course(waiting=signature(waiting, "a1"), done=signature(done, "a1"))


STATUS = course(
    answer({"id": "a1", "status": "queued", "result": None, "asked_at": "2027-01-01"}),
    answer({"id": "a1", "status": "done", "result": [0.5], "asked_at": "2027-01-01"}),
)


@pytest.mark.parametrize(
    ("body", "is_done"),
    [
        ({"id": "b2", "status": "done", "result": [0.7], "asked_at": "2027-01-02"}, True),
        ({"id": "b2", "status": "queued", "result": None, "asked_at": "2027-01-02"}, False),
        ({"id": "b2", "status": "failed", "result": None, "asked_at": "2027-01-02"}, False),
        ({"id": "b2", "status": "failed", "result": [0.7], "asked_at": "2027-01-02"}, False),
    ],
)
def test_a_job_is_done_where_its_answer_changed_as_that_of_a_job_in_peace(body: Any, is_done: bool) -> None:
    assert is_like(STATUS, signature(answer(body), "b2")) is is_done


def test_a_result_that_is_not_there_before_tells_by_its_status() -> None:
    by_status = course(answer({}, status=404), answer({"text": "ok"}))
    assert is_like(by_status, signature(answer({"text": "ok"}), "b2"))
    assert not is_like(by_status, signature(answer({}, status=404), "b2"))


def test_a_body_that_is_no_object_tells_by_its_status_alone() -> None:
    by_status = course(answer([], status=202), answer([1]))
    assert is_like(by_status, signature(answer([2]), "b2"))
    assert not is_like(by_status, signature(answer([], status=202), "b2"))
