"""What does the user's file look like? Knows nothing of us."""

from crdtsql.sqlite import autoincrement, indexsql, neighbours, schema, tablesql, usertriggers, writing
from crdtsql.sqlite.default_values import default_value
from crdtsql.sqlite.schema import Column, ForeignKey, TableShape, UniqueIndex, user_tables
from crdtsql.sqlite.usertriggers import UserTrigger

__all__ = [
    "Column",
    "ForeignKey",
    "TableShape",
    "UniqueIndex",
    "UserTrigger",
    "autoincrement",
    "default_value",
    "indexsql",
    "neighbours",
    "schema",
    "tablesql",
    "user_tables",
    "usertriggers",
    "writing",
]
