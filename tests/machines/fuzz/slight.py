"""Slight changes of honest changesets: one thing is said otherwise, in words that an honest sender has too.

What is damaged at random is refused nearly always, and then nothing was learned about what happens to what is accepted. So these take
what they put there from the changeset itself.
"""

from __future__ import annotations

import random
from typing import Any

import apsw

from tests.support.forge import parts, unconstrained, with_header

TYPES = ("lww", "counter", "grow-counter", "set", "grow-set", "map", "register", "max", "min")
PARTS = ("''", "'+'", "'\"a\"'", "'\"p\"'", "'1'", '\'"b","c"\'', "lower(hex(zeroblob(16)))")
SITE = "00112233445566778899aabbccddeeff"


def spoil_content(choice: random.Random, data: bytes) -> bytes:
    """Say otherwise what rows, heads, parts or births are."""
    _, image = parts(data)
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")]
    names = [name for name in names if connection.execute(f"SELECT count(*) FROM {name}").get]
    columns = {
        name: [column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))]
        for name in names
    }
    connection.close()
    script = ";".join(_change(choice, choice.choice(names), columns) for _ in range(choice.choice((1, 1, 1, 2, 3))))
    try:
        return unconstrained(data, script)
    except (apsw.Error, UnicodeDecodeError):
        return data


def _change(choice: random.Random, table: str, columns: dict[str, list[str]]) -> str:
    found = columns[table]
    which = _one(choice, table, found)
    column = choice.choice(found)
    alike = [other for other in found if other[0] == column[0] and other != column] or [column]
    kind = choice.randrange(9)
    if kind == 0:
        return f"DELETE FROM {table} WHERE {which}"
    if kind == 1 and any(name[0] == "p" and name != "part" for name in found):
        word = choice.choice([name for name in found if name[0] == "p" and name[1:].isdigit()] or [column])
        return f"UPDATE {table} SET {word} = {word} {choice.choice(('|', '& ~'))} (1 << {choice.randrange(7)}) WHERE {which}"
    if kind == 2 and "part" in found:
        return f"UPDATE OR REPLACE {table} SET part = {choice.choice(PARTS)}, col = {choice.choice(('col', '0', '1', '2', '5'))} WHERE {which}"
    if kind == 3:
        return f"UPDATE OR REPLACE {table} SET {column} = {choice.choice(alike)} WHERE {which}"
    if kind == 4:
        other = choice.choice([name for name in columns if column in columns[name]])
        return f"UPDATE OR REPLACE {table} SET {column} = (SELECT {column} FROM {other} ORDER BY random() LIMIT 1) WHERE {which}"
    if kind == 5:
        keys = [name for name in found if name[0] == "k"] or [column]
        copied = [
            f"(SELECT {name} FROM {table} ORDER BY random() LIMIT 1)" if name in (*keys, column) else name
            for name in found
        ]
        return (
            f"INSERT OR IGNORE INTO {table} ({', '.join(found)}) SELECT {', '.join(copied)} FROM {table} WHERE {which}"
        )
    if kind == 6:
        return f"UPDATE OR REPLACE {table} SET {column} = NULL WHERE {which}"
    if kind == 7:
        return f"UPDATE OR REPLACE {table} SET {column} = {choice.choice(('1', '0', '1.5', '2', '-1', chr(39) + '[1]' + chr(39)))} WHERE {which}"
    return f"UPDATE OR REPLACE {table} SET {column} = {choice.choice(found)} WHERE {which}"


def _one(choice: random.Random, table: str, columns: list[str]) -> str:
    if choice.random() < 0.15:
        return "1"
    listed = ", ".join(columns)
    return f"({listed}) IS (SELECT {listed} FROM {table} ORDER BY random() LIMIT 1)"


def spoil_words(choice: random.Random, data: bytes) -> bytes:
    """Say otherwise what the header says of tables, columns and sites."""

    def change(header: dict[str, Any]) -> None:
        for _ in range(choice.choice((1, 1, 2))):
            table = choice.choice(header["tables"])
            if table["columns"] and choice.random() < 0.6:
                _spoil_column(choice, table, choice.choice(table["columns"]))
            elif choice.random() < 0.5:
                _spoil_table(choice, header, table)
            else:
                _spoil_sites(choice, header, table)

    try:
        return with_header(data, change)
    except (apsw.Error, LookupError, ValueError):
        return data


