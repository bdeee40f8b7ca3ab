"""Column types and policies of the model, against the definitions that they were written from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines.oracle import parts
from tests.machines.oracle.events import Row, Table
from tests.machines.oracle.model import Replica, World
from tests.machines.oracle.parts import GONE, TOTAL, WHOLE

SITES = [bytes([n] * 16) for n in (1, 2, 3)]
NOW = 1_000_000


class Network:
    """Three replicas of one row, which the first one inserted, of a table with one typed column `v` and `a`, `b`."""

    def __init__(self, kind: str, value: Any, **policies: str) -> None:
        self.world = World({"t": Table({"v": kind}, **policies)})
        self.row: Row = ("t", (1,))
        self.replicas = [Replica(self.world, site) for site in SITES]
        self.write(0, "insert", v=value, a=1, b=1)
        self.sync()

    def write(self, number: int, kind: str, fold: bool = True, **values: Any) -> None:
        replica = self.replicas[number]
        replica.write(kind, self.row, values)
        if fold:
            replica.fold(NOW)

    def update(self, number: int, *values: Any) -> None:
        """Update the typed column once per value, in one batch."""
        for value in values:
            self.write(number, "update", fold=False, v=value)
        self.replicas[number].fold(NOW)

    def send(self, sender: int, receiver: int) -> None:
        self.replicas[receiver].merge(self.replicas[sender].export(self.replicas[receiver].vector))

    def sync(self) -> None:
        for number in (1, 2):
            self.send(number, 0)
        for number in (1, 2):
            self.send(0, number)

    def shown(self, number: int = 0, column: str = "v") -> Any:
        return self.replicas[number].rows[self.row].cells[column][0]

    def merged(self) -> Any:
        """Exchange everything; return what all show."""
        self.sync()
        found = [replica.rows[self.row] for replica in self.replicas]
        assert found[0] == found[1] == found[2]
        return self.shown()


# -- counters -------------------------------------------------------------------------------------


def test_concurrent_increments_add_up() -> None:
    """What several sites add to a counter without knowing of each other all counts."""
    network = Network("counter", 10)
    for number, added in enumerate((1, 5, -2)):
        network.update(number, 10 + added)
    assert network.merged() == 14


def test_updates_between_two_folds_are_one_addition() -> None:
    """Several updates of a counter in one batch add what they add together, whatever the values between were."""
    network = Network("counter", 10)
    network.update(0, 11, 500, 13)
    assert network.merged() == 13
    totals = [head.value for head in network.replicas[1].rows[network.row].heads_of["v"] if head.part == TOTAL]
    assert totals == [3]


def test_an_increment_survives_a_concurrent_insert() -> None:
    """What was added while another site inserted the row again counts on top of the new base."""
    network = Network("counter", 10)
    network.write(0, "delete", fold=False)
    network.write(0, "insert", v=100, a=0, b=0)
    network.update(1, 15)
    assert network.merged() == 105


def test_two_concurrent_inserts_do_not_add_up() -> None:
    """Of two bases written concurrently the later one counts alone."""
    network = Network("counter", 10)
    network.write(0, "insert", v=100, a=0, b=0)
    network.write(1, "insert", v=200, a=0, b=0)
    assert network.merged() in (100, 200)


def test_an_insert_resets_what_it_saw() -> None:
    """Additions that the writer of an INSERT had seen are gone, at all sites, and those that came later count."""
    network = Network("counter", 10)
    network.update(1, 15)
    network.update(2, 12)
    network.send(1, 0)
    network.write(0, "insert", v=0, a=0, b=0)
    assert network.merged() == 2
    network.update(1, 3)
    assert network.merged() == 3


def test_each_concurrent_base_notes_what_it_saw() -> None:
    """Where two bases had seen different totals of a site, the later total counts as seen."""
    network = Network("counter", 0)
    network.update(2, 7)
    network.send(2, 0)
    network.write(0, "insert", v=50, a=0, b=0)
    network.write(1, "insert", v=50, a=0, b=0)
    assert network.merged() == 50


def test_a_counter_comes_back_with_its_row() -> None:
    """A row that a concurrent write brings back shows its counter as if it had not been away."""
    network = Network("counter", 10)
    network.write(0, "delete")
    network.update(1, 15)
    assert network.merged() == 15
    assert network.replicas[0].rows[network.row].alive


def test_null_counts_as_zero() -> None:
    """A counter that was NULL counts from 0 once anybody wrote it; until then it shows NULL."""
    network = Network("counter", None)
    assert network.shown() is None
    network.update(0, 0)
    assert network.shown() == 0
    network.update(1, 4)
    assert network.merged() == 4
    network.update(2, None)
    assert network.merged() == 0


def test_updates_before_the_last_insert_of_a_batch_add_nothing() -> None:
    """An INSERT takes the place of all updates before it, also where both were written between two folds."""
    network = Network("counter", 10)
    network.write(0, "update", fold=False, v=99)
    network.write(0, "insert", fold=False, v=5, a=0, b=0)
    network.write(0, "update", fold=False, v=6)
    network.write(0, "delete")
    network.update(1, 11)
    assert network.merged() == 7


def test_a_copy_counts_for_itself() -> None:
    """A copied file adds to a total of its own, so that nothing counts twice."""
    network = Network("counter", 0)
    network.update(0, 3)
    copied = network.replicas[0].copy(bytes([9] * 16))
    copied.write("update", network.row, {"v": 5})
    copied.fold(NOW)
    network.update(0, 4)
    network.replicas[0].merge(copied.export(network.replicas[0].vector))
    assert network.merged() == 6


# -- sets -----------------------------------------------------------------------------------------


def test_elements_added_concurrently_all_stay() -> None:
    """Elements that several sites add to one set are all in it, sorted, and equal ones once."""
    network = Network("set", '["m"]')
    network.update(0, '["m","b"]')
    network.update(1, '["a","m","b"]')
    assert network.merged() == '["a","b","m"]'


def test_an_addition_beats_a_removal_that_had_not_seen_it() -> None:
    """An element stays if somebody added it who had not seen its removal; other removals hold."""
    network = Network("set", '["a","b"]')
    network.update(0, "[]")
    network.update(1, '["b"]')
    network.update(1, '["b","a"]')
    assert network.merged() == '["a"]'


def test_an_element_that_is_there_is_not_added_again() -> None:
    """Writing a set as a whole adds no element that it has: a concurrent removal holds."""
    network = Network("set", '["a","b"]')
    network.update(0, '["b"]')
    network.update(1, '["a","b","c"]')
    assert network.merged() == '["b","c"]'


def test_elements_differ_by_type_not_by_spelling() -> None:
    """1, 1.0, "1" and true are four elements; an escaped letter is that letter; shown in a fixed order."""
    network = Network("set", "[]")
    network.update(0, r'["1", true, 1.0, 1, null, "\u0061", "a", false, -3, 1e3]')
    assert network.merged() == '[null,false,true,-3,1,1.0,1000.0,"1","a"]'


def test_a_new_spelling_of_a_set_is_no_change() -> None:
    """A set is shown as its row was inserted until an element changes; a new order or spelling goes back."""
    network = Network("set", '["b", "a"]')
    heads = network.replicas[0].rows[network.row].heads_of
    network.update(0, '["a","b"]')
    assert network.merged() == '["b", "a"]'
    assert network.replicas[0].rows[network.row].heads_of == heads
    network.update(0, '["a","b","c"]')
    network.update(1, None)
    assert network.merged() == '["c"]'


def test_a_set_that_was_null_is_written_as_a_whole() -> None:
    """The first value of a set that was NULL is one write like an INSERT's; emptied sets show []."""
    network = Network("set", None)
    network.update(0, '["x" , "a"]')
    assert network.shown() == '["x" , "a"]'
    network.update(1, '["y"]')
    assert network.merged() == '["a","x","y"]'
    network.update(1, "[]")
    assert network.merged() == "[]"


