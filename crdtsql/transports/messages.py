"""Messages: the bytes of a request and of a response, for every transport that has a replica on the other side.

    offset  bytes  content
         0      8  magic: "CRDTSYN1" for a request, "CRDTANS1" for a response
         8      4  length of the head, little-endian, at most 16 MiB
        12      -  head: JSON, UTF-8; stamps are strings of digits
         -      -  the changeset, to the end; may be empty

Everything in it is distrusted: what is out of range is refused, unknown keys are ignored. A response may be an error instead; it is
raised where it is read, as the TransportError that carries its words.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from crdtsql.base import (
    HALF,
    ClaimedError,
    CrdtsqlError,
    FilledSeparatelyError,
    TooManyDeletesError,
    TransportError,
    UsageError,
    by_id,
    clock,
    from_json,
    parse_limit,
    printable,
    vector_to_json,
    write_limit,
)
from crdtsql.merge import MergeReport
from crdtsql.transports.interface import Request, Response
from crdtsql.wire import Spilled, bytes_of, put_together

ASKS, ANSWERS = b"CRDTSYN1", b"CRDTANS1"
MAXIMUM_HEAD_BYTES = 16 << 20
_LENGTH = struct.Struct("<I")
_BEGIN = len(ASKS) + _LENGTH.size


def pack_request(request: Request) -> bytes | Spilled:
    """Write a request."""
    head = _who(request.site, request.vector, request.lanes)
    head |= {"pull": request.pull, "refuse_unrelated": request.refuse_unrelated, "max_deletes": request.max_deletes}
    head |= {name: True for name in ("hears_waits", "whole") if getattr(request, name)}
    if request.question is not None:
        head["question"] = request.question
    if request.order is not None:
        head["order"] = request.order
    return _pack(ASKS, head, request.changeset)


def unpack_request(data: bytes | Spilled) -> Request:
    """Read a request.

    Raises:
        TransportError: it is none.
    """
    head, changeset = _unpack(ASKS, data)
    defaults = {"pull": True, "refuse_unrelated": False, "hears_waits": False, "whole": False}
    pull, refuse, hears, whole = (_flag(defaults | head, name) for name in defaults)
    asked = _object(head, "question"), _object(head, "order")
    return Request(*_read_who(head), changeset, pull, refuse, _limit(head), *asked, hears_waits=hears, whole=whole)


def pack_response(response: Response) -> bytes | Spilled:
    """Write a response."""
    head = _who(response.site, response.vector, response.lanes)
    head |= {"missing": response.missing, "clock_ms": response.clock_ms}
    if response.merged is not None:
        head["merged"] = asdict(response.merged)
    if response.answer is not None:
        head["answer"] = response.answer
    if response.waits is not None:
        head["waits"] = response.waits
    return _pack(ANSWERS, head, response.changeset)


def pack_error(error: CrdtsqlError) -> bytes:
    """Write a response that says why a request could not be answered."""
    return bytes_of(_pack(ANSWERS, {"error": error.to_json()}, b""))


def unpack_response(data: bytes | Spilled, address: str) -> Response:
    """Read a response.

    Raises:
        TransportError: it is none, or says why there is none.
        FilledSeparatelyError: the other side refused to take rows for one that were filled separately.
        TooManyDeletesError: more rows would disappear there than may.
        ClaimedError: what was ordered of a claim can't be done.
    """
    head, changeset = _unpack(ANSWERS, data)
    if "error" in head:
        raise _error(head["error"], address)
    try:
        merged = None if head.get("merged") is None else MergeReport.from_json(head["merged"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TransportError(f"{address}: what it says of its merge is not valid ({error})") from error
    clock_ms = head.get("clock_ms")
    if clock_ms is not None and (type(clock_ms) is not int or not 0 <= clock_ms <= clock.to_ms(clock.HIGHEST_HLC)):
        raise TransportError("not a sound message of crdtsql's: clock_ms is no time")
    missing = _flag({"missing": False} | head, "missing")
    said = head.get("waits")
    waits = None if said is None else f"{address} answers: {printable(str(said)[:2000])}"
    return Response(*_read_who(head), changeset, merged, missing, clock_ms, _object(head, "answer"), waits)


def _who(site: str, vector: Mapping[str, int], lanes: Mapping[str, int]) -> dict[str, Any]:
    return {"site": site, "vector": vector_to_json(vector), "lanes": dict(lanes)}


def _read_who(head: dict[str, Any]) -> tuple[str, dict[str, int], dict[str, int]]:
    try:
        (site,) = by_id({head["site"]: 0})
        vector = {one.hex(): upto for one, upto in by_id(head["vector"]).items()}
        lanes = {one.hex(): chosen for one, chosen in by_id(head["lanes"]).items()}
    except (CrdtsqlError, LookupError, TypeError, AttributeError) as error:
        raise TransportError(f"not a sound message of crdtsql's: {error}") from error
    return site.hex(), vector, lanes


def _flag(head: Mapping[str, Any], name: str) -> bool:
    if not isinstance(head[name], bool):
        raise TransportError(f"not a sound message of crdtsql's: {name} is no flag")
    return bool(head[name])


def _limit(head: Mapping[str, Any]) -> str:
    """Read how many rows may disappear here; who does not say lets half of them."""
    try:
        return write_limit(parse_limit(str(head.get("max_deletes", HALF.text))))
    except UsageError as error:
        raise TransportError(f"not a sound message of crdtsql's: {error}") from error


def _object(head: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    found = head.get(name)
    if found is not None and not isinstance(found, dict):
        raise TransportError(f"not a sound message of crdtsql's: {name} is no object")
    return found


def _error(found: Any, address: str) -> CrdtsqlError:
    """Make an error of what the other side says of it, which is a stranger's word."""
    told = found if isinstance(found, dict) else {}
    message = f"{address} answers: {printable(str(told.get('message', 'nothing that can be read'))[:2000])}"
    details = told.get("details")
    if told.get("kind") == "FilledSeparatelyError" and isinstance(details, dict):
        rows = details.get("rows")
        counts = (
            {str(table): rows[table] for table in rows if type(rows[table]) is int} if isinstance(rows, dict) else {}
        )
        return FilledSeparatelyError(message, counts, wholly=details.get("wholly") is True)
    if told.get("kind") == "ClaimedError" and isinstance(details, dict):
        claim = details.get("claim")
        return ClaimedError(message, str(details.get("resource")), claim if isinstance(claim, dict) else None)
    if told.get("kind") == "TooManyDeletesError" and isinstance(details, dict):
        return _too_many_deletes(message, details)
    return TransportError(message)


