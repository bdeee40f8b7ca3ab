"""Undeclared: which columns look, by their names, as if they referred to a table. Reads nothing."""

from __future__ import annotations

import re

from crdtsql.base import caseless
from crdtsql.sqlite import Column, TableShape


def words_of(name: str) -> list[str]:
    """Split a name into words: ArtistId, artist_id and ARTIST-ID are [artist, id]."""
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", name)
    return [word.lower() for word in re.split(r"[\W_]+", apart) if word]


def _singular(word: str) -> str:
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("xes", "x"),
        ("ss", "ss"),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    return word


def looks_like_reference(column: Column, child: TableShape, parent: TableShape) -> bool:
    """Tell whether a column's name says that it holds the keys of a table: artist_id, ArtistId, main_artist_id, id_artist."""
    key = parent.key[0]
    same_table = caseless(child.name) == caseless(parent.name)
    if (
        column.generated
        or column.affinity == "REAL"
        or (column.affinity == "TEXT") != (key.affinity == "TEXT")
        or (same_table and caseless(column.name) == caseless(key.name))
    ):
        return False
    words = [_singular(word) for word in words_of(column.name)]
    table = [_singular(word) for word in words_of(parent.name)]
    if not words or not table:
        return False
    if same_table:
        return words in (["parent", "id"], ["parent"], ["id", "parent"])
    if len(words_of(key.name)) > 1 and words == [_singular(word) for word in words_of(key.name)]:
        return True
    ends = (
        words[-1] in ("id", "no", "nr", "key", "fk", "ref") and words[:-1][-len(table) :] == table
    ) or words == table
    joined = "".join(words) in ("".join(table) + "id", "id" + "".join(table))
    return ends or joined or words == ["id", *table]
