"""Random histories of three replicas whose schemas differ, against an oracle."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.sqltext import identifier
from tests.machines.schema_versions.oracle import COLUMNS, Site
from tests.support import seeds
from tests.support.peers import START_MS, is_empty
from tests.support.settled import assert_settled

STEPS = 40


def definition(table: str, column: str) -> str:
    """Return the definition of a column."""
    default = COLUMNS[table][column]
    return f"{column} {'INTEGER' if isinstance(default, int) else 'TEXT'}" + (
        "" if default is None else f" DEFAULT {default!r}"
    )


class History:
    """Three replicas, the oracle beside each, and a clock that never stands still."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.time = 0
        self.sites: list[Site] = []
        self.dropped: set[tuple[int, str, str]] = set()
        self.steps: list[str] = []
        self.replicas: list[Replica] = []
        for number in range(3):
            path = folder / f"{seed}-{number}.db"
            tables = {"note", *(table for table in COLUMNS if self.chance.random() < 0.5)}
            site = Site({table: {c for c in COLUMNS[table] if self.chance.random() < 0.5} for table in tables})
            connection = apsw.Connection(str(path))
            for table in sorted(tables):
                self.create(connection, table, site.tables[table])
            connection.close()
            opened = Replica.open(path, now=self.now)
            opened.enable(*sorted(tables))
            self.sites.append(site)
            self.replicas.append(opened)

    def now(self) -> int:
        return START_MS + self.time

    def create(self, connection: apsw.Connection, table: str, columns: set[str]) -> None:
        parts = ["id TEXT PRIMARY KEY", *(definition(table, column) for column in sorted(columns))]
        connection.execute(f"CREATE TABLE {table} ({', '.join(parts)})")

    def step(self) -> None:
        self.time += 1
        number = self.chance.randrange(3)
        site, replica = self.sites[number], self.replicas[number]
        action = self.chance.choice(
            ["insert", "insert", "update", "update", "update", "delete", "sync", "sync", "grow", "drop"]
        )
        if action == "sync":
            self.exchange(number, (number + self.chance.choice([1, 2])) % 3)
        elif action == "grow":
            self.grow(number)
        elif action == "drop" and self.chance.random() < 0.5:
            self.drop(site, replica)
        elif action != "drop":
            self.write(site, replica, action)
        self.check(number)
        for one in self.replicas:
            assert_settled(one)

    def write(self, site: Site, replica: Replica, action: str) -> None:
        table = self.chance.choice(sorted(site.tables))
        columns = site.tables[table]
        shown = sorted(site.rows(table, columns))
        key = self.chance.choice("rstu")
        if action == "insert" and key not in shown:
            values = {column: f"{column}{self.time}" for column in columns if self.chance.random() < 0.5}
            names = ["id", *values]
            replica.connection.execute(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                [key, *values.values()],
            )
            site.insert(self.time, table, key, {column: COLUMNS[table][column] for column in columns} | values)
        elif action == "update" and shown and columns:
            key, column = self.chance.choice(shown), self.chance.choice(sorted(columns))
            replica.connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (f"{column}{self.time}", key))
            site.write(self.time, table, key, {column: f"{column}{self.time}"})
        elif action == "delete" and shown:
            key = self.chance.choice(shown)
            replica.connection.execute(f"DELETE FROM {table} WHERE id = ?", (key,))
            site.write(self.time, table, key, {}, add=False)
        replica.fold()
        if self.time in site.known:
            self.steps.append(f"{self.time}: {self.sites.index(site)} {site.known[self.time]}")

    def exchange(self, one: int, other: int) -> None:
        self.steps.append(f"{self.time}: {one} and {other} sync")
        sync(self.replicas[one], self.replicas[other])
        self.sites[one].merge(self.sites[other])

    def grow(self, number: int) -> None:
        """Add a column or a table, in one of the ways in which people do."""
        site, replica = self.sites[number], self.replicas[number]
        missing = [(table, c) for table in sorted(COLUMNS) for c in sorted(COLUMNS[table]) if table in site.tables]
        missing = [(table, column) for table, column in missing if column not in site.tables[table]]
        missing = [(table, column) for table, column in missing if (number, table, column) not in self.dropped]
        absent = sorted(COLUMNS.keys() - site.tables.keys())
        way = self.chance.choice(["alter", "behind", "adopt"])
        before = {table: set(columns) for table, columns in site.tables.items()}
        if way == "adopt":
            other = self.chance.choice([n for n in range(3) if n != number])
            replica.adopt_schema(self.replicas[other])
            for table, columns in self.sites[other].tables.items():
                site.tables.setdefault(table, set()).update(columns)
        elif absent and self.chance.random() < 0.4:
            table = self.chance.choice(absent)
            columns = {column for column in COLUMNS[table] if self.chance.random() < 0.7}
            self.create(replica.connection, table, columns)
            replica.enable(table)
            site.tables[table] = columns
        elif missing:
            table, column = self.chance.choice(missing)
            statement = f"ALTER TABLE {table} ADD COLUMN {definition(table, column)}"
            if way == "alter":
                replica.alter(statement)
            else:
                replica.connection.execute(statement)
                replica.fold()
            site.tables[table].add(column)
        self.steps.append(f"{self.time}: {number} grows ({way}) from {before} to {site.tables}")

    def drop(self, site: Site, replica: Replica) -> None:
        """Drop a column, for good as far as this replica is concerned; it comes back by `adopt_schema` alone."""
        table = self.chance.choice(sorted(site.tables))
        if site.tables[table]:
            column = self.chance.choice(sorted(site.tables[table]))
            replica.alter(f"ALTER TABLE {table} DROP COLUMN {column}")
            site.tables[table].discard(column)
            self.dropped.add((self.sites.index(site), table, column))
            self.steps.append(f"{self.time}: {self.sites.index(site)} drops {table}.{column}")

    def check(self, number: int) -> None:
        """Compare what a replica shows with the oracle."""
        site, replica = self.sites[number], self.replicas[number]
        replica.fold()
        for table, columns in site.tables.items():
            names = ["id", *sorted(columns)]
            rows = replica.connection.execute(f"SELECT {', '.join(map(str, map(identifier, names)))} FROM {table}")
            found = {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rows}
            assert found == site.rows(table, columns), self.story(f"replica {number} shows of {table}: {found}")

    def story(self, end: str) -> str:
        return "\n".join([*self.steps, end])

    def finish(self) -> None:
        """Let all replicas have all tables and columns, exchange everything, and compare."""
        for _ in range(2):
            for number in range(3):
                for other in range(3):
                    if other != number:
                        self.replicas[number].adopt_schema(self.replicas[other])
                        for table, columns in self.sites[other].tables.items():
                            self.sites[number].tables.setdefault(table, set()).update(columns)
        for one, other in ((0, 1), (1, 2), (0, 1), (0, 2)):
            self.exchange(one, other)
        shown: list[Any] = []
        for number, replica in enumerate(self.replicas):
            self.check(number)
            assert not replica.connection.execute("SELECT 1 FROM _crdt_meta WHERE name GLOB 'absent:*'").fetchall()
            shown.append(self.sites[number].tables)
        assert shown[0] == shown[1] == shown[2]
        for replica in self.replicas:
            assert is_empty(replica.export(self.replicas[0].vector()))


@pytest.mark.parametrize("seed", seeds.chosen(30))
def test_replicas_of_different_schemas_agree_with_the_oracle(tmp_path: Path, seed: int) -> None:
    """Whatever is added, dropped and written where, each replica shows what it has of the latest writes, and in the end all agree."""
    history = History(tmp_path, seed)
    for _ in range(STEPS):
        history.step()
    history.finish()
