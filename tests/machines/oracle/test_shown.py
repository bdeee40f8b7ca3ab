"""What tables show under constraints, against cases made by hand from decision 0011."""

from __future__ import annotations

from typing import Any

from tests.machines.oracle.events import Row
from tests.machines.oracle.model import Replica, World
from tests.machines.oracle.rules import Check, Reference, Rules, Unique, circles
from tests.machines.oracle.shown import shown

NOW = 1_000_000
U, V = Unique("u", ("u",)), Unique("v", ("v",))


class Network:
    """Some replicas that write to tables with rules, and what each of them shows."""

    def __init__(self, rules: dict[str, Rules], replicas: int = 3) -> None:
        self.world, self.rules = World(), rules
        self.replicas = [Replica(self.world, bytes([n] * 16)) for n in range(1, replicas + 1)]
        self.now = NOW

    def write(self, at: int, kind: str, table: str, key: Any, **values: Any) -> None:
        self.now += 1
        row: Row = (table, key if isinstance(key, tuple) else (key,))
        self.replicas[at].write(kind, row, values)
        self.replicas[at].fold(self.now)

    def meet(self, *order: int) -> None:
        """Let replicas learn everything from one another."""
        known = 0
        for number in order or range(len(self.replicas)):
            known |= self.replicas[number].known
        for number in order or range(len(self.replicas)):
            self.replicas[number].known = known
            self.replicas[number].clock = max(event.hlc for event in self.world.events)

    def shown(self, table: str, at: int = 0) -> dict[Any, dict[str, Any]]:
        view = shown(self.world, self.replicas[at].known, self.rules)
        return {row[1][0] if len(row[1]) == 1 else row[1]: dict(r) for row, r in view.shown.items() if row[0] == table}

    def held(self, table: str, at: int = 0) -> dict[Any, str]:
        view = shown(self.world, self.replicas[at].known, self.rules)
        found = {row: "|".join(sorted(held.reasons)) for row, held in view.held.items() if row[0] == table}
        return {row[1][0] if len(row[1]) == 1 else row[1]: reason for row, reason in found.items()}


def family(on_delete: str, **more: Any) -> Network:
    """A parent 1 and its child 7 that all replicas know."""
    child = Rules(references=(Reference(("ref",), "p", on_delete=on_delete),), **more)
    net = Network({"c": child, "p": Rules()})
    net.write(0, "insert", "p", 1, v=0)
    net.write(0, "insert", "p", 2, v=0)
    net.write(0, "insert", "c", 7, ref=1, v=0)
    net.meet()
    return net


# -- UNIQUE ---------------------------------------------------------------------------------------


def test_the_oldest_claim_takes_the_value() -> None:
    """Of three rows with one value that were written unseen, the one with the oldest claim is shown."""
    net = Network({"t": Rules(uniques=(U,))})
    for at in (1, 0, 2):
        net.write(at, "insert", "t", at, u="x")
    net.meet()
    assert net.shown("t") == {1: {"id": 1, "u": "x"}}
    assert net.held("t") == {0: "unique: u", 2: "unique: u"}


def test_a_loser_returns_when_the_winner_goes() -> None:
    """A held row comes back when the row in its way is deleted or gives the value up."""
    net = Network({"t": Rules(uniques=(U,))})
    net.write(0, "insert", "t", 1, u="x")
    net.write(1, "insert", "t", 2, u="x")
    net.meet()
    net.write(0, "update", "t", 1, u="y")
    assert net.held("t") == {}
    net.write(0, "delete", "t", 1)
    assert list(net.shown("t")) == [2]


def test_nulls_never_collide() -> None:
    """NULL in a column of an index, or a row outside of a partial index, collides with nothing."""
    partial = Unique("p", ("v",), where=lambda record: record["on"] == 1, where_columns=("on",))
    net = Network({"t": Rules(uniques=(Unique("uv", ("u", "v")), partial))})
    for at in range(3):
        net.write(at, "insert", "t", at, u=None, v=1, on=int(at > 0))
    net.meet()
    assert net.held("t") == {2: "unique: p"}


