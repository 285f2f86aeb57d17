"""The owner's backup while the stack is written to, and its restore into an empty stack of the same images.

Both stacks are throw-away copies of their own: what is destroyed is never the owner's, nor what other facts look at.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from readiness.check import Impact
from readiness.declared.backup import HOST, Backup, backup_of
from readiness.exceptions import ReadinessError, StackError
from readiness.facts.backup import CommandRun
from readiness.facts.backup_drill import BackupDrill, Marks, StoreTrip
from readiness.facts.digest import Difference, DifferenceKind
from readiness.gather import gatherer
from readiness.gather.backup_artifacts import artifacts_of
from readiness.gather.backup_comparing import Moved, compared, look, moved, recorded
from readiness.gather.backup_markers import MarkWriter, places_for, read_marks
from readiness.gather.backup_places import FILES, Place, in_force, places_of, uncovered
from readiness.gather.backup_planting import CANARY, MARKER, ROLE, Planted, found, plant, plant_role, uproot
from readiness.gather.backup_sets import NewSet, new_set
from readiness.gather.backup_users import Users
from readiness.gather.probe_asking import known_secrets
from readiness.gather.store_asking import Requester, wait_for, wait_served
from readiness.instruments.client import HttpClient
from readiness.instruments.digests.side import Digested
from readiness.instruments.owners_backup import OwnersBackup
from readiness.instruments.owners_on_host import carry
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Progress, Runtime, Stack, Variant
from readiness.target import Target
from readiness.verdict import Inconclusive

__all__ = ["backup_drill"]

#: A backup gets so long, and longer by what it has to read at a pace that any disk has.
BACKUP_SECONDS, SLOWEST_BYTES_PER_SECOND = 900.0, 2 * 1024 * 1024
#: A restore gets what is promised and this; then its promise is broken whatever comes.
RESTORE_MARGIN_SECONDS, LONGEST_RESTORE_SECONDS = 60.0, 7200.0
#: Keys that expire sooner may be gone before the restored store is looked at.
DRILL_SECONDS = 3600.0
#: So many numbers are written before the command begins, and after it has ended.
MARKS_BEFORE, MARKS_AFTER, MARKS_SECONDS = 3, 2, 15.0
READY_ROUNDS = 3
#: What goes on by itself does so every minute, or more often.
BEAT_SECONDS = 61.0
MAX_FILES = 500


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=1800)
def backup_drill(target: Target, stack: Stack, runtime: Runtime, variants: Variants, progress: Progress) -> BackupDrill:
    """Back up one copy under writes, restore into another one that is empty, compare everything."""
    backup = backup_of(target)
    if backup is None:
        return BackupDrill(not_done={"backup": "not configured: backup"})
    if Capability.VARIANT not in stack.capabilities or Capability.EXEC not in stack.capabilities:
        raise Inconclusive(
            "needs throw-away copies of the stack", supply="audit the stack itself with --readiness-target"
        )
    if backup.run != HOST and backup.run not in stack.services:
        return BackupDrill(not_done={"backup": f"the stack has no service {backup.run!r}, where backups are made"})
    images = {name: service.image for name, service in runtime.model().services.items()}
    with tempfile.TemporaryDirectory(prefix="readiness-backup-", ignore_cleanup_errors=True) as folder:
        drill = _Drill(
            target=target,
            backup=backup,
            images=images,
            variants=variants,
            progress=progress,
            folder=Path(folder, "sets"),
            until=time.time() + DRILL_SECONDS,
        )
        try:
            return drill.run()
        finally:
            drill.close()


@dataclass(kw_only=True)
class _Taken:
    """A store of the first stack and what is kept of it."""

    place: Place
    planted: Planted
    marked: tuple[str, ...] = ()
    before: Digested | None = None
    moved: Moved = field(default_factory=Moved)
    problem: str = ""


@dataclass(kw_only=True)
class _Drill:
    target: Target
    backup: Backup
    images: dict[str, str]
    variants: Variants
    progress: Progress
    folder: Path
    until: float
    fact: BackupDrill = field(default_factory=BackupDrill)
    taken: list[_Taken] = field(default_factory=list)
    marks: tuple[Marks, ...] = ()
    is_fetched: bool = False
    users: Users = field(init=False)

    def __post_init__(self) -> None:
        self.users = Users(self.target)

    def run(self) -> BackupDrill:
        self.progress("backup drill: starting the stack to be backed up", at_most_seconds=300)
        with self.variants(Variant(name="backup")) as first:
            self._first(first)
        if self.is_fetched and self.backup.restore:
            self._second(with_role=False)
            if self._is_held_up_by_the_role():
                self._tell(without_role=self.fact.restore)
                self._second(with_role=True)
        elif self.is_fetched:
            self._miss("restore", "not configured: backup.restore")
        if not self.fact.stores:
            self._tell(stores=tuple(_trip(taken) for taken in self.taken))
        return dataclasses.replace(self.fact, api=self.users.trip, marks=self.fact.marks or self.marks)

    def close(self) -> None:
        """Remove what is kept of the stores."""
        for taken in self.taken:
            if taken.before is not None:
                taken.before.side.close()

    # The first stack.

    def _first(self, stack: Stack) -> None:
        backup = in_force(self.backup, stack)
        self._tell(cron=backup.schedule.cron if backup.schedule is not None else "")
        self.users.begin(stack)
        places = places_of(self.target, backup, stack, self.images)
        if not places:
            self._miss("stores", "no store was found, and none is declared")
        self._tell(uncovered=uncovered(places, stack, apart=self.backup.run))
        self._take(places, with_canaries=True)
        owner = OwnersBackup(backup=backup, stack=stack, secrets=known_secrets(stack))
        new = self._backed_up(owner, with_marks=True)
        if new is None and self._has_planted() and self._is_refused():
            # Perhaps it stumbles over what the audit put there, and never would over the owner's own.
            self._tell(refused=self.fact.run)
            if not self._is_uprooted():
                return
            self._take(places, with_canaries=False)
            new = self._backed_up(owner, with_marks=False)
        if new is None:
            return
        self._learn_what_moves(stack)
        self._fetch(owner, new)

    def _take(self, places: Sequence[Place], *, with_canaries: bool) -> None:
        self.close()
        self.taken = []
        for place in places:
            self.progress(f"backup drill: canaries and digest of {place.service}", at_most_seconds=300)
            planted = plant(place) if with_canaries else Planted(refused={"anything": "the backup command fails on it"})
            taken = _Taken(place=place, planted=planted, marked=places_for(place, planted.what))
            try:
                taken.before = recorded(look(place, until=self.until, progress=self._say))
                taken.problem = taken.before.digest.problem
            except ReadinessError as error:
                taken.problem = str(error)[:300]
            self.taken.append(taken)

    def _backed_up(self, owner: OwnersBackup, *, with_marks: bool) -> NewSet | None:
        """Run the command while numbers are written; None where there is no set to go on with."""
        self.fact.not_done.pop("backup", None)
        try:
            before = owner.files()
        except ReadinessError as error:
            self._miss("backup", str(error)[:300])
            return None
        size = sum(taken.before.digest.size_bytes for taken in self.taken if taken.before is not None)
        bound = BACKUP_SECONDS + size / SLOWEST_BYTES_PER_SECOND
        self.progress(
            "backup drill: the owner's backup command, while the stores are written to", at_most_seconds=bound
        )
        stores = [(taken.place, taken.marked if with_marks else ()) for taken in self.taken]
        with MarkWriter(stores) as writer:
            writer.wait(MARKS_BEFORE, at_most_seconds=MARKS_SECONDS)
            began = time.monotonic()
            run = owner.run(owner.backup.command, timeout_seconds=bound)
            writer.wait(MARKS_AFTER, at_most_seconds=MARKS_SECONDS)
        self.marks = writer.marks(began)
        self._tell(run=run, run_at_most_seconds=bound)
        if not run.is_good:
            self._miss("backup", f"the backup command {ended(run)}")
            return None
        try:
            new = new_set(before, owner.files(), report=owner.backup.report)
        except ReadinessError as error:
            self._miss("set", str(error)[:300])
            return None
        self._tell(set_name=new.name, names=new.names[:20], files=new.files[:MAX_FILES])
        if not new.name:
            self._miss("set", f"the backup command wrote nothing new into {owner.backup.directory or 'its directory'}")
            return None
        return new

    def _is_uprooted(self) -> bool:
        """Take everything out again that the audit has planted; what stays may be what keeps the command from its work."""
        left = []
        for taken in self.taken:
            if taken.planted.what:
                uproot(taken.place)
                left += [f"{what} in {taken.place.service}" for what in _leaked(taken, taken.place)]
        if left:
            why = (
                f"the backup command {ended(self.fact.run)} while the stores held what the audit had put there"
                if self.fact.run
                else ""
            )
            self._tell(run=None)
            self._miss("backup", f"{why}, and that could not be taken out again: {', '.join(left)}")
        return not left

    def _is_refused(self) -> bool:
        """Whether the command said no by itself; one that hangs would only hang again."""
        return self.fact.run is not None and self.fact.run.exit_code not in {None, 0, 126, 127}

    def _has_planted(self) -> bool:
        return any(taken.planted.what for taken in self.taken)

    def _learn_what_moves(self, stack: Stack) -> None:
        """Let users come back, restart what is no store, and look once more: what differs then has moved by itself.

        Users come before the restart as well: what a service counts in its memory it often writes when it is stopped.
        """
        self.progress("backup drill: what changes by itself", at_most_seconds=300)
        self.users.again(stack)
        stores = {taken.place.service for taken in self.taken if taken.place.kind != FILES}
        schedule = self.backup.schedule.service if self.backup.schedule is not None else ""
        for service in stack.services:
            if service in {*stores, self.backup.run, schedule}:
                continue
            try:
                if stack.state(service).is_running:
                    stack.stop(service)
                    stack.start(service)
            except StackError:
                continue
        self._served(stack)
        self.users.again(stack)
        for taken in self.taken:
            if taken.before is None or taken.problem:
                continue
            again = look(taken.place, until=self.until, progress=self._say, keys=taken.before.digest.keys)
            try:
                taken.problem = f"the second look: {again.digest.problem}" if again.digest.problem else ""
                if not taken.problem:
                    taken.moved = moved(taken.before, again)
            finally:
                again.side.close()

    def _fetch(self, owner: OwnersBackup, new: NewSet) -> None:
        """Copy the set out, and read it through."""
        self.progress("backup drill: reading the set through", at_most_seconds=300)
        try:
            _carry_out(owner, new, self.folder)
        except ReadinessError as error:
            self._miss("set", f"the set cannot be copied: {error}"[:300])
            return
        artifacts = artifacts_of(
            self.folder,
            new.files,
            lambda words, seconds: owner.run(words, timeout_seconds=seconds),
            owner.backup.directory,
        )
        self._tell(artifacts=artifacts)
        self.is_fetched = True

    # The second stack.

    def _second(self, *, with_role: bool) -> None:
        self.progress("backup drill: starting an empty stack", at_most_seconds=300)
        name, began = "restored" if not with_role else "restoredrole", time.monotonic()
        try:
            with self.variants(Variant(name=name)) as second:
                self._tell(start_seconds=round(time.monotonic() - began, 3))
                self._restored(second, with_role=with_role)
        except Inconclusive as error:
            self._miss("restored", str(error)[:300])

    def _restored(self, stack: Stack, *, with_role: bool) -> None:
        backup = in_force(self.backup, stack)
        there = places_of(self.target, backup, stack, self.images)
        places = [_same(taken.place, there) for taken in self.taken]
        leaked = [_leaked(taken, place) for taken, place in zip(self.taken, places, strict=True)]
        if any(leaked):
            told = "; ".join(
                f"{taken.place.service}: {', '.join(some)}"
                for taken, some in zip(self.taken, leaked, strict=True)
                if some
            )
            self._miss("restored", f"the second stack is not empty, it has what was put into the first one: {told}")
            trips = zip(self.taken, leaked, strict=True)
            self._tell(stores=tuple(dataclasses.replace(_trip(taken), leaked=some) for taken, some in trips))
            return
        owner = OwnersBackup(backup=backup, stack=stack, secrets=known_secrets(stack))
        try:
            _carry_in(owner, self.folder)
            if with_role:
                for taken, place in zip(self.taken, places, strict=True):
                    if f"role {ROLE}" in taken.planted.what:
                        plant_role(place)
        except ReadinessError as error:
            self._miss("restored", f"the set cannot be brought to the empty stack: {error}"[:300])
            return
        self._restore(owner, stack)
        self._look_back(places, with_role=with_role)
        self.users.end(stack)

    def _restore(self, owner: OwnersBackup, stack: Stack) -> None:
        backup = owner.backup
        bound = min(backup.rto_seconds + RESTORE_MARGIN_SECONDS, LONGEST_RESTORE_SECONDS)
        self.progress("backup drill: the owner's restore command", at_most_seconds=bound)
        began = time.monotonic()
        stdin = f"{backup.confirm.rstrip(chr(10))}\n" if backup.confirm else ""
        run = owner.run(backup.restoring(self.fact.set_name), timeout_seconds=bound, stdin=stdin)
        self._tell(restore=run, restore_at_most_seconds=bound, ready_seconds=None, read_seconds=None)
        if self._served(stack):
            self._tell(ready_seconds=round(time.monotonic() - began, 3))
            if self.users.is_first_read(stack):
                self._tell(read_seconds=round(time.monotonic() - began, 3))

    def _look_back(self, places: Sequence[Place], *, with_role: bool) -> None:
        """Before anybody is let in again: every login leaves something behind."""
        by_service = {(marks.service, marks.kind): marks for marks in self.marks}
        found_marks, trips = [], []
        for taken, place in zip(self.taken, places, strict=True):
            marks = by_service.get((place.service, place.kind))
            if marks is not None and marks.acknowledged:
                found_marks.append(read_marks(marks, place, taken.marked))
            elif marks is not None:
                found_marks.append(marks)
            self.progress(f"backup drill: comparing {place.service}", at_most_seconds=600)
            trips.append(self._compared(taken, place, with_role=with_role))
        self._tell(marks=tuple(found_marks), stores=tuple(trips))

    def _compared(self, taken: _Taken, place: Place, *, with_role: bool) -> StoreTrip:
        if taken.before is None or taken.problem:
            return _trip(taken)
        before = taken.before
        after = look(place, until=self.until, progress=self._say, keys=before.digest.keys)
        try:
            if after.digest.problem:
                return dataclasses.replace(_trip(taken), problem=f"after the restore: {after.digest.problem}"[:400])
            comparison = compared(before, after, taken.moved)
            if comparison.doubtful:
                after = recorded(after, comparison.doubtful)
                more = self._still_moves(place, after)
                comparison = compared(before, after, taken.moved.joined(more))
                taken.moved = taken.moved.joined(more)
        finally:
            after.side.close()
        differences = comparison.differences
        if with_role and f"role {ROLE}" in taken.planted.what:
            lost = Difference(place=f"role {ROLE}", kind=DifferenceKind.LOST)
            differences = (lost, *differences)
        return dataclasses.replace(
            _trip(taken), differences=differences, untold=dict(comparison.untold), newer=comparison.newer
        )

    def _still_moves(self, place: Place, after: Digested) -> Moved:
        """A few rows differ: perhaps the services have gone on with them since, as they go on now."""
        self.progress(f"backup drill: what changes by itself in {place.service}", at_most_seconds=BEAT_SECONDS + 60)
        wait_for(lambda: False, at_most_seconds=BEAT_SECONDS)
        again = look(place, until=self.until, progress=self._say, keys=after.digest.keys)
        try:
            return Moved() if again.digest.problem else moved(after, again)
        finally:
            again.side.close()

    def _is_held_up_by_the_role(self) -> bool:
        """Whether the restore stumbled over the audit's role, which the set does not bring, and lost more than that."""
        restore = self.fact.restore
        if restore is None or not any(f'role "{ROLE}" does not exist' in line for line in restore.lines):
            return False
        lost_more = any(not _is_of_the_role(difference) for trip in self.fact.stores for difference in trip.differences)
        return lost_more or not restore.is_good

    # Both.

    def _served(self, stack: Stack) -> bool:
        try:
            with HttpClient(stack) as http:
                requester = Requester(self.target, stack, http, "drill")
                return any(wait_served(self.target, requester) is not None for _ in range(READY_ROUNDS))
        except Inconclusive:
            # Nobody says how the service is asked: its engine's word is all there is.
            return wait_for(lambda: _is_healthy(stack), at_most_seconds=60.0) is not None

    def _say(self, what: str) -> None:
        self.progress(f"backup drill: {what}")

    def _tell(self, **what: object) -> None:
        self.fact = dataclasses.replace(self.fact, **what)  # type: ignore[arg-type]  # each by its name

    def _miss(self, part: str, why: str) -> None:
        self._tell(not_done={**self.fact.not_done, part: why})


