"""Which series there are for a rule to watch, and why a selector finds none."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.metrics.exposition import SUFFIXES, Exposition
from readiness.metrics.promql import Selector
from readiness.metrics.scraping import Scraping

__all__ = ["PLACES", "Known", "Lack"]

#: Series that Prometheus makes itself.
OWN = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
OWN_PREFIXES = ("scrape_", "prometheus_", "alertmanager_")
#: Beginnings of names that exporters beside a stack are known for: their absence from the service tells nothing.
EXPORTERS = (
    "node_", "container_", "kube_", "machine_", "probe_", "pg_", "postgres_", "redis_", "mysql_", "mongodb_", "nginx_",
    "haproxy_", "traefik_", "rabbitmq_", "kafka_", "elasticsearch_", "windows_", "caddy_", "qdrant_", "minio_",
)  # fmt: skip
#: Labels that Prometheus adds, or that name another place to look.
PLACES = frozenset({"job", "instance", "service", "namespace", "pod", "container"})
SCRAPE_CONFIG = "alerts: {scrape_config: prometheus.yml}   # tells which labels Prometheus adds"


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Why a selector finds nothing; ``is_sure`` is False where it may find something all the same."""

    words: str
    is_sure: bool = False
    supply: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the series.

    Attributes:
        exposition: what the service shows at ``url``; ``is_whole`` is False where there is more.
        is_declared: whether the owner said that this is where its metrics are.
        elsewhere: beginnings of names that come from outside.
        recorded: names that rules record.
        scraping: what Prometheus' configuration tells; None where that is not known.
    """

    exposition: Exposition
    url: str
    is_whole: bool
    is_declared: bool
    elsewhere: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()
    scraping: Scraping | None = None

    def job_lack(self, selector: Selector) -> Lack | None:
        """A job that Prometheus does not scrape."""
        job = selector.equal.get("job")
        jobs = self.scraping.jobs if self.scraping is not None else None
        if not job or jobs is None or job in jobs:
            return None
        return Lack(words=f"watches the job {job}, which Prometheus does not scrape: it can never fire", is_sure=True)

    def lack(self, selector: Selector) -> Lack | None:
        """What keeps a selector from ever finding something; None where nothing does."""
        if (lack := self.job_lack(selector)) is not None:
            return lack
        name = selector.name
        if name in OWN | self.recorded or name.startswith((*OWN_PREFIXES, *self.elsewhere)):
            return None
        if name in self.exposition.names:
            return self._family_lack(name) or self._label_lack(selector)
        if doubt := self._name_doubt(selector):
            return Lack(words=doubt)
        return Lack(words=f"watches {name}, which {self.url} does not expose: it can never fire", is_sure=True)

    def _name_doubt(self, selector: Selector) -> str:
        """Why a name that was not seen may exist all the same, the best reason first; empty where it does not."""
        name, scraping = selector.name, self.scraping
        families = {family.partition("_")[0] for family in self.exposition.names}
        is_of_a_family = name.partition("_")[0] in families
        reasons = (
            (not self.exposition.series, f"the metrics could not be read, so {name} was not looked for"),
            # Prometheus keeps the colon for recordings: the file that makes it is not among these.
            (":" in name, f"{name} is a recording's name, and no rule that was read records it"),
            (
                name.startswith(EXPORTERS) and not is_of_a_family,
                f"{name} is not among the service's metrics; an exporter beside it may have it",
            ),
            (
                scraping is None and bool(selector.labels & PLACES),
                f"{name} is asked of a place that was not looked at",
            ),
            (
                scraping is not None and not scraping.is_one_place,
                f"{name} is not at {self.url}, and Prometheus scrapes other places too",
            ),
            (
                scraping is not None and not scraping.keeps_names,
                f"{name} is not at {self.url}, and Prometheus' configuration may rename what is",
            ),
            (
                not self.is_declared or not is_of_a_family,
                f"{name} is not at {self.url}; another service may expose it",
            ),
            (
                not self.is_whole or not self.exposition.announces_ahead,
                f"{name} is not at {self.url}, and may appear there with its first sample",
            ),
        )
        return next((words for holds, words in reasons if holds), "")

    def _family_lack(self, name: str) -> Lack | None:
        """A family whose series have longer names, such as a histogram's: a rule that names it alone finds none."""
        shown = {series.name for series in self.exposition.series}
        longer = next((name + suffix for suffix in SUFFIXES if name + suffix in shown), "")
        if name in shown or not longer:
            return None
        # Only Prometheus knows whether it takes native histograms, which do have the family's name.
        return Lack(words=f"{name} has no series of that name at {self.url}, but {longer}")

    def _label_lack(self, selector: Selector) -> Lack | None:
        """A label that a series must have to be found, and that no series of the name has."""
        sets = self.exposition.label_sets(selector.name)
        shown = {label for labels in sets for label in labels}
        # Where a target's label and a series' own have one name, Prometheus keeps the latter as exported_<name>.
        added = (self.scraping.labels if self.scraping is not None else None) or frozenset()
        missing = sorted(selector.needed - PLACES - added - shown - {f"exported_{label}" for label in shown})
        if not missing:
            return None
        asked = f"{selector.name} is asked by the label {missing[0]}"
        if not sets:
            return Lack(words=f"{asked}, and has no series yet")
        if self.scraping is None:
            return Lack(words=f"{asked}, which no series of it has; Prometheus may add it", supply=SCRAPE_CONFIG)
        if self.scraping.labels is None or not (self.scraping.keeps_names and self.scraping.is_one_place):
            return Lack(words=f"{asked}, which no series of it has at {self.url}; what else is scraped may have it")
        if not self.is_whole or len(sets) > 1 or self.exposition.has_labels_on_occasion:
            return Lack(words=f"{asked}, which no series of it has yet")
        words = f"watches {selector.name} by the label {missing[0]}, which no series of it has: it can never fire"
        return Lack(words=words, is_sure=True)