def test_a_collation_decides_what_is_equal() -> None:
    """A NOCASE index takes "X" and "x" for one value, any index 1 and 1.0, and none 1 and "1"."""
    net = Network({"t": Rules(uniques=(Unique("u", ("u",), nocase=True),))})
    for key, (at, value) in enumerate(((0, "x"), (1, "X"), (0, "é"), (1, "É"), (0, 1), (1, 1.0), (2, "1"))):
        net.write(at, "insert", "t", key, u=value)
    net.meet()
    assert set(net.held("t")) == {1, 5}


def test_a_claim_yields_to_one_that_had_seen_it() -> None:
    """Somebody who saw a row and took its value all the same wins over its older claim."""
    net = Network({"t": Rules(uniques=(U,))})
    net.write(0, "insert", "t", 1, u="x")
    net.meet()
    net.write(1, "delete", "t", 1)
    net.write(1, "insert", "t", 2, u="x")
    net.write(0, "update", "t", 1, other=1)
    net.meet()
    assert list(net.shown("t")) == [2]
    assert net.held("t") == {1: "unique: u"}


def test_a_chain_of_collisions_shows_what_it_can() -> None:
    """A row is held only for a row that is shown: the rival of a held row is free."""
    net = Network({"t": Rules(uniques=(U, V))})
    net.write(0, "insert", "t", 1, u="a", v="a")
    net.write(1, "insert", "t", 2, u="a", v="b")
    net.write(2, "insert", "t", 3, u="c", v="b")
    net.meet()
    assert set(net.shown("t")) == {1, 3}
    assert net.held("t") == {2: "unique: u"}, "the row in the way is a better one"


def test_one_claim_for_all_indexes() -> None:
    """A row's claim is its newest write of any UNIQUE column: a later write of one may lose the row both of its values."""
    net = Network({"t": Rules(uniques=(U, V))})
    net.write(0, "insert", "t", 1, u="a", v=None)
    net.write(1, "insert", "t", 2, u="a", v="b")
    net.write(0, "update", "t", 1, v="c")
    net.meet()
    assert set(net.shown("t")) == {2}


def test_a_claim_is_renewed_by_an_update_of_the_column() -> None:
    """A write of other columns leaves a claim as old as it was."""
    for column, winner in (("u", 2), ("other", 1)):
        net = Network({"t": Rules(uniques=(U,))})
        net.write(0, "insert", "t", 1, u="y" if column == "u" else "x", other=0)
        net.write(1, "insert", "t", 2, u="x", other=0)
        net.write(0, "update", "t", 1, **{column: "x"})
        net.meet()
        assert set(net.shown("t")) == {winner}


# -- FOREIGN KEY ----------------------------------------------------------------------------------


def test_a_parent_is_restored_for_a_child_that_its_delete_had_not_seen() -> None:
    """Deleted and referred to concurrently: the parent is shown again, and still counts as deleted."""
    for action in ("RESTRICT", "NO ACTION"):
        net = family(action)
        net.write(0, "insert", "c", 8, ref=2, v=0)
        net.write(1, "delete", "p", 2)
        net.meet()
        assert set(net.shown("p")) == {1, 2}
        assert net.held("p") == {2: "deleted, shown: referenced"}
        assert net.held("c") == {}
        net.write(2, "delete", "c", 8)
        assert net.held("p", 2) == {2: "deleted"}


def test_a_restored_parent_that_is_updated_lives() -> None:
    """A write to a restored row is a write like any other: the row lives."""
    net = family("RESTRICT")
    net.write(0, "insert", "c", 8, ref=2, v=0)
    net.write(1, "delete", "p", 2)
    net.meet()
    net.write(2, "update", "p", 2, v=5)
    assert net.held("p", 2) == {}