def _too_many_deletes(message: str, details: dict[str, Any]) -> CrdtsqlError:
    """Make the error of which the other side says that a limit of ours is passed there."""
    told = message.partition("; if that is meant")[0]
    try:
        tables = {str(name): one for name, one in details["tables"].items()}
        rows = {name: (int(one["gone"]), int(one["of"])) for name, one in tables.items()}
        keys = {name: [tuple(map(from_json, key)) for key in one["keys"]] for name, one in tables.items()}
        sites = {str(site): int(count) for site, count in details["sites"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, CrdtsqlError):
        rows, keys, sites = {}, {}, {}
    return TooManyDeletesError(told, rows, keys, sites)


def _pack(magic: bytes, head: dict[str, Any], changeset: bytes | Spilled) -> bytes | Spilled:
    written = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")
    before = magic, _LENGTH.pack(len(written)), written
    return (
        b"".join((*before, changeset)) if isinstance(changeset, bytes) else put_together((*before, *changeset.pieces()))
    )


def _unpack(magic: bytes, data: bytes | Spilled) -> tuple[dict[str, Any], bytes | Spilled]:
    first = data.read(0, _BEGIN) if isinstance(data, Spilled) else data
    if len(first) < _BEGIN or first[: len(magic)] != magic:
        raise TransportError("not a message of crdtsql's: it does not begin as one; is crdtsql on the other side?")
    (length,) = _LENGTH.unpack_from(first, len(magic))
    if length > MAXIMUM_HEAD_BYTES or len(data) < _BEGIN + length:
        raise TransportError("a message of crdtsql's was cut off, or is no sound one: sync again")
    begin = _BEGIN + length
    try:
        head = json.loads(data.read(_BEGIN, begin) if isinstance(data, Spilled) else data[_BEGIN:begin])
    except (ValueError, RecursionError) as error:
        raise TransportError(f"not a sound message of crdtsql's: {error}") from error
    if not isinstance(head, dict):
        raise TransportError("not a sound message of crdtsql's: its head is no object")
    return head, data.part(begin) if isinstance(data, Spilled) else data[begin:]
