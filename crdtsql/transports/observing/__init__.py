"""How far apart are replicas, and what did their syncs do? For monitoring.

`metrics_text` writes what Prometheus reads, of any number of open replicas; the command `metrics` and a server's `/metrics` call it.
What syncs did is counted by `counting`, in files beside the notes of the replicas, so that all processes of a user add to the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from crdtsql.base import CrdtsqlError
from crdtsql.replica import Replica


def metrics_text(replicas: Mapping[str, Replica], *, sizes: bool = True) -> str:
    """Return what Prometheus reads of open replicas, in its text format; the names given become the label `file`.

    Args:
        sizes: also how many bytes crdtsql keeps, for which every page of a file is looked at.

    Raises:
        CrdtsqlError: prometheus_client is not installed.
    """
    try:
        from crdtsql.transports.observing import exposition
    except ImportError as error:
        raise CrdtsqlError(f"metrics need prometheus-client ({error}): pip install 'crdtsql[metrics]'") from error
    return exposition.text([exposition.gather(name, replica, sizes=sizes) for name, replica in replicas.items()])
