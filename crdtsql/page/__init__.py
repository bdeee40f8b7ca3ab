"""What does a person see of a file in a browser? Pages that the server of HTTP makes, without a build step and without JavaScript."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crdtsql.transports import http

__all__ = ["has_page", "page_of"]


def has_page() -> bool:
    """Tell whether what pages are made with is installed."""
    return find_spec("jinja2") is not None


def page_of(name: str, desk: http.Desk) -> http.Room:
    """Return what answers at `/NAME/page` of the server of HTTP."""
    from crdtsql.page.room import PageRoom

    return PageRoom(name, desk)