def _carry_out(owner: OwnersBackup, new: NewSet, folder: Path) -> None:
    """The set alone where it is a folder: there may be others of the owner's that are large, and they are none of ours."""
    directory, is_folder = owner.backup.directory, all(f.path.startswith(f"{new.name}/") for f in new.files)
    if owner.backup.is_on_host:
        own = owner.stack.owners_directory(directory)
        carry(own / new.name if is_folder else own, folder / new.name if is_folder else folder)
    elif is_folder:
        owner.stack.copy_out(owner.backup.run, f"{directory.rstrip('/')}/{new.name}", folder / new.name)
    else:
        owner.stack.copy_out(owner.backup.run, directory, folder)


def _carry_in(owner: OwnersBackup, folder: Path) -> None:
    if owner.backup.is_on_host:
        carry(folder, owner.stack.owners_directory(owner.backup.directory))
    else:
        owner.stack.copy_in(owner.backup.run, folder, owner.backup.directory)


def ended(run: CommandRun) -> str:
    """How it ended, in words."""
    if run.problem:
        return f"did not end by itself: {run.problem}"[:300]
    return f"ended with {run.exit_code}"


def _is_of_the_role(difference: Difference) -> bool:
    return ROLE in difference.place


def _is_healthy(stack: Stack) -> bool:
    try:
        states = [stack.state(service) for service in stack.services]
    except StackError:
        return False
    return all(state.health in {None, "healthy"} for state in states if state.is_running)


