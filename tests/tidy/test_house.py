"""The rules of the house, checked: wings, sizes, docstrings, SQL files."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from crdtsql.base import reasons
from tests.conftest import LONGEST
from tests.support.every import every

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crdtsql"
SQL = PACKAGE / "sql"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted(SQL.rglob("*.sql"))


@cache
def texts_of_sources() -> dict[Path, str]:
    """Return the text of every module, by its path below the package."""
    return {source.relative_to(PACKAGE): source.read_text(encoding="utf-8") for source in SOURCES}


def wing_of(source: Path) -> str:
    """Return the wing that a module stands in; "" for what stands above all of them."""
    parts = source.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@cache
def imports_of(source: Path) -> set[tuple[str, str]]:
    """Return what a module imports of ours: (dotted module without `crdtsql.`, name), "" for the module as a whole."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "crdtsql":
            found |= {(str(node.module).partition(".")[2], alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(a.name.partition(".")[2], "") for a in node.names if a.name.split(".")[0] == "crdtsql"}
    return found


def documented_wings() -> list[str]:
    """Read the wings in docs/ARCHITECTURE.md, from the highest to the lowest; those on one line stand side by side."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([a-z]+)/` \|", text, re.MULTILINE)


def face_of(wing: str) -> set[str]:
    """Return the names that a wing shows to the others."""
    tree = ast.parse((PACKAGE / wing / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    return set()


INSIDE = [source for source in SOURCES if wing_of(source)]


def test_every_wing_is_documented() -> None:
    """docs/ARCHITECTURE.md names every wing once, and none that does not exist."""
    assert sorted(documented_wings()) == sorted({wing_of(source) for source in INSIDE})


@every(INSIDE)
def test_imports_go_down_and_through_the_door(source: Path) -> None:
    """A module imports from lower wings only, and of another wing only the names that its `__init__.py` lists."""
    order, own = documented_wings(), wing_of(source)
    for module, name in imports_of(source):
        if not module:
            assert own == "ui" and name == "__version__", f"{source} imports {name} from the top"
            continue
        other = module.split(".")[0]
        if other == own:
            continue
        assert order.index(other) > order.index(own), f"{own}/ imports {other}/, which stands above it"
        assert module == other, f"{source} passes the door of {other}/ by: {module}"
        assert name in face_of(other), f"{other}/__init__.py does not list {name}"


WITHOUT_READING = {"filename", "in_transaction", "total_changes"}
"""What can be asked of a connection that does not look at the file."""


@every([source for source in INSIDE if wing_of(source) in documented_wings()[: documented_wings().index("replica")]])
def test_nobody_above_a_replica_reads_its_file(source: Path) -> None:
    """Wings above it ask by verbs, or by `asked`: in a turn of their own, and errors of SQLite are said of the file."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    owned = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in WITHOUT_READING
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            assert node.attr != "registry", f"line {node.lineno}: crdtsql/replica/turns.py has `asked`"
            assert node.attr != "connection" or id(node) in owned, f"line {node.lineno}: a verb does that"


@pytest.mark.parametrize("wing", sorted({wing_of(source) for source in INSIDE}))
def test_a_wing_lists_what_others_use(wing: str) -> None:
    """What a wing's `__init__.py` lists is used outside of it, so that its face says what others depend on; transports by plug-ins too."""
    used = {
        name for source in SOURCES if wing_of(source) != wing for module, name in imports_of(source) if module == wing
    }
    used |= {name for module, name in imports_of(PACKAGE / "__init__.py") if module.split(".")[0] == wing}
    if wing == "transports":
        page = (ROOT / "docs" / "TRANSPORTS.md").read_text(encoding="utf-8")
        used |= {
            name
            for names in re.findall(r"^from crdtsql\.transports import (.+)$", page, re.MULTILINE)
            for name in names.split(", ")
        }
    assert face_of(wing) <= used, f"nobody uses {sorted(face_of(wing) - used)}"


@pytest.mark.parametrize(
    "folder", sorted({source.parent for source in INSIDE}), ids=lambda f: f.relative_to(PACKAGE).as_posix()
)
def test_rooms_in_a_folder(folder: Path) -> None:
    """No folder holds more than a dozen modules or so, and none a single one."""
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert 2 <= len(modules) <= 14, [path.name for path in modules]


@every(SOURCES)
def test_sizes(source: Path) -> None:
    """No module is much over 400 lines, no function over 60."""
    text = source.read_text(encoding="utf-8")
    assert text.count("\n") <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 60, f"{source.stem}.{node.name}"


def test_a_class_has_a_name_of_its_own() -> None:
    """No two classes of the package have one name, so that a name says which one is meant."""
    names = Counter(
        node.name
        for text in texts_of_sources().values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    )
    assert not [name for name, count in names.items() if count > 1]


def functions_with_tests() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield all test functions of the tree."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield f"{path.name}::{node.name}", node


def test_tests_state_rules() -> None:
    """Every test says in its docstring which rule of the product it shows."""
    assert not [name for name, node in functions_with_tests() if not ast.get_docstring(node)]


@every(TEMPLATES)
def test_templates_are_used_once(path: Path) -> None:
    """Each SQL file is rendered in exactly one module, and stands in the folder that is named after it."""
    name = path.relative_to(SQL).with_suffix("").as_posix()
    pattern = re.sub(r"_[a-z]+$", "_", name)
    users = [where for where, text in texts_of_sources().items() if f'"{name}"' in text or f'"{pattern}{{' in text]
    assert len(users) == 1, users
    room = users[0].with_suffix("")
    assert path.relative_to(SQL).parent in (room, room.parent), f"{name} is rendered in {users[0]}"


@every(TEMPLATES)
def test_statements_that_write_a_users_table_say_what_a_conflict_does(path: Path) -> None:
    """No INSERT or UPDATE of a user's table leaves it to the table's constraints what a conflict does (SQLITE_FACTS.md, 24)."""
    text = path.read_text(encoding="utf-8")
    for clause in re.findall(r"^(?:INSERT\b(.*?)\bINTO|UPDATE\b(.*?)) \$\{table\}", text, re.MULTILINE):
        assert "".join(clause).strip() in ("${on_conflict}", "OR ABORT"), text


@every(SOURCES)
def test_no_module_writes_a_users_table_by_itself(source: Path) -> None:
    """Statements that write a user's table stand in SQL files, where they say what a conflict does."""
    text = source.read_text(encoding="utf-8")
    assert not re.search(r"execute\w*\(\s*f?\"(?:INSERT|REPLACE|UPDATE)\b(?! OR ABORT)[^\"]*\{[^}\"]*\.quoted\}", text)


@every(TEMPLATES)
def test_slots_are_safe(path: Path) -> None:
    """No slot stands in a comment or inside quotes, where a name with a newline or a quote would end it."""
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        comment = line.partition("--")[2]
        assert "${" not in comment, line
    for quoted in re.findall(r"'[^']*'", text):
        assert "${" not in quoted, quoted


@every(TEMPLATES)
def test_templates_name_their_columns(path: Path) -> None:
    """No template selects *, so that an added column changes no statement."""
    assert not re.search(r"SELECT\s+\*|\.\*", path.read_text(encoding="utf-8"))


@every([*SOURCES, *TEMPLATES])
def test_reasons_are_spelled_in_one_place(path: Path) -> None:
    """Only `base/reasons.py` spells the reasons for which rows are held; others use its names and slots."""
    if path.name == "reasons.py":
        return
    found = path.read_text(encoding="utf-8")
    every = "|".join((*reasons.KINDS, reasons.WAITING))
    assert not re.search(rf"['\"](deleted|waiting)[,'\"*].{{0,40}}reason|reason.{{0,40}}['\"]({every})[:,'\"*]", found)


def named_functions() -> list[tuple[str, str]]:
    """Return what documents call `file:function`."""
    pages = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return sorted(set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)(?::([a-z_]+))?`", text)))


@pytest.mark.parametrize(("file", "function"), named_functions(), ids=lambda part: part)
def test_documents_name_what_is_there(file: str, function: str) -> None:
    """A file, or a function of one, that a document names exists."""
    path = next((found for found in (PACKAGE / file, ROOT / file) if found.exists()), None)
    assert path is not None, f"no {file}"
    assert not function or f"def {function}(" in path.read_text(encoding="utf-8"), f"{file} has no {function}"


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_files_are_there(name: str) -> None:
    """The files that tests begin with exist."""
    assert (ROOT / "tests" / name).is_file()


def test_all_that_break_a_rule_are_named() -> None:
    """What is checked of every module is checked of each of them, also behind one that breaks the rule; none at all is no success."""

    def is_small(number: int) -> None:
        assert number < 3, "too large"

    every([1, 2])(is_small)()
    with pytest.raises(
        pytest.fail.Exception, match=r"(?s)^4: AssertionError: too large.*\n5: AssertionError: too large"
    ):
        every([4, 2, 5])(is_small)()
    with pytest.raises(AssertionError):
        every([])(is_small)()
