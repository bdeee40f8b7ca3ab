"""Trying: what a sync would do, found out on copies that nobody keeps."""

from crdtsql.replica.trying.flooding import limit_of_each
from crdtsql.replica.trying.previews import SidePreview, SyncPreview
from crdtsql.replica.trying.rehearsed import Rehearsed, noted, rehearse, rehearse_file

__all__ = ["Rehearsed", "SidePreview", "SyncPreview", "limit_of_each", "noted", "rehearse", "rehearse_file"]