def test_a_delete_that_had_seen_the_reference_stands() -> None:
    """A child that comes back after its deleter had deleted the parent too is held; nothing is restored."""
    net = family("RESTRICT")
    net.write(1, "delete", "c", 7)
    net.write(1, "delete", "p", 1)
    net.write(0, "update", "c", 7, v=5)
    net.meet()
    assert net.held("p") == {1: "deleted"}
    assert net.held("c") == {7: "foreign key: p"}


CHAIN = {
    "a": Rules(references=(Reference(("ref",), "b"),)),
    "b": Rules(references=(Reference(("ref",), "c"),)),
    "c": Rules(),
}


def test_parents_of_restored_rows_are_restored() -> None:
    """Restoring goes from children up to parents, where no delete had seen the reference to its row."""
    net = Network(CHAIN)
    net.write(0, "insert", "c", 1)
    net.meet()
    net.write(0, "insert", "b", 1, ref=1)
    net.meet(0, 1)
    net.write(0, "insert", "a", 1, ref=1)
    net.write(1, "delete", "b", 1)
    net.write(2, "delete", "c", 1)
    net.meet()
    assert set(net.shown("c")) == {1}
    assert net.held("b") == net.held("c") == {1: "deleted, shown: referenced"}
    net.write(0, "delete", "a", 1)
    assert net.held("b") == net.held("c") == {1: "deleted"}


def test_a_restored_row_without_its_own_parent_stays_deleted() -> None:
    """A deleted row is not shown where its own parent's delete had seen the reference; who needs it is held."""
    net = Network(CHAIN)
    net.write(0, "insert", "c", 1)
    net.write(0, "insert", "b", 1, ref=1)
    net.meet()
    net.write(0, "insert", "a", 1, ref=1)
    net.write(1, "delete", "b", 1)
    net.write(1, "delete", "c", 1)
    net.meet()
    assert net.held("b") == net.held("c") == {1: "deleted"}
    assert net.held("a") == {1: "foreign key: b"}


def test_cascade_holds_a_child() -> None:
    """A child that was written while its parent was deleted by a CASCADE is held, and not deleted."""
    net = family("CASCADE")
    net.write(0, "insert", "c", 8, ref=2, v=0)
    net.write(1, "delete", "p", 2)
    net.meet()
    assert net.held("c") == {8: "foreign key: p"}
    net.write(2, "insert", "p", 2, v=9)
    assert net.held("c", 2) == {}


def test_set_null_masks_a_reference() -> None:
    """With SET NULL the child is shown with NULL, and the reference is kept for the parent's return."""
    net = family("SET NULL")
    net.write(0, "insert", "c", 8, ref=2, v=0)
    net.write(1, "delete", "p", 2)
    net.meet()
    assert net.shown("c")[8] == {"id": 8, "ref": None, "v": 0}
    assert net.held("c") == {8: "masked: ref"}
    net.write(2, "update", "c", 8, v=5)
    assert net.held("c", 2) == {8: "masked: ref"}
    net.write(2, "insert", "p", 2, v=9)
    assert net.shown("c", 2)[8]["ref"] == 2


def test_set_default_masks_with_the_default() -> None:
    """With SET DEFAULT the child is shown with the default if that is there, and held otherwise."""
    net = family("SET DEFAULT", defaults={"ref": 1})
    net.write(0, "insert", "c", 8, ref=2, v=0)
    net.write(1, "delete", "p", 2)
    net.meet()
    assert net.shown("c")[8]["ref"] == 1
    net.write(0, "delete", "p", 1)
    assert net.held("c", 0) == {7: "foreign key: p", 8: "foreign key: p"}


def test_a_mask_is_a_row_like_any_other() -> None:
    """NULL in place of a reference collides with nothing in a UNIQUE index, and must fulfil CHECK and NOT NULL."""
    for rules, reason in (
        ({"uniques": (Unique("r", ("ref",)),)}, "masked: ref"),
        ({"checks": (Check("check: c.ref", lambda r: r["ref"] is not None),)}, "check: c.ref"),
        ({"required": frozenset({"ref"})}, "foreign key: p"),
    ):
        net = family("SET NULL", **rules)
        net.write(0, "insert", "c", 8, ref=2, v=0)
        net.write(1, "delete", "p", 2)
        net.write(1, "delete", "p", 1)
        net.meet()
        assert net.held("c") == {7: reason, 8: reason}