def test_an_insert_removes_the_elements_it_saw() -> None:
    """An INSERT replaces the elements that its writer had seen, not those added concurrently."""
    network = Network("set", '["a"]')
    network.write(0, "insert", v='["n"]', a=0, b=0)
    network.update(1, '["a","c"]')
    assert network.merged() == '["c","n"]'


# -- maps -----------------------------------------------------------------------------------------


def test_keys_are_merged_one_by_one() -> None:
    """Concurrent writes of different keys of a map all stay, in nested objects as well; arrays are values."""
    network = Network("map", '{"b":{"x":1},"a":[1]}')
    network.update(0, '{"a":[1,2],"b":{"x":1}}')
    network.update(1, '{"a":[1],"b":{"x":1,"y":2}}')
    network.update(2, '{"a":[1]}')
    assert network.merged() == '{"a":[1,2],"b":{"y":2}}'


def test_of_several_values_of_a_leaf_the_latest_is_shown() -> None:
    """A leaf written on two sites keeps both values and shows the one with the greater stamp."""
    network = Network("map", '{"a":0}')
    network.update(0, '{"a":1}')
    network.update(1, '{"a":2}')
    assert network.merged() == '{"a":2}'
    leaves = [head for head in network.replicas[2].rows[network.row].heads_of["v"] if head.part == '"a"']
    assert {head.value for head in leaves} == {"1", "2"}
    network.update(2, '{"a":1}')
    assert network.merged() == '{"a":1}'