def _same(place: Place, there: Sequence[Place]) -> Place:
    """The same store in another stack; known by its service, and where it was in the first one."""
    stack = there[0].stack if there else place.stack
    same = (other for other in there if (other.service, other.kind) == (place.service, place.kind))
    known = [other for other in same if other.path == place.path or other.kind != FILES]
    path = (
        known[0].path
        if known
        else next((o.path for o in there if (o.service, o.kind) == (place.service, place.kind)), place.path)
    )
    return dataclasses.replace(place, stack=stack, path=path)


def _leaked(taken: _Taken, place: Place) -> tuple[str, ...]:
    if not taken.planted.what:
        return ()
    try:
        return found(place)
    except ReadinessError:
        return ()


def _trip(taken: _Taken) -> StoreTrip:
    digest = taken.before.digest if taken.before is not None else None
    own = (f"{CANARY}.marker_", f"public.{MARKER}", f"rows of {CANARY}.marker_", f"rows of public.{MARKER}")
    trip = StoreTrip(
        service=taken.place.service,
        kind=taken.place.kind,
        path=taken.place.shown,
        planted=taken.planted.what,
        refused=dict(taken.planted.refused),
        moved={place: why for place, why in taken.moved.places.items() if not place.startswith(own)},
        moved_keys=sum(
            not key.startswith(MARKER)
            for table, keys in taken.moved.keys.items()
            for key in keys
            if not table.startswith(own)
        ),
        problem=taken.problem,
    )
    if digest is None or digest.problem:
        return trip
    return dataclasses.replace(
        trip,
        rows=digest.rows,
        tables=len(digest.tables),
        sequences=len(digest.sequences),
        objects=len(digest.objects),
        size_bytes=digest.size_bytes,
        seconds=digest.seconds,
    )