def test_a_child_of_a_parent_that_lost_its_value_is_held() -> None:
    """A live parent that is held for UNIQUE is not shown, so its children are held or masked as if it were gone."""
    for action, reason in (("RESTRICT", "foreign key: p"), ("CASCADE", "foreign key: p"), ("SET NULL", "masked: ref")):
        rules = {"p": Rules(uniques=(U,)), "c": Rules(references=(Reference(("ref",), "p", on_delete=action),))}
        net = Network(rules)
        net.write(0, "insert", "p", 1, u="x")
        net.write(1, "insert", "p", 2, u="x")
        net.write(1, "insert", "c", 8, ref=2)
        net.meet()
        assert net.held("p") == {2: "unique: u"}
        assert net.held("c") == {8: reason}


def test_a_genesis_reference_to_nothing_stays() -> None:
    """A reference to a row that was never there is left where it was found; one that somebody writes later is not."""
    net = Network({"c": Rules(references=(Reference(("ref",), "p"),)), "p": Rules()})
    net.replicas[0].enable({("c", (1,)): {"ref": 9}}, NOW)
    net.write(0, "insert", "c", 2, ref=9)
    assert set(net.shown("c")) == {1}
    assert net.held("c") == {2: "foreign key: p"}


# -- tables that refer to themselves --------------------------------------------------------------


def test_a_tree_without_its_root_is_held() -> None:
    """Rows below a row that is held are held, however deep; a row that refers to itself needs nobody."""
    tree = Rules(references=(Reference(("up",), "t", on_delete="CASCADE"),))
    net = Network({"t": tree})
    for key, up in ((1, None), (2, 1), (3, 2), (4, 4)):
        net.write(0, "insert", "t", key, up=up)
    net.meet()
    net.write(1, "delete", "t", 1)
    net.meet()
    assert set(net.shown("t")) == {4}
    assert net.held("t") == {1: "deleted", 2: "foreign key: t", 3: "foreign key: t"}


def test_rows_that_refer_to_each_other_stay() -> None:
    """Rows that refer to each other in a circle are shown together, and held together if one of them can't be shown."""
    rules = {
        "m": Rules(references=(Reference(("n",), "n", on_delete="CASCADE"),), uniques=(U,)),
        "n": Rules(references=(Reference(("m",), "m", on_delete="CASCADE"),)),
    }
    net = Network(rules)
    net.write(0, "insert", "m", 1, n=1, u="x")
    net.write(0, "insert", "n", 1, m=1)
    net.write(1, "insert", "n", 2, m=2)
    net.write(1, "insert", "m", 2, n=2, u="x")
    net.meet()
    assert set(net.shown("m")) == set(net.shown("n")) == {1}
    assert net.held("m") == {2: "unique: u"}
    assert net.held("n") == {2: "foreign key: m"}


def test_a_row_without_its_parent_takes_no_value() -> None:
    """A row that refers to a UNIQUE loser gives its own values free."""
    tree = Rules(references=(Reference(("up",), "t", on_delete="CASCADE"),), uniques=(U,))
    net = Network({"t": tree})
    net.write(0, "insert", "t", 1, up=None, u="x")
    net.write(1, "insert", "t", 2, up=None, u="x")
    net.write(1, "insert", "t", 3, up=2, u="y")
    net.write(2, "insert", "t", 4, up=None, u="y")
    net.meet()
    assert set(net.shown("t")) == {1, 4}
    assert net.held("t") == {2: "unique: u", 3: "foreign key: t"}


def test_what_leads_to_one_another_is_one_circle() -> None:
    """Things that lead to one another belong together; all others stand alone."""
    found = circles({"z": "m", "m": "n", "n": "ma", "a": ["a", "elsewhere"]})
    assert found == {frozenset("z"), frozenset("mn"), frozenset("a")}