def test_an_object_hides_a_leaf_in_its_place() -> None:
    """Where one site wrote a leaf and another an object, the object shows; the leaf comes back when the object goes."""
    network = Network("map", "{}")
    network.update(0, '{"a":1}')
    network.update(1, '{"a":{"b":2}}')
    assert network.merged() == '{"a":{"b":2}}'
    network.update(0, '{"a":{"b":3}}')
    assert network.merged() == '{"a":{"b":3}}'
    hidden = [h for h in network.replicas[0].rows[network.row].heads_of["v"] if h.part == '"a"' and h.value is not GONE]
    assert len(hidden) == 1
    network.update(2, "{}")
    assert network.merged() == "{}"


def test_empty_objects_are_values() -> None:
    """An empty object inside of a map is a value of its own; an empty map has none."""
    assert parts.explode("map", '{"a":{},"b":{"c":{"d":null}}}') == {'"a"': "{}", '"b","c","d"': "null"}
    assert parts.explode("map", "{}") == {}
    network = Network("map", '{"a":{}}')
    network.update(0, '{"a":{"x":1}}')
    assert network.merged() == '{"a":{"x":1}}'


# -- registers, maxima ----------------------------------------------------------------------------


def test_a_register_keeps_what_was_written_concurrently() -> None:
    """All concurrent values of a register are kept, the latest is shown, and a later write replaces them."""
    network = Network("register", "old")
    for number in range(3):
        network.update(number, f"value {number}")
    assert network.merged() == "value 2"
    assert len(network.replicas[0].rows[network.row].heads_of["v"]) == 3
    network.update(0, "new")
    assert network.merged() == "new"
    assert len(network.replicas[1].rows[network.row].heads_of["v"]) == 1


def test_a_maximum_takes_the_greatest_value_that_was_ever_written() -> None:
    """A max keeps the greatest of all values, also one that was overwritten between two folds; NULL is none."""
    network = Network("max", 5)
    network.update(0, 3)
    assert network.shown() == 5
    network.update(1, 9, 1, None)
    network.update(2, 7)
    assert network.merged() == 9


def test_values_are_ordered_as_sqlite_orders_them() -> None:
    """Numbers come before text, text before blobs; of equal values the one that was there stays."""
    assert parts.extreme("max", [2**53 + 1, 2.0**53, -1]) == 2**53 + 1
    assert parts.extreme("max", [10, "9", b"", None]) == b""
    assert parts.extreme("min", [None, "a", b"", "B"]) == "B"
    assert repr(parts.extreme("max", [1, 1.0])) == "1"
    assert parts.extreme("min", [None]) is None