def _spoil_column(choice: random.Random, table: dict[str, Any], column: dict[str, Any]) -> None:
    other = choice.choice(table["columns"])
    kind = choice.randrange(6)
    if kind == 0:
        column["type"] = choice.choice(TYPES)
    elif kind == 1:
        column["type"], other["type"] = other["type"], column["type"]
    elif kind == 2:
        column["name"] = choice.choice(("odd", "x" * 9_999, "", "é", "id~", table["key"][0]))
    elif kind == 3:
        column["uid"] = choice.choice(("odd", "u" * 10_000, "", "ID", table["key"][0], other["name"]))
    elif kind == 4:
        table["parked"] = [column["name"]]
    else:
        table["columns"].remove(column)


def _spoil_table(choice: random.Random, header: dict[str, Any], table: dict[str, Any]) -> None:
    uid = table.get("uid", table["name"])
    kind = choice.randrange(10)
    if kind == 0:
        table["name"] = choice.choice(("odd", "y" * 1_000, "TYPED", "extra~"))
    elif kind == 1:
        table["uid"] = choice.choice(("odd", "y" * 10_000, "extra", "own"))
    elif kind == 2:
        table["genesis"] = choice.choice([other["genesis"] for other in header["tables"]])
    elif kind == 3:
        table["row_policy"] = choice.choice(("add-wins", "delete-wins", "grow-only"))
    elif kind == 4:
        table["identity"] = choice.choice(("key", "row"))
    elif kind == 5:
        uids = [column.get("uid", column["name"].lower()) for column in table["columns"]]
        table["links"] = [[choice.choice([*uids, "odd"]), choice.choice(("note", "odd", uid)), "id"]]
    elif kind == 6:
        names = [column.get("uid", column["name"].lower()) for column in table["columns"]]
        table["references"] = [[[choice.choice([*names, "odd"])], choice.choice(("note", "odd", uid)), ["id"]]]
    elif kind == 7:
        table["unique"] = [{"columns": ["v"], "policy": choice.choice(("null", "same", "suffix"))}]
    elif kind == 8:
        header["eras"] = {choice.choice((uid, "odd", "own")): choice.choice((0, 1, 5))}
    else:
        table["old_numbers"] = [[*(table["genesis"] or (-(1 << 62) + 1, 1)), [[1, choice.choice((1, 9))]]]]


def _spoil_sites(choice: random.Random, header: dict[str, Any], table: dict[str, Any]) -> None:
    site, other = choice.choice(header["sites"]), choice.choice(header["sites"])
    uid = table.get("uid", table["name"])
    kind = choice.randrange(12)
    if kind == 0:
        site["upto"] = max(site["needs"], other["upto"])
    elif kind == 1:
        site["needs"] = 0
    elif kind == 2:
        site["id"], other["id"] = other["id"], site["id"]
    elif kind == 3:
        header["sites"].append({"ordinal": len(header["sites"]) + 1, "id": SITE, "upto": site["upto"], "needs": 0})
    elif kind == 4:
        header["names"] = {SITE: [choice.choice(("x", "é" * 64, "")), choice.choice((0, 1, 1 << 60))]}
    elif kind == 5:
        header["lanes"] = {site["id"]: [choice.choice((0, 5, 11105)), choice.choice((0, 1 << 60))]}
    elif kind == 6:
        header["purges"] = [[site["upto"], site["ordinal"], uid, choice.choice((1, "k", None, {"blob": "00"}))]]
    elif kind == 7:
        header["unseen"] = [[site["upto"], site["ordinal"], choice.choice(("n", "odd", ""))]]
    elif kind == 8:
        header["starts"] = {site["id"]: [site["upto"], [[1, site["needs"], "00112233"]]]}
    elif kind == 9:
        header["acted"] = choice.choice((0, 1, header.get("acted", 1), 7))
    elif kind == 10:
        known = {one["id"]: choice.choice((one["upto"], one["needs"])) for one in header["sites"]}
        said = {
            "round": choice.choice((0, 1, 1 << 40)),
            "cut": known,
            "acks": [site["id"]],
            "floor": choice.choice(({}, known)),
            "ends": choice.choice(({}, {site["id"]: [site["upto"], other["id"]]})),
            "vouchers": choice.choice(({}, {SITE: site["id"]}, {site["id"]: other["id"]})),
        }
        header["compaction"] = {key: value for key, value in said.items() if value and choice.random() < 0.7}
    elif "rest" in header:
        header["sites"].remove(choice.choice((site, other)))
    else:
        header["retired"] = {choice.choice((SITE, site["id"])): [site["upto"], site["upto"]]}