def test_a_row_that_was_left_without_its_parent_for_a_while_is_shown() -> None:
    """What a row refers to is decided before the row, so that no row is held for one that is shown in the end."""
    tree = Rules(references=(Reference(("up",), "t", on_delete="CASCADE"),), uniques=(U,))
    net = Network({"t": tree})
    for at, key, up, u in ((0, "s", None, "1"), (0, "q", "r", "2"), (1, "r", None, "1"), (1, "p", None, "2")):
        net.write(at, "insert", "t", key, up=up, u=u)
    net.write(1, "insert", "t", "x", up="p", u="3")
    net.meet()
    assert set(net.shown("t")) == {"s", "p", "x"}
    assert net.held("t") == {"r": "unique: u", "q": "foreign key: t"}


def test_a_row_that_needs_the_row_in_its_way_comes_after_it() -> None:
    """Of rows that wait for one another the best goes that needs none of the others, although a better one wants its value."""
    for action, held in (("CASCADE", "unique: u"), ("SET NULL", "unique: u")):
        tree = Rules(references=(Reference(("up",), "t", on_delete=action),), uniques=(U,))
        net = Network({"t": tree})
        net.write(0, "insert", "t", 1, up=2, u="x")
        net.write(1, "insert", "t", 2, up=None, u="x")
        net.meet()
        assert net.shown("t") == {2: {"id": 2, "up": None, "u": "x"}}
        assert net.held("t") == {1: held}


def test_two_references_of_one_row_are_masked_each_for_itself() -> None:
    """A row of which one reference leads nowhere keeps the other, whatever else it competes for."""
    both = (Reference(("boss",), "t", on_delete="SET NULL"), Reference(("deputy",), "t", on_delete="SET NULL"))
    net = Network({"t": Rules(references=both, uniques=(U,))})
    net.write(0, "insert", "t", "ann", boss=None, deputy=None, u="one")
    net.write(0, "insert", "t", "ben", boss=None, deputy=None, u="two")
    net.meet()
    net.write(0, "insert", "t", "eve", boss="ann", deputy="ben", u="same")
    net.write(1, "delete", "t", "ben")
    net.write(1, "update", "t", "ann", u="same")
    net.meet()
    assert net.held("t") == {"ben": "deleted", "eve": "unique: u"}, "ann is needed by eve, and so comes first"
    net.write(1, "update", "t", "ann", u="another")
    net.meet()
    assert net.shown("t")["eve"] == {"id": "eve", "boss": "ann", "deputy": None, "u": "same"}
    assert net.held("t") == {"ben": "deleted", "eve": "masked: deputy"}


def test_null_is_shown_before_a_default() -> None:
    """A column of two masked references shows NULL if one of them says so, whichever is declared first."""
    one, other = Reference(("a",), "p", on_delete="SET DEFAULT"), Reference(("a",), "q", on_delete="SET NULL")
    for references in ((one, other), (other, one)):
        net = Network({"p": Rules(), "q": Rules(), "c": Rules(references=references, defaults={"a": 1})})
        net.write(0, "insert", "p", 1)
        net.write(0, "insert", "c", 7, a=2)
        net.meet()
        assert net.shown("c") == {7: {"id": 7, "a": None}}


# -- CHECK ----------------------------------------------------------------------------------------


def test_a_row_that_breaks_a_check_is_held() -> None:
    """Two updates that break a CHECK only together hold the row, until somebody changes it."""
    net = Network({"t": Rules(checks=(Check("check: low <= high", lambda r: r["low"] <= r["high"]),))})
    net.write(0, "insert", "t", 1, low=0, high=9)
    net.meet()
    net.write(0, "update", "t", 1, low=8)
    net.write(1, "update", "t", 1, high=5)
    net.meet()
    assert net.held("t") == {1: "check: low <= high"}
    net.write(2, "update", "t", 1, high=9)
    assert net.held("t", 2) == {}
