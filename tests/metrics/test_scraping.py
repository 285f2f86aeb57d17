from __future__ import annotations

import pytest

from readiness.metrics.scraping import Scraping, read_scraping


def scraping(*configs: str, rest: str = "") -> Scraping:
    found = read_scraping(f"{rest}\nscrape_configs: [{', '.join(configs)}]\n")
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["a: [", "[]", "scrape_configs: 3", "global: {}", "a: &a [*a]"])
def test_what_is_no_configuration_tells_nothing(text: str) -> None:
    assert read_scraping(text) is None


def test_a_plain_configuration_tells_everything() -> None:
    found = scraping(
        "{job_name: prometheus, static_configs: [{targets: ['localhost:9090']}]}",
        "{job_name: shop, static_configs: [{targets: ['api:8000'], labels: {tier: front}}]}",
    )
    assert found == Scraping(
        jobs=frozenset({"prometheus", "shop"}), labels=frozenset({"tier"}), is_one_place=True, keeps_names=True
    )


@pytest.mark.parametrize(
    ("config", "knows_jobs", "knows_labels"),
    [
        ("{job_name: a, relabel_configs: [{target_label: zone}]}", False, True),
        ("{job_name: a, metric_relabel_configs: [{action: drop}]}", False, True),
        ("{job_name: a, relabel_configs: [{action: labelmap}]}", False, False),
        ("{job_name: a, honor_labels: true}", False, True),
        ("{job_name: a, static_configs: [{targets: [x], labels: {job: b}}]}", False, True),
        ("{job_name: a, file_sd_configs: [{files: [x]}]}", False, False),
        ("{job_name: a, dns_sd_configs: [{names: [x]}]}", True, True),
    ],
)
def test_what_the_file_alone_does_not_tell_is_not_known(config: str, knows_jobs: bool, knows_labels: bool) -> None:
    found = scraping(config)
    assert (found.jobs is not None, found.labels is not None) == (knows_jobs, knows_labels)


def test_labels_that_relabelling_makes_are_told() -> None:
    found = scraping("{job_name: a, relabel_configs: [{target_label: zone}, {action: keep, regex: x}]}")
    assert found.labels == frozenset({"zone"})


@pytest.mark.parametrize(
    "configs",
    [
        ["{job_name: a}", "{job_name: b}"],
        ["{job_name: a, static_configs: [{targets: ['x:1', 'y:1']}]}"],
        ["{job_name: a, docker_sd_configs: [{}]}"],
        ["{job_name: a, static_configs: [{targets: ['x:9090', 'y:1']}]}"],
    ],
)
def test_several_targets_are_several_places(configs: list[str]) -> None:
    assert not scraping(*configs).is_one_place


def test_more_files_leave_everything_open() -> None:
    found = scraping("{job_name: a}", rest="scrape_config_files: ['x/*.yml']")
    assert found == Scraping(jobs=None, labels=None, is_one_place=False, keeps_names=False)


def test_metrics_that_are_relabelled_may_lose_their_names() -> None:
    assert not scraping("{job_name: a, metric_relabel_configs: [{action: labeldrop, regex: x}]}").keeps_names
