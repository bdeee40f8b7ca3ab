"""What if schemas change, or differ between replicas?"""

from crdtsql.evolve import alter, appear, drift, letgo
from crdtsql.evolve.adopt import SchemaDiff, adopt, compare
from crdtsql.evolve.downgrading import downgrade
from crdtsql.evolve.enabling import Enabling
from crdtsql.evolve.ids import set_ids
from crdtsql.evolve.rebuild import look, rebuild
from crdtsql.evolve.repair import RepairReport, repair
from crdtsql.evolve.reshape import renew_triggers
from crdtsql.evolve.schemaview import TableSchema, describe
from crdtsql.evolve.upgrading import upgrade

__all__ = [
    "Enabling",
    "RepairReport",
    "SchemaDiff",
    "TableSchema",
    "adopt",
    "alter",
    "appear",
    "compare",
    "describe",
    "downgrade",
    "drift",
    "letgo",
    "look",
    "rebuild",
    "renew_triggers",
    "repair",
    "set_ids",
    "upgrade",
]
