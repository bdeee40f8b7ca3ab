"""Everything that can go wrong, as one tree of exceptions.

A message says what happened, to which thing, why, and what to do now. Fields carry the same as data.
Nothing here knows about SQL, files or the command line.
"""

from __future__ import annotations

from crdtsql.base.values import SqliteValue, value_to_json


class CrdtsqlError(Exception):
    """The root of every error that crdtsql raises on purpose."""

    def to_json(self) -> dict[str, object]:
        """Return the error as `--json` prints it: the exception's name, its message, and its fields.

        >>> ColumnTypeError("task", "id", "it has no type").to_json()["details"]
        {'table': 'task', 'column': 'id'}
        """
        return {"kind": type(self).__name__, "message": str(self), "details": self._details()}

    def _details(self) -> dict[str, object]:
        """Return the fields as JSON takes them."""
        return dict(vars(self))


class DatabaseError(CrdtsqlError):
    """The SQLite file can't be opened, read or written."""


class BusyError(DatabaseError):
    """Another program held the database locked for longer than the busy timeout."""


class DamagedError(DatabaseError):
    """Somebody has dropped or altered what crdtsql keeps in the file.

    Attributes:
        damage: what is not as it was left, and what is lost with it, a phrase each.
        advice: what to do now.
    """

    def __init__(self, path: str, damage: list[str], advice: str) -> None:
        self.damage = damage
        self.advice = advice
        super().__init__(f"{path}: what crdtsql keeps there is damaged: {'; '.join(damage)}. {advice}")


class UnsafeUseError(DatabaseError):
    """A file or a `Replica` is used in a way that could damage the file: nothing was done.

    Another SQLite library of this process has the file open, a connection was carried through a fork, or a verb was called from
    within another one.
    """


class NotEnabledError(CrdtsqlError):
    """The database, or the named table, is not replicated by crdtsql."""


class CannotEnableError(CrdtsqlError):
    """A table can't be replicated as it is.

    Attributes:
        table: the table's name.
        reason: why, as a sentence.
    """

    def __init__(self, table: str, reason: str) -> None:
        self.table = table
        self.reason = reason
        super().__init__(f"cannot enable {table!r}: {reason}")


class ColumnTypeError(CrdtsqlError):
    """A column can't have the type that was asked for.

    Attributes:
        table: the table's name.
        column: the column's name.
    """

    def __init__(self, table: str, column: str, reason: str) -> None:
        self.table = table
        self.column = column
        super().__init__(f"column {table}.{column}: {reason}")

    def advised(self, advice: str) -> ColumnTypeError:
        """Return the same error with more to do about it."""
        return ColumnTypeError(
            self.table, self.column, f"{str(self).removeprefix(f'column {self.table}.{self.column}: ')}{advice}"
        )


class RolledBackError(CrdtsqlError):
    """What a trigger of the user's does rolled back the transaction that crdtsql was in; nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"a trigger of the user's rolled everything back ({reason}), so nothing was changed: the table that it writes "
            "has a constraint, or a trigger, that says ROLLBACK; let it say ABORT, then run this again"
        )


class SchemaDriftError(CrdtsqlError):
    """A replicated table was altered so that its registration no longer fits."""


class CannotAlterError(CrdtsqlError):
    """A statement can't change the schema as it says, because what comes of it can't be replicated; nothing was changed."""


class CannotAdoptError(CrdtsqlError):
    """Another file's schema can't be taken over; nothing was changed."""


class CannotCombineError(CrdtsqlError):
    """A file's rows can't become rows of another one, or what was combined can't be taken back; nothing was changed."""


class CannotRejoinError(CrdtsqlError):
    """A file can't take the state of another replica; nothing was changed."""


class ChangesetError(CrdtsqlError):
    """A changeset can't be accepted; nothing was changed."""


class InvalidChangesetError(ChangesetError):
    """The bytes are not a whole and sound changeset of a known format version."""


