"""The Datasette plugin: hides our tables, says on a row's page who wrote it and what collided, and on a table's which rows are held.

Datasette has the file open by the SQLite library of Python, and two of them in one process must not have the same file open
(docs/SQLITE_FACTS.md, 14). So what is shown is asked of commands, which are processes of their own.
"""

from crdtsql.ui.datasette.hooks import extra_template_vars, get_metadata

__all__ = ["extra_template_vars", "get_metadata"]
