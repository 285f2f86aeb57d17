"""Writes ``stopping.json``: how a sound stack stops, restarts and scales, for the cases of ``drain.*`` and ``scale.*`` that need a whole one.

Run it after a change of the facts: ``python tests/checks/bases/build_stopping.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.scaled import LoadPhase, ReplicaStep, ScaledStack, SharedAnswer
from readiness.facts.stack_stop import JobSeen, JobState, Kept, StackRestart, StoppedService, WorkerStop
from readiness.target import Entry, Role, Target


def worker_stop() -> WorkerStop:
    done = 'GET http://api:8000/jobs/1: 200 {"status": "done", "runs": 1}'
    return WorkerStop(
        stopped=(StoppedService(service="worker", seconds=3.4, grace_seconds=30.0, exit_code=0),),
        undisturbed_seconds=4.1,
        jobs=(
            JobSeen(id="1", before=JobState.RUNNING, at_rest=JobState.DONE, after=JobState.DONE, runs=1, answer=done),
            JobSeen(
                id="2", before=JobState.WAITING, at_rest=JobState.WAITING, after=JobState.DONE, runs=1, answer=done
            ),
        ),
        control=JobSeen(id="3", after=JobState.DONE, runs=1, answer=done),
        waited_seconds=9.0,
    )


def stack_restart() -> StackRestart:
    return StackRestart(
        stopped=(
            StoppedService(service="proxy", seconds=0.2, grace_seconds=30.0, exit_code=0),
            StoppedService(service="worker", seconds=1.3, grace_seconds=30.0, exit_code=0, log="worker ends"),
            StoppedService(service="api", seconds=0.7, grace_seconds=30.0, exit_code=143),
            StoppedService(service="db", seconds=0.1, grace_seconds=60.0, exit_code=0),
        ),
        is_back=True,
        back_seconds=8.0,
        records=Kept(what="records", acknowledged=77, late=20),
        jobs=Kept(what="jobs", acknowledged=9, late=3),
    )


def scaled_stack() -> ScaledStack:
    return ScaledStack(
        service="api",
        request="GET https://proxy:8443/items",
        per_second=20.0,
        replicas=2,
        rest=LoadPhase(name="at rest", began_seconds=0.0, ended_seconds=3.0, sent=60, served=60, slowest_seconds=0.05),
        roll=LoadPhase(
            name="while the replicas are replaced",
            began_seconds=3.0,
            ended_seconds=20.6,
            sent=353,
            served=353,
            slowest_seconds=2.1,
        ),
        crash=LoadPhase(
            name="after one is killed",
            began_seconds=20.6,
            ended_seconds=25.9,
            sent=106,
            served=106,
            slowest_seconds=2.0,
        ),
        steps=(
            ReplicaStep(replica=1, at_seconds=3.0, gone_seconds=5.5, ready_seconds=7.1),
            ReplicaStep(replica=2, at_seconds=12.1, gone_seconds=14.2, ready_seconds=15.6),
        ),
        killed=ReplicaStep(replica=1, at_seconds=20.6, gone_seconds=20.9),
        shared=(
            SharedAnswer(name="what needs a login", request="GET /me", here=200, there=200, answer="200"),
            SharedAnswer(
                name="a record created at the other one", request="GET /items/4", here=200, there=200, answer="200"
            ),
        ),
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=(
            Entry(name="proxy", service="proxy", port=8443, https=True),
            Entry(name="direct", service="api", port=8000),
        ),
        roles={Role.WORKER: ("worker",), Role.PROXY: ("proxy",)},
        extra={
            "jobs": {
                "enqueue": {"method": "POST", "path": "/jobs"},
                "result": {"path": "/jobs/{id}"},
                "runs": "runs",
                "env": {"seconds": "WORKER_JOB_SECONDS"},
                "delivery": "finishes",
            },
            "record": {"create": {"method": "POST", "path": "/items", "id": "id"}, "read": "/items/{id}"},
        },
    )


def build() -> dict[str, Any]:
    facts = {
        "target": target(),
        "worker_stop": worker_stop(),
        "stack_restart": stack_restart(),
        "scaled_stack": scaled_stack(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("stopping.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
