"""Housekeeping of the owner's backup, in throw-away copies: what a run leaves, shows, prunes, sends and tells; its schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from readiness.backup.schedules import cron_lines
from readiness.backup.sets import BackupSet, newer
from readiness.check import Impact
from readiness.declared.backup import Backup, Schedule, backup_of
from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.backup_upkeep import Arrived, BackupUpkeep, Copied, Kept, ScheduleSeen, Shown, Told
from readiness.facts.probe_body import mask
from readiness.gather import gatherer
from readiness.gather.backup_scripts import owner_scripts
from readiness.gather.backup_shelf import Shelf, shelf_of
from readiness.gather.backup_watching import Watched, secrets_in, watch
from readiness.gather.probe_asking import known_secrets
from readiness.gather.reaching import reaches
from readiness.instruments.mail_sink import MailSink
from readiness.instruments.object_store import ObjectStore
from readiness.instruments.owners_backup import OwnersBackup
from readiness.instruments.stub import Stub, Stubs
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Progress, Stack, Variant
from readiness.runtime.ports import LOOPBACK
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

__all__ = ["Sinks", "Upkeep", "backup_upkeep"]

AT_MOST_SECONDS = 600
RUN_SECONDS = 120.0
#: A mail or a post that is sent at the end of a run is there by then.
ARRIVES_SECONDS = 5.0
#: The next minute, the run, and a busy machine.
TICK_SECONDS = 100.0
LOOK_SECONDS = 2.0
APART_SECONDS = 1.2
EVERY_MINUTE = "* * * * *"
#: The other figure that retention is tried with, and who is told.
OTHER_DAYS = 7
WEBHOOK = "/readiness-webhook"
NOT_A_SET = "readiness-kept.note"
BUCKET, REGION = "readiness-offsite", "us-east-1"
KEPT_CHARS = 4000
#: Marks files for whoever reads the listing; nothing of the service's own is run.
_CRONTABS = """
for file in /etc/crontab /etc/cron.d/* /etc/crontabs/* /var/spool/cron/crontabs/* /var/spool/cron/*; do
  [ -f "$file" ] && echo "#in $file" && head -c 20000 "$file" && echo
done
for file in $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -i cron | sort -u); do
  [ -f "$file" ] && [ ! -x "$file" ] && echo "#in $file" && head -c 20000 "$file" && echo
done
true
"""


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=AT_MOST_SECONDS)
def backup_upkeep(target: Target, variants: Variants, stubs: Stubs, progress: Progress) -> BackupUpkeep:
    """Run the backup in one copy, while the schedule of a second one has it run every minute."""
    backup = backup_of(target)
    if backup is None:
        return BackupUpkeep(not_done={"everything": "not configured: backup"})
    progress("housekeeping of the backup, in copies of its own", at_most_seconds=AT_MOST_SECONDS)
    with contextlib.ExitStack() as ticking:
        clock = _clock(backup, variants, ticking)
        try:
            with variants(Variant(name="upkeep")) as stack:
                owners = OwnersBackup(backup=backup, stack=stack, secrets=known_secrets(stack))
                with _sinks(backup, stubs) as sinks:
                    upkeep = Upkeep(
                        target=target, owners=owners, shelf=shelf_of(owners), sinks=sinks, progress=progress
                    )
                    fact = upkeep.run()
        except (Inconclusive, ReadinessError) as error:
            fact = BackupUpkeep(not_done={"everything": str(error)[:300]})
        if isinstance(clock, str):
            return dataclasses.replace(fact, not_done={**fact.not_done, "schedule": clock}) if clock else fact
        progress("waiting for the schedule to run the backup", at_most_seconds=TICK_SECONDS)
        return dataclasses.replace(fact, schedule=clock.seen(fact.schedule))


def _clock(backup: Backup, variants: Variants, ticking: contextlib.ExitStack) -> Clock | str:
    """A copy whose schedule is every minute, or why there is none; empty where none is declared."""
    schedule = backup.schedule
    if schedule is None:
        return ""
    if backup.is_on_host:
        return "commands of this machine are scheduled by it, and nothing of a copy runs them"
    if not schedule.variable:
        return "no variable of the service sets its schedule"
    try:
        variant = Variant(name="everyminute", environment={schedule.service: {schedule.variable: EVERY_MINUTE}})
        stack = ticking.enter_context(variants(variant))
        owners = OwnersBackup(backup=backup, stack=stack, secrets=known_secrets(stack))
        shelf = shelf_of(owners)
        return Clock(shelf=shelf, schedule=schedule, before={each.name for each in shelf.sets()})
    except (Inconclusive, ReadinessError) as error:
        return str(error)[:300]


@dataclass(kw_only=True)
class Clock:
    """A copy whose schedule is every minute.

    Attributes:
        shelf: of its sets.
        schedule: as declared.
        before: sets that were there at once.
        began: when it was up, seconds since 1970.
    """

    shelf: Shelf
    schedule: Schedule
    before: set[str]
    began: float = field(default_factory=time.time)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def seen(self, known: ScheduleSeen | None) -> ScheduleSeen:
        """Wait for a set that nobody asked for."""
        fact = known or ScheduleSeen(service=self.schedule.service)
        while True:
            new = self._new()
            waited = self.clock() - self.began
            if new is not None:
                written = min(file.modified for file in new.files)
                fired = round(max(0.0, written - self.began), 1)
                return dataclasses.replace(fact, fired_seconds=fired, waited_seconds=round(waited, 1), new_set=new.name)
            if waited > TICK_SECONDS:
                return dataclasses.replace(fact, waited_seconds=round(waited, 1), log=self._log())
            self.sleep(LOOK_SECONDS)

    def _new(self) -> BackupSet | None:
        with contextlib.suppress(ReadinessError):
            return next((each for each in self.shelf.sets() if each.name not in self.before), None)
        return None

    def _log(self) -> tuple[str, ...]:
        owners = self.shelf.owners
        with contextlib.suppress(ReadinessError):
            lines = mask(owners.stack.logs(self.schedule.service, tail=20), dict(owners.secrets)).splitlines()
            return tuple(line[:200] for line in lines[-20:])
        return ()


@dataclass(frozen=True, kw_only=True)
class Sinks:
    """Servers of ours in the place of those that a backup is sent to; None where it is sent to none.

    Attributes:
        not_done: part -> why there is none although one is declared.
    """

    stub: Stub | None = None
    mail: MailSink | None = None
    store: ObjectStore | None = None
    not_done: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def _sinks(backup: Backup, stubs: Stubs) -> Iterator[Sinks]:
    wanted = {"offsite": backup.offsite, "mail": backup.mail, "webhook": backup.webhook_variable}
    if not any(wanted.values()):
        yield Sinks()
        return
    with contextlib.ExitStack() as stack:
        not_done: dict[str, str] = {}
        try:
            # A command of this machine is confined, and finds the servers on its loopback.
            stub = stack.enter_context(Stub(LOOPBACK) if backup.is_on_host else stubs())
        except Inconclusive as error:
            yield Sinks(not_done={name: error.reason for name, declared in wanted.items() if declared})
            return
        mail = store = None
        if backup.mail:
            try:
                mail = stack.enter_context(MailSink(stub.host))
            except OSError as error:
                not_done["mail"] = f"no mail server of ours: {error}"
        if backup.offsite:
            try:
                store = stack.enter_context(ObjectStore(stub.host, bucket=BUCKET))
            except (Inconclusive, ReadinessError, OSError) as error:
                not_done["offsite"] = f"no S3 endpoint of ours: {error}"
        yield Sinks(stub=stub, mail=mail, store=store, not_done=not_done)


@dataclass(kw_only=True)
class Upkeep:
    """The scenario.

    Attributes:
        owners: runs the commands.
        shelf: the directory of the sets.
        sinks: servers of ours.
        progress: is told what comes.
        sleep: for tests.
    """

    target: Target
    owners: OwnersBackup
    shelf: Shelf
    sinks: Sinks
    progress: Progress
    sleep: Callable[[float], None] = time.sleep
    fact: BackupUpkeep = field(default_factory=BackupUpkeep, init=False)
    _good: BackupSet | None = field(default=None, init=False)

    @property
    def _backup(self) -> Backup:
        return self.owners.backup

    @property
    def _stack(self) -> Stack:
        return self.owners.stack

    @property
    def _ports(self) -> tuple[int, ...]:
        """Of the servers of ours that a confined command has to find."""
        servers = (self.sinks.stub, self.sinks.mail, self.sinks.store)
        return tuple(server.port for server in servers if server is not None) if self._backup.is_on_host else ()

    def run(self) -> BackupUpkeep:
        """Look at everything that is declared; what cannot be looked at is told."""
        self.fact = dataclasses.replace(self.fact, not_done=dict(self.sinks.not_done))
        parts: dict[str, Callable[[], None]] = {
            "scripts": self._scripts,
            "settings": self._settings,
            "first": self._first,
            "retention": self._retention,
            "told": self._told,
            "failing": self._failing,
        }
        for name, part in parts.items():
            if name in {"retention", "told", "failing"} and self._good is None:
                self._miss(name, self.fact.not_done.get("first", "no set was made"))
                continue
            self.progress(f"housekeeping of the backup: {name}", at_most_seconds=RUN_SECONDS)
            try:
                part()
            except ReadinessError as error:
                self._miss(name, str(error)[:300])
        return self.fact

    # What is there before anything runs

    def _scripts(self) -> None:
        scripts = owner_scripts(self._stack, self._backup, folder=Path(self.target.folder))
        self.fact = dataclasses.replace(self.fact, scripts=scripts)

    def _settings(self) -> None:
        """The schedule in force, and whether the copy elsewhere is configured."""
        if self._backup.offsite is not None:
            own, added = self._environment(), self._backup.environment
            named = self._backup.offsite
            names = (named.endpoint, named.bucket, named.access_key, named.secret_key)
            # An empty one that is added for the audit keeps copies from the owner's bucket, and says nothing of it.
            given = {name: bool(own.get(name, "").strip() or added.get(name, "").strip()) for name in names}
            self.fact = dataclasses.replace(self.fact, offsite_set=given)
        schedule = self._backup.schedule
        if schedule is None:
            return
        value = self._stack.environment(schedule.service).get(schedule.variable, "") if schedule.variable else ""
        crons: dict[str, str] = {}
        if self._stack.runtime != "process":  # there, these files are this machine's
            done = self._stack.execute(schedule.service, ["sh", "-c", _CRONTABS], timeout_seconds=30.0)
            crons = _crons(mask(done.output, dict(self.owners.secrets)))
        self.fact = dataclasses.replace(
            self.fact, schedule=ScheduleSeen(service=schedule.service, crons=crons, value=value.strip())
        )

    def _environment(self) -> Mapping[str, str]:
        return {} if self._backup.is_on_host else self._stack.environment(self._backup.run)

    # One good run

    def _first(self) -> None:
        before, sets = self.shelf.files(), {each.name: each for each in self.shelf.sets()}
        watched = watch(self.owners, self.shelf, self._backup.command, timeout_seconds=RUN_SECONDS)
        self.fact = dataclasses.replace(self.fact, first=watched.run)
        self._look_for_secrets(watched, self.owners.secrets)
        after = self.shelf.files()
        files = newer(before, after)
        made = [each for each in self.shelf.sets() if sets.get(each.name) != each]
        if not watched.run.is_good or not made:
            shown = watched.run.problem or "; ".join(watched.run.lines[-3:])
            raise GatherError(f"the backup ended with {watched.run.exit_code} and made {len(made)} sets: {shown}")
        self._good = max(made, key=lambda each: each.size_bytes)
        report = self._report(files)
        text = self.shelf.read(report) if report else ""
        touched = {file.path for file in files}
        touched |= {str(parent) for path in touched for parent in PurePosixPath(path).parents}
        modes = tuple(mode for mode in self.shelf.modes() if mode.path in touched)
        self.fact = dataclasses.replace(
            self.fact,
            set_name=self._good.name,
            files=files,
            report=report,
            report_text=mask(text, dict(self.owners.secrets))[:KEPT_CHARS],
            modes=modes,
        )
        self._show(secrets_in([text], self.owners.secrets, where="the report"))

    def _report(self, files: Sequence[SetFile]) -> str:
        name = self._backup.report
        return next((file.path for file in files if name and PurePosixPath(file.path).match(name)), "")

    def _look_for_secrets(self, watched: Watched, known: Mapping[str, str]) -> None:
        log = ""
        if not self._backup.is_on_host:
            with contextlib.suppress(ReadinessError):
                log = self._stack.logs(self._backup.run, tail=1000)
        shown = [
            *secrets_in(watched.command_lines, known, where="a command line"),
            *secrets_in([watched.output], known, where="the output of the backup"),
            *secrets_in(log.splitlines(), known, where=f"the log of {self._backup.run}"),
        ]
        self._show(shown)
        self.fact = dataclasses.replace(
            self.fact,
            searched=tuple(dict.fromkeys([*self.fact.searched, *known])),
            command_lines=self.fact.command_lines + len(watched.command_lines),
        )

    def _show(self, shown: Iterable[Shown]) -> None:
        have = {(each.name, each.where) for each in self.fact.shown}
        new = tuple(each for each in shown if (each.name, each.where) not in have)
        self.fact = dataclasses.replace(self.fact, shown=(*self.fact.shown, *new))

    # Sets of known ages

    def _retention(self) -> None:
        days = self._backup.retention_days
        if days is None:
            raise GatherError("not configured: backup.retention")
        if not self._backup.set_name:
            raise GatherError("not configured: backup.retention.name")
        self._kept("as declared", days, (1.0, days - 1.0, days + 1.5, days * 3.0), {})
        if self._backup.retention_variable and days > OTHER_DAYS:
            ages = (1.0, OTHER_DAYS - 1.0, OTHER_DAYS + 1.5, days - 1.0)
            self._kept("with another figure", OTHER_DAYS, ages, {self._backup.retention_variable: str(OTHER_DAYS)})

    def _kept(self, what: str, days: int, ages: Sequence[float], variables: Mapping[str, str]) -> None:
        good = self._require_good()
        now = datetime.now(UTC)
        present = {each.name for each in self.shelf.sets()}
        planted: dict[str, float] = {}
        for age in sorted({age for age in ages if age > 0}):
            name = good.name if age == 0 else self._aged(good, age, now, present | set(planted))
            planted[name] = age
        self.shelf.plant(NOT_A_SET, days=max(ages), now=now)
        self.sleep(APART_SECONDS)
        run = self.owners.run(self._backup.command, timeout_seconds=RUN_SECONDS, variables=variables)
        left = {each.name for each in self.shelf.sets()}
        others = {file.path for file in self.shelf.files()}
        kept = Kept(
            what=what,
            run=run,
            days=days,
            ages=planted,
            gone=tuple(name for name in planted if name not in left),
            others=(NOT_A_SET,),
            others_gone=() if NOT_A_SET in others else (NOT_A_SET,),
        )
        self.fact = dataclasses.replace(self.fact, retention=(*self.fact.retention, kept))
        self.shelf.remove(*(each for each in self.shelf.sets() if each.name in planted))

    def _aged(self, good: BackupSet, age: float, now: datetime, present: set[str]) -> str:
        name = self.shelf.age(good, days=age, now=now)
        if name in present:
            raise GatherError(f"two sets of different ages would both be called {name}")
        return name

    def _require_good(self) -> BackupSet:
        """The set of the first run as it is now; another one where it was pruned."""
        sets = self.shelf.sets()
        assert self._good is not None  # noqa: S101  # the parts that need it are not begun without
        found = next((each for each in sets if each.name == self._good.name), None)
        found = found or next((each for each in reversed(sets) if each.size_bytes), None)
        if found is None:
            raise GatherError("no set is left")
        return found

    # Who is told

    def _sending(self) -> tuple[dict[str, str], dict[str, str]]:
        """Variables that send everything to servers of ours, and those of them that are secrets."""
        variables: dict[str, str] = {}
        own: dict[str, str] = {}
        sinks, declared = self.sinks, self._backup
        if sinks.store is not None and declared.offsite is not None:
            key = secrets.token_hex(16)
            named = declared.offsite
            variables |= {named.endpoint: sinks.store.url, named.bucket: sinks.store.bucket}
            variables |= {named.access_key: "readiness", named.secret_key: key}
            variables |= {named.region: REGION} if named.region else {}
            own[f"{named.secret_key}, the key of the off-site copy"] = key
        if sinks.mail is not None and declared.mail is not None:
            variables[declared.mail.host] = sinks.mail.host
            variables |= {declared.mail.port: str(sinks.mail.port)} if declared.mail.port else {}
            variables |= {declared.mail.to: "owner@readiness.test"} if declared.mail.to else {}
        if sinks.stub is not None and declared.webhook_variable:
            variables[declared.webhook_variable] = f"{sinks.stub.url}{WEBHOOK}"
        return variables, own

    def _told(self) -> None:
        variables, own = self._sending()
        if not variables:
            return
        self.sleep(APART_SECONDS)
        since, sets = time.monotonic(), {each.name: each for each in self.shelf.sets()}
        known = {**self.owners.secrets, **own}
        watched = watch(
            dataclasses.replace(self.owners, secrets=known),
            self.shelf,
            self._backup.command,
            timeout_seconds=RUN_SECONDS,
            variables=variables,
            also_ports=self._ports,
        )
        self._arrived("good run", watched.run, since)
        self._look_for_secrets(watched, known)
        if self.sinks.store is not None:
            made = [each for each in self.shelf.sets() if sets.get(each.name) != each]
            files = [file for each in made for file in each.files]
            copied = Copied(run=watched.run, files=self.shelf.sums(files), objects=self.sinks.store.objects())
            self.fact = dataclasses.replace(self.fact, copied=copied)
        self._reached()

    def _arrived(self, what: str, run: CommandRun, since: float) -> None:
        mail, stub = self.sinks.mail, self.sinks.stub
        known = dict(self.owners.secrets)
        if mail is not None and self._backup.mail is not None:
            mail.wait_until(lambda: bool(mail.mails(since=since)), seconds=ARRIVES_SECONDS)
        if stub is not None and self._backup.webhook_variable:
            stub.wait_until(lambda: bool(stub.received(WEBHOOK, since=since)), seconds=ARRIVES_SECONDS)
        mails = tuple(
            Arrived(text=mask(f"{each.subject}\n{each.text}", known)[:KEPT_CHARS], to=each.to[:10])
            for each in (mail.mails(since=since) if mail is not None else ())
        )
        posts = tuple(
            Arrived(text=mask(f"{each.method} {each.path}\n{each.body.decode('utf-8', 'replace')}", known)[:KEPT_CHARS])
            for each in (stub.received(WEBHOOK, since=since) if stub is not None else ())
        )
        told = Told(what=what, run=run, mails=mails[:10], posts=posts[:10])
        self.fact = dataclasses.replace(self.fact, told=(*self.fact.told, told))

    def _reached(self) -> None:
        """Silence of everything may be that of the network."""
        stub, copied = self.sinks.stub, self.fact.copied
        if stub is None or self.fact.is_reachable is not None:
            return
        has_come = any(told.mails or told.posts for told in self.fact.told) or bool(copied and copied.objects)
        is_reachable = True if has_come or self._backup.is_on_host else reaches(self._stack, self._backup.run, stub)
        self.fact = dataclasses.replace(self.fact, is_reachable=is_reachable)

    # A run that fails, with one old set that is all there is

    def _failing(self) -> None:
        service = self._victim()
        days = self._backup.retention_days
        only = ""
        if days is not None and self._backup.set_name:
            good = self._require_good()
            only = self._aged(good, days * 4 / 3, datetime.now(UTC), {each.name for each in self.shelf.sets()})
            self.shelf.remove(*(each for each in self.shelf.sets() if each.name != only))
        variables, _ = self._sending()
        since = time.monotonic()
        self._stack.stop(service)
        try:
            run = self.owners.run(
                self._backup.command, timeout_seconds=RUN_SECONDS, variables=variables, also_ports=self._ports
            )
            self._arrived("failing run", run, since)
        finally:
            self._stack.start(service)
        if only and days is not None:
            left = {each.name for each in self.shelf.sets()}
            gone = () if only in left else (only,)
            kept = Kept(what=f"{service} stopped", run=run, days=days, ages={only: round(days * 4 / 3, 1)}, gone=gone)
            self.fact = dataclasses.replace(self.fact, last_good=kept)
        self._reached()

    def _victim(self) -> str:
        """A store whose absence a backup cannot miss: a server of its own."""
        if Capability.STOP not in self._stack.capabilities:
            raise GatherError("needs a stack whose services can be stopped")
        named = [store.service for store in self._backup.stores if not store.path and store.kind != "files"]
        named += [service for role in (Role.DB, Role.REDIS) for service in self.target.services_of(role)]
        found = next((name for name in named if name in self._stack.services and name != self._backup.run), None)
        if found is None:
            raise GatherError("no store is a service of its own that could be stopped")
        return found

    def _miss(self, part: str, why: str) -> None:
        self.fact = dataclasses.replace(self.fact, not_done={**self.fact.not_done, part: why})


def _crons(text: str) -> dict[str, str]:
    """Five fields -> where they stand and what they run."""
    found: dict[str, str] = {}
    for part in text.split("#in ")[1:]:
        place, _, content = part.partition("\n")
        for line in cron_lines(content):
            found.setdefault(line.cron, f"{place}: {line.command}"[:300])
    return found