class MissingChangesError(ChangesetError):
    """The changeset builds on changes that this replica has not received.

    Attributes:
        missing: site id as hex -> (hlc this replica has, hlc the changeset needs).
    """

    def __init__(self, message: str, missing: dict[str, tuple[int, int]]) -> None:
        self.missing = missing
        super().__init__(message)

    def _details(self) -> dict[str, object]:
        """Return the fields as JSON takes them; stamps are strings of digits there."""
        return {
            "missing": {site: {"has": str(has), "needs": str(needs)} for site, (has, needs) in self.missing.items()}
        }


class RejoinError(ChangesetError):
    """A replica missed a compaction: others have forgotten what its changes would have to be compared with.

    Attributes:
        here: the replica that says so must rejoin, rather than the one that the changes come from, or go to.
        path: the file of the replica that says so.
    """

    def __init__(self, told: str, *, here: bool, path: str, command: str) -> None:
        self.here = here
        self.path = path
        self._told = told
        super().__init__(
            f"{told}; run {command}, which takes the present state of an up-to-date replica, and writes on top what was not sent yet"
        )

    def advised(self, command: str) -> RejoinError:
        """Return the same with a command that names both replicas."""
        return RejoinError(self._told, here=self.here, path=self.path, command=command)


class ClockSkewError(ChangesetError):
    """The changeset carries stamps too far in the future.

    Attributes:
        site: id of the site whose clock is ahead, as hex.
        skew_ms: how far its newest stamp is ahead of this machine's clock, in milliseconds.
    """

    def __init__(self, message: str, site: str, skew_ms: int) -> None:
        self.site = site
        self.skew_ms = skew_ms
        super().__init__(message)


class UntrustedError(ChangesetError):
    """A changeset is not signed as it must be, or has what a site wrote that is not believed any more; nothing was changed.

    Attributes:
        site: id of the site that is not believed, as hex.
        key: the public key with which it signs, as hex; "" if it does not.
    """

    def __init__(self, message: str, site: str, key: str = "") -> None:
        self.site = site
        self.key = key
        super().__init__(message)


class NotAllowedError(ChangesetError):
    """A changeset has what its site may not write or say here; nothing was changed.

    Attributes:
        site: id of the site, as hex.
        number: under which the changeset was set aside; None if it was not.
        waits: nothing else is wrong than that it brings what others wrote: it can be taken once that has come from them.
    """

    def __init__(self, message: str, site: str, number: int | None = None, *, waits: bool = False) -> None:
        self.site = site
        self.number = number
        self.waits = waits
        super().__init__(message)


class FilledSeparatelyError(ChangesetError):
    """Rows that were filled separately have equal keys and other values here and in the changeset.

    Attributes:
        rows: table -> how many such rows there are.
        wholly: the replicas have nothing in common, rather than these tables only.
    """

    def __init__(self, message: str, rows: dict[str, int], *, wholly: bool) -> None:
        self.rows = rows
        self.wholly = wholly
        super().__init__(message)


class TooManyDeletesError(ChangesetError):
    """More rows of a table would disappear than may go at once; nothing was changed.

    Attributes:
        told: what would go, without what to do about it.
        rows: table -> how many of its rows would disappear, and how many it has.
        keys: table -> the first keys of these (at most five).
        sites: site id as hex -> how many of them it deleted; what went because of other rows is not among them.
    """

    def __init__(
        self,
        told: str,
        rows: dict[str, tuple[int, int]],
        keys: dict[str, list[tuple[SqliteValue, ...]]],
        sites: dict[str, int],
        *,
        advice: str = 'say --max-deletes off (in Python max_deletes="off")',
    ) -> None:
        self.told = told
        self.rows = rows
        self.keys = keys
        self.sites = sites
        super().__init__(f"{told}; if that is meant, {advice}")

    def advised(self, advice: str) -> TooManyDeletesError:
        """Return the same with other words about what to do if it is meant."""
        return TooManyDeletesError(self.told, self.rows, self.keys, self.sites, advice=advice)

    def _details(self) -> dict[str, object]:
        """Return the fields as JSON takes them; keys are as in other outputs there."""
        tables = {
            table: {"gone": gone, "of": of, "keys": [[value_to_json(part) for part in key] for key in self.keys[table]]}
            for table, (gone, of) in self.rows.items()
        }
        return {"tables": tables, "sites": self.sites}


