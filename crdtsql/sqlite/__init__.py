"""What does the user's file look like? Knows nothing of us."""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.sqlite import (
        autoincrement,
        indexsql,
        neighbours,
        schema,
        schemarows,
        securely,
        statements,
        tablesql,
        usertriggers,
        writing,
    )
    from crdtsql.sqlite.default_values import default_value
    from crdtsql.sqlite.schema import Column, ForeignKey, TableShape, UniqueIndex, user_tables
    from crdtsql.sqlite.statements import ReadLimits
    from crdtsql.sqlite.usertriggers import UserTrigger
else:
    __getattr__ = door(
        __name__,
        {
            "default_values": "default_value",
            "schema": "Column ForeignKey TableShape UniqueIndex user_tables",
            "statements": "ReadLimits",
            "usertriggers": "UserTrigger",
        },
    )

__all__ = [
    "Column",
    "ForeignKey",
    "ReadLimits",
    "TableShape",
    "UniqueIndex",
    "UserTrigger",
    "autoincrement",
    "default_value",
    "indexsql",
    "neighbours",
    "schema",
    "schemarows",
    "securely",
    "statements",
    "tablesql",
    "user_tables",
    "usertriggers",
    "writing",
]
