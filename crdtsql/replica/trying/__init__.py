"""Trying: what a sync would do, found out on copies that nobody keeps."""

from crdtsql.replica.trying.previews import Preview, SidePreview
from crdtsql.replica.trying.rehearsed import Rehearsed, noted, rehearse, rehearse_file

__all__ = ["Preview", "Rehearsed", "SidePreview", "noted", "rehearse", "rehearse_file"]
