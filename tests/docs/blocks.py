"""The code blocks of a Markdown document: found, classified, and what each must do.

A block's info string is a language and at most one mark:

    sh            bash runs it; it exits with 0 and writes nothing to standard error
    sh notices    the same, but it may write to standard error; that counts as output
    sh fails      it must not exit with 0; standard error counts as output
    sql           the sqlite3 shell runs it on app.db
    sql fresh     the same, after the folder was emptied
    python        a whole program
    json          must be JSON
    text          a picture, a grammar, or a page that is generated: nothing runs
    text output   what the block before it printed; `...` stands for any text within a line

All blocks of a document run in order, in one folder that is empty at first. A comment `<!-- sh` or `<!-- sql` up to a line `-->` is a
block that readers don't see: what the text around it takes for granted. No block is without an info string, or one by indentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("sh", "sh notices", "sh fails", "sql", "sql fresh", "python")
KINDS = (*RUN, "json", "text", "text output")
FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+|~~~+) *(?P<info>.*)")
HIDDEN = re.compile(r"<!-- (?P<info>(?:sh|sql)(?: [a-z]+)?)")


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        page: the document's path below the tree.
        line: number of its first line within the document.
        kind: its info string.
    """

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, line {self.line} ({self.kind or 'no info string'})"


def read(page: Path) -> list[Block]:
    """Return the blocks of a document, in order."""
    return list(_blocks(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8").split("\n")))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        opened = FENCE.fullmatch(lines[number]) or HIDDEN.fullmatch(lines[number])
        number += 1
        if opened is None:
            continue
        start, found = number, opened.groupdict()
        end = f"{found.get('indent', '')}{found['fence']}" if "fence" in found else "-->"
        while number < len(lines) and lines[number] != end:
            number += 1
        assert number < len(lines), f"{page}, line {start}: the block has no end"
        yield Block(page, start + 1, found["info"].strip(), "\n".join(lines[start:number]) + "\n")
        number += 1


def prose(page: Path) -> str:
    """Return a document without its blocks."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for block in read(page):
        for number in range(block.line - 2, block.line + block.text.count("\n")):
            lines[number] = ""
    return "\n".join(lines)


def indented(page: Path) -> list[int]:
    """Return the numbers of lines that Markdown takes for code because they are indented, outside of other blocks."""
    text = page.read_text(encoding="utf-8")
    covered = {
        number for block in read(page) for number in range(block.line - 1, block.line + block.text.count("\n") + 1)
    }
    lines = text.split("\n")
    return [
        number
        for number, line in enumerate(lines, 1)
        if line.startswith("    ") and number not in covered and (number == 1 or not lines[number - 2].strip())
    ]


def matches(expected: str, printed: str) -> bool:
    """Tell whether a block printed what the document shows; `...` stands for any text within a line."""
    pattern = "[^\n]*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, _trimmed(printed)) is not None


def _trimmed(printed: str) -> str:
    return "\n".join(line.rstrip() for line in printed.strip().split("\n"))