def test_an_insert_starts_a_maximum_anew() -> None:
    """An INSERT replaces the greatest value that its writer had seen; a concurrent greater one stays."""
    network = Network("max", 5)
    network.write(0, "insert", v=1, a=0, b=0)
    assert network.merged() == 1
    network.write(0, "insert", v=0, a=0, b=0)
    network.update(1, 4)
    assert network.merged() == 4


# -- the form of a cell ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [name for name in parts.TYPES if name != "lww"])
def test_a_genesis_is_one_whole_write(kind: str) -> None:
    """A typed cell of a row that was there before enable stems from one whole write, and is shown as it was."""
    value = {"map": '{ "a" : 1 }'}.get(kind, '[ "a" ]' if kind in parts.SETS else 7)
    world = World({"t": Table({"v": kind})})
    replica = Replica(world, SITES[0])
    replica.enable({("t", (1,)): {"v": value}}, NOW)
    state = replica.rows["t", (1,)]
    assert parts.is_implicit(state.heads_of["v"])
    assert state.cells["v"] == (value, world.events[0].stamp)
    assert WHOLE in {head.part for head in state.heads_of["v"]}


# -- policies -------------------------------------------------------------------------------------


def test_under_delete_wins_a_delete_beats_concurrent_writes() -> None:
    """A delete-wins row stays deleted though somebody wrote it who had not seen the delete; an INSERT brings it back."""
    network = Network("counter", 1, rows="delete-wins")
    network.write(0, "delete")
    network.update(1, 2)
    network.sync()
    assert not any(replica.rows[network.row].alive for replica in network.replicas)
    network.write(2, "insert", v=5, a=0, b=0)
    network.sync()
    assert all(replica.rows[network.row].alive for replica in network.replicas)
    assert network.shown() == 5


def test_with_granularity_row_an_update_stamps_all_lww_columns() -> None:
    """Of two concurrent updates of such a row the later one wins with all its columns, but typed columns merge as ever."""
    network = Network("counter", 1, granularity="row")
    network.write(0, "update", a=2)
    network.write(1, "update", b=3, v=4)
    network.update(0, 6)
    assert network.merged() == 9
    assert (network.shown(column="a"), network.shown(column="b")) == (2, 1)


# -- conflicts ------------------------------------------------------------------------------------


def clashes(network: Network, sender: int, receiver: int) -> set[tuple[str, Any, Any]]:
    """Return the conflicts of a merge: part, value shown, value that is not."""
    into, changeset = network.replicas[receiver], network.replicas[sender].export({})
    found = into.clashes(changeset)
    into.merge(changeset)
    heads = {(head.part, head.stamp): head.value for head in into.rows[network.row].heads_of["v"]}
    return {(clash.part, heads[clash.part, clash.won], heads[clash.part, clash.lost]) for clash in found}


def test_values_of_a_register_side_by_side_are_a_conflict() -> None:
    """A merge records the values beside the one shown, but neither equal ones nor those that it knew already."""
    network = Network("register", "old")
    network.update(0, "a")
    network.update(1, "b")
    network.update(2, "b")
    assert clashes(network, 1, 0) == {(WHOLE, "b", "a")}
    assert clashes(network, 1, 0) == set()
    assert clashes(network, 2, 1) == set()
    network.update(0, "c")
    assert clashes(network, 0, 1) == {(WHOLE, "c", "b")}


def test_values_of_a_map_leaf_side_by_side_are_a_conflict() -> None:
    """A leaf written on two sites is a conflict of that leaf alone; a leaf against its removal is none."""
    network = Network("map", '{"a":0,"b":0,"c":0}')
    network.update(0, '{"a":1,"b":1,"c":0}')
    network.update(1, '{"a":2,"c":2}')
    assert clashes(network, 1, 0) == {('"a"', "2", "1")}


@pytest.mark.parametrize("kind", ["set", "counter", "max"])
def test_types_that_lose_nothing_have_no_conflicts(kind: str) -> None:
    """What is added to sets and counters, and values of a max, are no conflicts: nothing was overwritten."""
    network = Network(kind, "[]" if kind == "set" else 0)
    network.update(0, '["a"]' if kind == "set" else 1)
    network.update(1, '["b"]' if kind == "set" else 2)
    assert clashes(network, 1, 0) == set()