class ForkedSiteError(ChangesetError):
    """Two files went on as one site, and the changeset has changes of the other one than this replica.

    Attributes:
        sites: site id as hex -> hlc of the last event that both files have.
    """

    def __init__(self, message: str, sites: dict[str, int]) -> None:
        self.sites = sites
        super().__init__(message)

    def _details(self) -> dict[str, object]:
        """Return the fields as JSON takes them; stamps are strings of digits there."""
        return {"sites": {site: str(since) for site, since in self.sites.items()}}


class SchemaMismatchError(ChangesetError):
    """Sender and receiver differ in a table's key, types or policies, or a table of the file is not replicated."""


class CrowdedError(ChangesetError):
    """With a changeset this replica would keep more for others than it could pass on: nothing was changed.

    Attributes:
        what: of which there would be too much.
        most: how much there may be.
    """

    def __init__(self, message: str, what: str, most: int) -> None:
        self.what = what
        self.most = most
        super().__init__(message)


class ConstraintViolationError(ChangesetError):
    """Rows of a table that is not replicated would be left without the rows that they refer to.

    Attributes:
        table: the table whose constraint would be broken.
        constraint: the constraint, in SQLite's words.
        rows: keys of the offending rows (at most five).
    """

    def __init__(self, message: str, table: str, constraint: str, rows: list[tuple[SqliteValue, ...]]) -> None:
        self.table = table
        self.constraint = constraint
        self.rows = rows
        super().__init__(message)

    def _details(self) -> dict[str, object]:
        """Return the fields as JSON takes them; keys are as in other outputs there."""
        return {**vars(self), "rows": [[value_to_json(part) for part in row] for row in self.rows]}


class UnknownRowError(CrdtsqlError):
    """The named row is neither in the table nor among the held rows."""


class NotDeletedError(CrdtsqlError):
    """The named row is not deleted, so it can't be brought back, nor be purged."""


class PurgedError(CrdtsqlError):
    """The named row was purged: its values are gone everywhere."""


class CannotPurgeError(CrdtsqlError):
    """The values of a deleted row can't be purged as things are; nothing was changed."""


class ConflictError(CrdtsqlError):
    """An entry of the conflict log can't be resolved as things are; nothing was changed."""


class UnknownConflictError(ConflictError):
    """The conflict log has no entry of that number."""


class ConflictResolvedError(ConflictError):
    """The entry is resolved: its cell was written by somebody who had seen both values."""


class WriteRefusedError(CrdtsqlError):
    """The user's table does not allow what was to be written to a row; nothing was changed.

    Attributes:
        table: the table.
        constraint: what stands against it, in SQLite's words.
    """

    def __init__(self, message: str, table: str, constraint: str) -> None:
        self.table = table
        self.constraint = constraint
        super().__init__(message)


class StatementError(CrdtsqlError):
    """A statement that was given may not be run, SQLite refuses it, or it goes beyond its limits; nothing was changed."""


class RevisionError(CrdtsqlError):
    """A row was written since the writer looked at it; nothing was changed.

    Attributes:
        table: the table.
        revision: the row's revision now, `absent` if the table does not show it any more.
    """

    def __init__(self, message: str, table: str, revision: str) -> None:
        self.table = table
        self.revision = revision
        super().__init__(message)


class ClaimedError(CrdtsqlError):
    """Something is claimed by somebody else, or a claim is not the last one any more; nothing was done.

    Attributes:
        resource: what is claimed.
        claim: what is known of its last claim, as `--json` prints it; None if there is none.
    """

    def __init__(self, message: str, resource: str, claim: dict[str, object] | None = None) -> None:
        self.resource = resource
        self.claim = claim
        super().__init__(message)


class TransportError(CrdtsqlError):
    """A remote can't be reached, is not what its address says, or did not answer as one does; syncing again goes on from there."""


class UsageError(CrdtsqlError):
    """An argument has the wrong form."""
