"""The documents are true: their blocks run, their links lead somewhere, and the commands in their text exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import make_cli
from tests.docs.blocks import KINDS, ROOT, RUN, indented, matches, prose, read
from tests.docs.make_cli import PAGE
from tests.docs.running import check

PAGES = sorted(
    page
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", ROOT / "benchmarks")
    for page in folder.glob("*.md")
)
README = ROOT / "README.md"
FOR_USERS = [
    README,
    *(ROOT / "docs" / f"{name}.md" for name in ("GUIDE", "LIMITS", "PYTHON", "CLI", "TYPES", "FORMAT")),
]
PLAYED = [page for page in PAGES if page != README and any(block.kind in RUN for block in read(page))]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`(crdtsql [^`]+)`")
NAMES = {found.name for folder in ("crdtsql", "tests", "benchmarks") for found in (ROOT / folder).rglob("*.*")}
FILE = re.compile(r"`([a-z0-9_./-]+\.(?:py|sql|md|sh))(?::\w+)?`")
PLACES = [ROOT, ROOT / "crdtsql", ROOT / "crdtsql" / "sql", ROOT / "docs"]
PRESENT = [page for page in PAGES if page.parent.name != "decisions" and page.name != "CHANGELOG.md"]
"""What speaks of the tree as it is; decisions and changes are of their day."""


def name(page: Path) -> str:
    """Return the path below the tree."""
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PLAYED, ids=name)
def test_document(page: Path) -> None:
    """Every block of a document works as written, one after the other in an empty folder, and prints what is shown."""
    check(page)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_classified(page: Path) -> None:
    """Every block says what it is, and an output stands behind what prints it."""
    before = ""
    for block in read(page):
        assert block.kind in KINDS, f"{block}: classify it as tests/docs/blocks.py says: {', '.join(KINDS)}"
        assert block.kind != "text output" or before in RUN, f"{block}: nothing runs before it"
        before = block.kind


@pytest.mark.parametrize("page", FOR_USERS, ids=name)
def test_no_block_hides_in_an_indentation(page: Path) -> None:
    """Documents for users have no block that is made by indentation: it would escape the tests."""
    assert indented(page) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the tree names one that is there, and every anchor a heading of it."""
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)}: {link}"
        assert not anchor or anchor in anchors(target), f"{name(page)}: {link}"


@pytest.mark.parametrize("page", PRESENT, ids=name)
def test_files_in_the_text_exist(page: Path) -> None:
    """Every file of the tree that a document's text names is there: its path from the top or from the package, or its name."""
    named = FILE.findall(prose(page))
    assert [file for file in named if file not in NAMES and not any((place / file).exists() for place in PLACES)] == []


def test_page_of_commands_is_fresh() -> None:
    """docs/CLI.md is what the commands say of themselves, however click breaks its lines; `make cli-page` writes it anew."""
    assert PAGE.read_text(encoding="utf-8").split() == make_cli.page().split()


@pytest.mark.parametrize("page", [page for page in FOR_USERS if page != PAGE], ids=name)
def test_commands_in_the_text_exist(page: Path) -> None:
    """Every command that a document's text names exists, with each option that it is given."""
    sections = dict(re.findall(r"^## (crdtsql [a-z ]+)\n(.*?)(?=^## |\Z)", make_cli.page(), re.MULTILINE | re.DOTALL))
    longest_first = sorted(sections, key=len, reverse=True)
    for found in SPAN.findall(prose(page)):
        span = " ".join(found.split())
        path = next((path for path in longest_first if f"{span} ".startswith(f"{path} ")), None)
        assert path, f"{name(page)}: {span}"
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", span):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", sections[path]), f"{name(page)}: {span}"


def test_what_matches() -> None:
    """An output must be what was printed; `...` stands for any text within a line, also for none."""
    assert matches("a ... c\n", "a b c\n\n")
    assert matches("by ...", "by 7f  \n")
    assert not matches("a ... c", "a\nc")
    assert not matches("a", "a b")
