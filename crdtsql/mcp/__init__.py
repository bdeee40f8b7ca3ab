"""What may an agent do, by the Model Context Protocol?

The official SDK carries it (extra `mcp`); here stand the tools, resources and prompts, and who may use which of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from crdtsql.base import TransportError

if TYPE_CHECKING:
    from crdtsql.transports import http

__all__ = ["endpoint", "is_installed", "run"]


def run(database: str | os.PathLike[str], token: http.Token, lock_timeout: float) -> None:
    """Serve a file to one agent over standard input and output, until it ends the conversation.

    Args:
        token: what the agent may do.

    Raises:
        TransportError: the SDK is not installed.
    """
    with _named_extra():
        from crdtsql.mcp import serving
    serving.run(os.fspath(database), token, lock_timeout)


def endpoint(name: str, desk: http.Desk) -> http.Room:
    """Return what answers at `/NAME/mcp` of the server of HTTP.

    Raises:
        TransportError: the SDK is not installed.
    """
    with _named_extra():
        from crdtsql.mcp import serving
    return serving.McpRoom(name, desk)


def is_installed() -> bool:
    """Tell whether the SDK is there, without importing it."""
    return find_spec("mcp") is not None


@contextmanager
def _named_extra() -> Iterator[None]:
    """Name the extra where a package is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise TransportError(
            f"the Model Context Protocol needs a package that is not here ({error.name}): pip install 'crdtsql[mcp]'"
        ) from error
