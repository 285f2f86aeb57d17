"""Bad days of the owner's backup, all of them in one throw-away copy: nothing that is not thrown away is ever restored.

Words are written to every store; two sets are made, each of other words. Then the restore is told no, is given damaged
sets, is cut short, is asked for one store alone; and the backup is run while a store is away and while its disk is full.
After each the stores say by their words, and by digests of everything, whether anything was lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from readiness.backup.sets import ABOUT, BackupSet, newer, shortened
from readiness.check import Impact
from readiness.declared.backup import SET, Backup, backup_of
from readiness.exceptions import GatherError, ReadinessError, StackError
from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.backup_days import BackupDays, FailingRun, Trial
from readiness.facts.probe_body import mask
from readiness.gather import gatherer
from readiness.gather.backup_shelf import DAMAGES, Shelf, listed_files, shelf_of
from readiness.gather.backup_words import (
    WORDS,
    Look,
    WordStore,
    changed_between,
    is_content,
    is_loss,
    told,
    uneasy_places,
    word_stores,
)
from readiness.gather.probe_asking import known_secrets
from readiness.instruments.owners_backup import OwnersBackup
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Progress, Runtime, Stack, Variant
from readiness.target import Target
from readiness.verdict import Inconclusive

__all__ = ["Days", "backup_days", "without_set"]

AT_MOST_SECONDS = 900
#: The stores of a copy hold little: a run that takes longer hangs, or needs a terminal.
RUN_SECONDS = 120.0
#: Two runs in one second may make one set.
APART_SECONDS = 1.2
#: What a store does by itself shows within it.
REST_SECONDS = 2.0
#: Parts that are not begun any more then.
LAST_BEGIN_SECONDS = 720.0
MOST_DAMAGED, MOST_PASSWORDS = 6, 2
#: Filled, it counts as the service's memory; empty, a script that wants room for the whole database finds it.
SMALL, SMALL_BYTES = "/readiness-small", 24 * 1024 * 1024
LARGE_BYTES = 64 * 1024 * 1024
#: Share of a good set that fits.
ROOM_SHARE = 0.4
MIN_ROOM_BYTES = 8192
NO_WORDS = {"no": "no\n", "an empty line": "\n", "an empty input": ""}
_WRONG = "readiness-wrong-password"
#: Signal and time before it are the first words. Everything that it started gets the signal, as from a terminal.
_CUT_SHORT = ("timeout", "-s", "TERM")
#: Blocks of 512 bytes to the letter of POSIX, of 1024 in some shells: twice as much is still less than the file has.
_LIMITED = 'ulimit -f "$1" && shift && exec "$@"'
_BLOCK_BYTES = 512
#: As root, and as anybody where the kernel lets users make name spaces of their own.
_APART = (("unshare", "--mount", "--"), ("unshare", "--user", "--map-root-user", "--mount", "--"))
#: Leaves so many KiB free.
_FILL = """set -- "$1" "$2" $(df -Pk "$1" | tail -n 1)
dd if=/dev/zero of="$1/.filled" bs=1024 count=$(($6 - $2)) 2>&1"""
_CAN_MOUNT = """directory=$1; shift
"$@" sh -c 'mount -t tmpfs -o size=8192 readiness "$1"' sh "$directory" 2>&1"""
#: Directory, bytes, where the listing goes. The mount is seen by this program and what it starts, and by nobody else.
_ON_SMALL_DISK = """
mount -t tmpfs -o "size=$2,mode=$(stat -c %a "$1")" readiness "$1" || exit 125
directory=$1 listing=$3; shift 3
"$@"
code=$?
cd "$directory" && find . -type f -exec stat -c '%s %a %Y %n' {} + >"$listing"
exit "$code"
"""


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=AT_MOST_SECONDS)
def backup_days(target: Target, runtime: Runtime, variants: Variants, progress: Progress) -> BackupDays:
    """Every bad day in one copy of its own; the main stack is not touched."""
    backup = backup_of(target)
    if backup is None:
        return BackupDays(not_done={"everything": "not configured: backup"})
    images = {name: service.image or "" for name, service in runtime.model().services.items()}
    progress("bad days of backup and restore, in a copy of their own", at_most_seconds=AT_MOST_SECONDS)
    try:
        with variants(_variant(backup, runtime)) as stack:
            owners = OwnersBackup(backup=backup, stack=stack, secrets=known_secrets(stack))
            return Days(
                owners=owners,
                shelf=shelf_of(owners),
                stores=word_stores(target, backup, stack, images),
                progress=progress,
            ).run()
    except (Inconclusive, ReadinessError) as error:
        return BackupDays(not_done={"everything": str(error)[:300]})


def _variant(backup: Backup, runtime: Runtime) -> Variant:
    """A copy; where containers run, and a variable says where sets go, with a small disk in it."""
    is_small = runtime.name == "compose" and bool(backup.directory_variable) and not backup.is_on_host
    return Variant(name="baddays", tmpfs={backup.run: {SMALL: SMALL_BYTES}} if is_small else {})


def without_set(command: Sequence[str]) -> tuple[str, ...]:
    """The restore without the name of a set: a word that is only that, or ends with it, is left out."""
    found = []
    for word in command:
        if SET not in word:
            found.append(word)
        elif " " in word.strip():
            found.append(word.replace(f"'{SET}'", "").replace(f'"{SET}"', "").replace(SET, "").strip())
    return tuple(found)


@dataclass(kw_only=True)
class Days:
    """The scenario.

    Attributes:
        owners: runs the commands.
        shelf: the directory of the sets.
        stores: that words are written to.
        progress: is told what comes.
        clock, sleep: for tests.
    """

    owners: OwnersBackup
    shelf: Shelf
    stores: tuple[WordStore, ...]
    progress: Progress
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fact: BackupDays = field(default_factory=BackupDays, init=False)
    _began: float = field(default=0.0, init=False)
    _now: dict[str, Look] = field(default_factory=dict, init=False)
    _made_of: dict[str, dict[str, Look]] = field(default_factory=dict, init=False)
    #: What they held cannot be brought back; a store is not there any more.
    _is_lost: bool = field(default=False, init=False)
    _is_down: bool = field(default=False, init=False)

    @property
    def _backup(self) -> Backup:
        return self.owners.backup

    def run(self) -> BackupDays:
        """Try everything that is declared; what cannot be tried is told."""
        self._began = self.clock()
        if not self._prepare():
            return self.fact
        parts: dict[str, Callable[[], None]] = {
            "good": self._good,
            "confirmation": self._confirmation,
            "latest": self._latest,
            "damaged": self._damaged,
            "partial": self._partial,
            "interrupted": self._interrupted,
            "failing": self._failing,
            "crowded": self._crowded,
        }
        for name, part in parts.items():
            if self._is_down or (self._is_lost and name not in {"failing", "crowded"}):
                self._miss(name, "the stores could not be brought back to what they held")
            elif self.clock() - self._began > LAST_BEGIN_SECONDS:
                self._miss(name, f"what came before it took more than {LAST_BEGIN_SECONDS:g} s")
            else:
                self.progress(f"backup on a bad day: {name}", at_most_seconds=RUN_SECONDS)
                try:
                    part()
                except ReadinessError as error:
                    self._miss(name, str(error)[:300])
        return self.fact

    # Sets to restore from

    def _prepare(self) -> bool:
        known = [store for store in self.stores if store.kind]
        if not known:
            self._miss("everything", "not configured: backup.stores, or what kind of stores they are")
            return False
        for store in self.stores:
            if not store.kind:
                self._miss(f"words in {store.label}", "what kind of store it is is not known")
        self.stores = tuple(known)
        for word in WORDS[:2]:
            self._write(word)
            self._rest()
            if not self.stores:
                self._miss("everything", "; ".join(self.fact.not_done.values()))
                return False
            if not self._make_set(word):
                return False
        self.fact = dataclasses.replace(self.fact, stores={store.label: store.kind for store in self.stores})
        self._live()
        return True

    def _rest(self) -> None:
        """What differs without anybody's doing, and what everything holds now."""
        first = self._look()
        self.sleep(REST_SECONDS)
        second = self._look()
        uneasy = dict(self.fact.uneasy)
        for label, places in uneasy_places(first, second).items():
            uneasy[label] = tuple(dict.fromkeys([*uneasy.get(label, ()), *places]))
        self.fact = dataclasses.replace(self.fact, uneasy=uneasy)
        self._now = second

    def _make_set(self, word: str) -> bool:
        before = {each.name: each for each in self.shelf.sets()}
        held = self._now
        run = self.owners.run(self._backup.command, timeout_seconds=RUN_SECONDS)
        self.fact = dataclasses.replace(self.fact, backups=(*self.fact.backups, run))
        made = [each for each in self.shelf.sets() if before.get(each.name) != each]
        if not run.is_good or len(made) != 1:
            names = ", ".join(each.name for each in made[:5]) or "none"
            shown = run.problem or "; ".join(run.lines[-3:])
            shown = (
                f"the backup ended with {run.exit_code} ({shown})"
                if not run.is_good
                else f"it made these sets: {names}"
            )
            self._miss("everything", f"no set of the words up to {word}: {shown}")
            return False
        self._made_of[made[0].name] = held
        sets = {name: {label: look.words for label, look in looks.items()} for name, looks in self._made_of.items()}
        self.fact = dataclasses.replace(self.fact, sets=sets)
        self.sleep(APART_SECONDS)
        return True

    @property
    def _second(self) -> str:
        return list(self._made_of)[-1]

    # What stores hold

    def _look(self) -> dict[str, Look]:
        return {store.label: store.look() for store in self.stores}

    def _write(self, *words: str) -> None:
        """Write to every store; one that cannot be written to is no part of this any more."""
        able = []
        for store in self.stores:
            try:
                store.write(*words)
            except ReadinessError as error:
                self._miss(f"words in {store.label}", str(error)[:300])
            else:
                able.append(store)
        self.stores = tuple(able)

    def _live(self) -> None:
        """See to it that every store holds every word: what no set has is then what a restore takes away."""
        if all(look.words == WORDS for look in self._now.values()) and self._now:
            return
        for store in self.stores:
            store.write(*WORDS)
        self._now = self._look()

    def _recover(self, trial: Trial) -> None:
        """After a trial that did not leave what a set holds: a good restore. Words are written when they are needed."""
        is_as_the_set = trial.holds == _words(self._made_of[self._second]) and not trial.wrong and not trial.untold
        if trial.is_unchanged or is_as_the_set:
            return
        run = self._restore(self._backup.restoring(self._second))
        self._now = self._look()
        self._is_down = any(look.problem for look in self._now.values())
        self._is_lost = self._is_down or not run.is_good

    def _restore(self, command: Sequence[str], *, stdin: str | None = None, seconds: float = RUN_SECONDS) -> CommandRun:
        given = self._backup.confirm if stdin is None else stdin
        return self.owners.run(command, timeout_seconds=seconds, stdin=given)

    def _try(self, what: str, command: Sequence[str], *, of: str, stdin: str | None = None) -> Trial:
        """Run a restore and see what became of the stores, which hold every word before it."""
        self._live()
        before = self._now
        run = self._restore(command, stdin=stdin)
        return self._seen(what, run, of=of, before=before)

    def _seen(self, what: str, run: CommandRun, *, of: str, before: Mapping[str, Look]) -> Trial:
        """What the stores hold after a run."""
        after = self._now = self._look()
        uneasy = self.fact.uneasy
        changed, untold = changed_between(before, after, counts=is_loss, uneasy=uneasy)
        wrong, untold_too = changed_between(self._made_of[of], after, counts=is_content, uneasy=uneasy)
        return Trial(
            what=what,
            run=run,
            set=of,
            held=_words(before),
            holds=_words(after),
            changed=told(changed),
            wrong=told(wrong),
            untold={**untold_too, **untold},
        )

    # Restores

    def _require_restore(self) -> None:
        if not self._backup.restore:
            raise GatherError("not configured: backup.restore")

    def _good(self) -> None:
        """The newest set, onto stores that are filled, and once more."""
        self._require_restore()
        name, trials = self._second, []
        for what in ("onto filled stores", "again"):
            trial = self._try(what, self._backup.restoring(name), of=name)
            if trial.run.is_good:
                trial = self._at_ease(trial)
            trials.append(trial)
            self.fact = dataclasses.replace(self.fact, good=tuple(trials))
            if not trial.run.is_good:
                self._recover(trial)
                break

    def _at_ease(self, trial: Trial) -> Trial:
        """What only changed since the set was made may be the application's own doing: it is uneasy from now on."""
        wrong, _ = changed_between(self._made_of[trial.set], self._now, counts=is_content, uneasy=self.fact.uneasy)
        lost = {
            label: kept for label, found in wrong.items() if (kept := tuple(each for each in found if is_loss(each)))
        }
        uneasy = dict(self.fact.uneasy)
        for label, found in wrong.items():
            places = tuple(each.place for each in found if not is_loss(each))
            uneasy[label] = tuple(dict.fromkeys([*uneasy.get(label, ()), *places]))
        self.fact = dataclasses.replace(self.fact, uneasy={label: places for label, places in uneasy.items() if places})
        return dataclasses.replace(trial, wrong=told(lost))

    def _confirmation(self) -> None:
        if not self._backup.confirm:
            raise GatherError("not configured: backup.stdin")
        self._require_restore()
        trials: list[Trial] = []
        for what, stdin in NO_WORDS.items():
            if stdin.strip() and stdin.strip() == self._backup.confirm.strip():
                continue
            trials.append(self._try(what, self._backup.restoring(self._second), of=self._second, stdin=stdin))
            self.fact = dataclasses.replace(self.fact, confirmation=tuple(trials))
            self._recover(trials[-1])
            if self._is_lost or trials[-1].run.exit_code is None:
                break  # it hangs, and would hang again

    def _latest(self) -> None:
        self._require_restore()
        if len(self._made_of) < len(WORDS) - 1:
            raise GatherError("two runs wrote to one set, so nobody can tell which is the latest")
        trial = self._try("without a name", without_set(self._backup.restore), of=self._second)
        self.fact = dataclasses.replace(self.fact, latest=trial)
        self._recover(trial)

    def _damaged(self) -> None:
        """The newest set with one file damaged in each way, put right again after each."""
        self._require_restore()
        good = self.shelf.set(self._second)
        aside = self.shelf.set_aside(good.files)
        trials: list[Trial] = []
        try:
            for file, way in _damages(good, self._backup.report):
                if self._is_lost or self.clock() - self._began > LAST_BEGIN_SECONDS:
                    break
                shown = good.part(file).strip("/._-") or PurePosixPath(file.path).name
                with self._damaged_file(file, way, aside):
                    trial = self._try(f"{shown} {way}", self._backup.restoring(good.name), of=good.name)
                trials.append(trial)
                self.fact = dataclasses.replace(self.fact, damaged=tuple(trials))
                self._recover(trial)
                if trial.run.exit_code is None:
                    break  # it hangs, and would hang again
        finally:
            self.shelf.forget(aside)

    @contextlib.contextmanager
    def _damaged_file(self, file: SetFile, way: str, aside: str) -> Iterator[None]:
        try:
            self.shelf.damage(file.path, way)
            yield
        finally:
            self.shelf.put_back(aside, file.path)

    def _partial(self) -> None:
        if not self._backup.partial:
            raise GatherError("not configured: backup.partial")
        found: dict[str, Trial] = {}
        for service in self._backup.partial:
            if self._is_lost:
                break
            command = self._backup.restoring(self._second, store=service)
            found[service] = self._try(f"{service} alone", command, of=self._second)
            self.fact = dataclasses.replace(self.fact, partial=found)
            self._recover(found[service])

    def _interrupted(self) -> None:
        """A restore is ended half way, as by somebody at a terminal, and run again."""
        self._require_restore()
        if not self.fact.good or not self.fact.good[0].run.is_good:
            raise GatherError("no good restore has told how long one takes")
        if not self._has("timeout"):
            raise GatherError(f"{self._backup.run} has no program called timeout to end a command with")
        seconds = max(0.1, self.fact.good[0].run.seconds / 2)
        command = self._backup.restoring(self._second)
        cut = self._try("ended half way", (*_CUT_SHORT, f"{seconds:.1f}", *command), of=self._second)
        self.sleep(REST_SECONDS)
        self.fact = dataclasses.replace(self.fact, interrupted=cut)
        run = self._restore(command)
        again = self._seen("after one that was ended", run, of=self._second, before=self._now)
        self.fact = dataclasses.replace(self.fact, after_interruption=again)
        self._recover(again)

    # Backups that cannot go well

    def _failing(self) -> None:
        runs: list[FailingRun] = []
        stack = self.owners.stack
        for store in self.stores:
            if store.kind == "files" or store.store.service == self._backup.run:
                continue
            if Capability.STOP not in stack.capabilities:
                raise GatherError("needs a stack whose services can be stopped")
            runs.append(self._without(store, stack))
            self.fact = dataclasses.replace(self.fact, failing=tuple(runs))
            if self._is_down:
                return
        for name, value in self._passwords().items():
            runs.append(self._fail(f"wrong {name}", variables={name: value}, is_certain=False))
            self.fact = dataclasses.replace(self.fact, failing=tuple(runs))
        if not runs:
            raise GatherError("no store is a service of its own, and no variable of the command holds a password")

    def _without(self, store: WordStore, stack: Stack) -> FailingRun:
        """One store stopped: what the backup says, and what the newest set is good for afterwards."""
        service = store.store.service
        self._is_down = True  # until it is back
        stack.stop(service)
        try:
            run = self._fail(f"{service} stopped", is_certain=True)
        finally:
            stack.start(service)
        self._now = self._look()
        if any(look.problem for look in self._now.values()):
            raise StackError(f"{service} did not come back after it was stopped")
        if self._second in run.left:
            return run  # it was written over, and nothing good is left to compare with
        self._is_down = False
        if run.left and not self._is_lost and self.fact.latest is not None and self.fact.latest.run.is_good:
            then = self._try("after a failed backup", without_set(self._backup.restore), of=self._second)
            run = dataclasses.replace(run, then=then)
            self._recover(then)
        self.shelf.remove(*(each for each in self.shelf.sets() if each.name in run.left))
        return run

    def _fail(
        self,
        what: str,
        *,
        command: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        is_certain: bool,
        shelf: Shelf | None = None,
    ) -> FailingRun:
        where = shelf or self.shelf
        before, sets = where.files(), {each.name: each for each in where.sets()}
        good = self.shelf.set(self._second)
        run = self.owners.run(command or self._backup.command, timeout_seconds=RUN_SECONDS, variables=variables)
        after = where.sets()
        found = self._judged(what, run, [each for each in after if sets.get(each.name) != each], good)
        return dataclasses.replace(
            found,
            is_certain=is_certain,
            lost=tuple(name for name in sets if name not in {each.name for each in after}),
            report=self._report(where, newer(before, where.files())),
        )

    def _judged(self, what: str, run: CommandRun, left: Sequence[BackupSet], good: BackupSet) -> FailingRun:
        """What a run left, compared with a good set."""
        parts = {good.part(file) for file in good.files}
        return FailingRun(
            what=what,
            run=run,
            left=tuple(each.name for each in left),
            short=tuple(dict.fromkeys(words for each in left for words in shortened(each, good))),
            marked=tuple(sorted({each.part(f) for each in left for f in each.files} - parts)),
        )

    def _report(self, shelf: Shelf, files: Sequence[SetFile]) -> str:
        name = self._backup.report
        for file in files:
            if name and (PurePosixPath(file.path).match(name)):
                with contextlib.suppress(ReadinessError):
                    return mask(shelf.read(file.path), dict(self.owners.secrets))[:4000]
        return ""

    def _passwords(self) -> dict[str, str]:
        """Variables of the command that hold a password -> a wrong one; they are tried one after the other."""
        own = {} if self._backup.is_on_host else self.owners.stack.environment(self._backup.run)
        variables = {**own, **self._backup.environment}
        named = [
            name for name, value in variables.items() if value and name.upper().endswith(("PASSWORD", "REDISCLI_AUTH"))
        ]
        return dict.fromkeys(sorted(named)[:MOST_PASSWORDS], _WRONG)

    def _crowded(self) -> None:
        """The backup has room for a part of a set: on a small disk, else by a limit on the size of what it writes."""
        good = self.shelf.set(self._second)
        room = max(MIN_ROOM_BYTES, int(good.size_bytes * ROOM_SHARE) // 1024 * 1024)
        if room >= good.size_bytes:
            raise GatherError(f"a set of {good.size_bytes} bytes is too small to find no room")
        run = None if self._backup.is_on_host else self._on_small_disk(room) or self._on_disk_apart(room)
        if run is None:
            run, room = self._limited(good)
        self.fact = dataclasses.replace(self.fact, crowded=dataclasses.replace(run, room_bytes=room))

    def _on_small_disk(self, room: int) -> FailingRun | None:
        """A run whose directory is on a small disk of the copy; None where there is none, or with room it fails, too."""
        variable = self._backup.directory_variable
        if not variable or self.owners.stack.runtime != "compose" or not self._has_small_disk():
            return None
        small = dataclasses.replace(self.shelf, directory=f"{SMALL}/sets")
        small.shell('mkdir -p "$1"', small.directory)  # it belongs to whom the commands run as
        variables = {variable: small.directory}
        control = self.owners.run(self._backup.command, timeout_seconds=RUN_SECONDS, variables=variables)
        if not control.is_good:
            return None
        small.remove(*small.sets())
        small.shell(_FILL, SMALL, str(room // 1024))
        return self._fail("disk full", variables=variables, is_certain=True, shelf=small)

    def _apart(self) -> tuple[str, ...]:
        """What gives a program mounts of its own; empty where nothing does."""
        for way in _APART:
            with contextlib.suppress(ReadinessError):
                self.shelf.shell(_CAN_MOUNT, self.shelf.directory, *way)
                return way
        return ()

    def _on_disk_apart(self, room: int) -> FailingRun | None:
        """A small disk that only the command sees, in the place of the directory; it is gone when the command ends.

        None where nothing gives it one, or with room it fails, too.
        """
        way = self._apart() if self.owners.stack.runtime == "process" else ()
        if not way:
            return None
        listing = self.shelf.shell("mktemp").strip()
        good = self.shelf.set(self._second)
        left: tuple[BackupSet, ...] = ()
        for size in (LARGE_BYTES, room):
            words = ("sh", "-c", _ON_SMALL_DISK, "sh", self.shelf.directory, str(size), listing, *self._backup.command)
            run = self.owners.run((*way, *words), timeout_seconds=RUN_SECONDS)
            left = self.shelf.sets_in(listed_files(self.shelf.shell('cat "$1"; rm -f "$1"', listing)))
            if size == LARGE_BYTES and not run.is_good:
                return None
        return self._judged("disk full", dataclasses.replace(run, command=" ".join(self._backup.command)), left, good)

    def _limited(self, good: BackupSet) -> tuple[FailingRun, int]:
        largest = max(file.size_bytes for file in good.files)
        blocks = largest // 4 // _BLOCK_BYTES
        if not blocks:
            raise GatherError(f"the largest file of a set has {largest} bytes, too few to find no room")
        command = ("sh", "-c", _LIMITED, "sh", str(blocks), *self._backup.command)
        run = self._fail("no room for the largest file", command=command, is_certain=False)
        return run, blocks * _BLOCK_BYTES

    def _has_small_disk(self) -> bool:
        try:
            self.shelf.shell('[ "$(stat -f -c %T "$1")" = tmpfs ]', SMALL)
        except ReadinessError:
            return False
        return True

    def _has(self, program: str) -> bool:
        try:
            self.shelf.shell('command -v "$1" >/dev/null', program)
        except ReadinessError:
            return False
        return True

    def _miss(self, part: str, why: str) -> None:
        self.fact = dataclasses.replace(self.fact, not_done={**self.fact.not_done, part: why})


def _words(looks: Mapping[str, Look]) -> dict[str, tuple[str, ...]]:
    return {label: look.words for label, look in looks.items() if not look.problem}


def _damages(good: BackupSet, report: str) -> Iterator[tuple[SetFile, str]]:
    """Which file is damaged in which way: the largest in every way, the others cut short."""
    files = [
        file
        for file in good.files
        if file.size_bytes and not file.path.endswith(ABOUT) and not (report and PurePosixPath(file.path).match(report))
    ] or [file for file in good.files if file.size_bytes]
    ordered = sorted(files, key=lambda file: -file.size_bytes)
    for way in DAMAGES:
        if ordered:
            yield ordered[0], way
    for file in ordered[1 : MOST_DAMAGED - len(DAMAGES) + 1]:
        yield file, "cut to half"
