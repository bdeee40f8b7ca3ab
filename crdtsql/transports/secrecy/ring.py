"""Ring: a file of a store that has the keys of its changesets, for each device that may read them.

A ring is encrypted to the devices, and signed by the *group*: whoever said first who reads the store. Each change of who may read
makes a ring with a higher version; the highest one that the group signed counts. Changesets are encrypted to its newest key; the older
keys are in it too, so who was away for long, or comes later, reads all that is there. It knows no store and no file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from crdtsql.base import InvalidChangesetError
from crdtsql.transports.secrecy import device

try:
    import pyrage
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from pyrage import x25519
except ImportError as error:
    raise device.needs() from error

FOLDER = "0" * 32
"""Stands where a segment's name has its writer."""
_FILE = re.compile(rf"{FOLDER}/ring-(?P<version>[0-9]{{8}})-[0-9a-f]{{32}}\.age", re.ASCII)
_DOMAIN = b"crdtsql ring 1\n"
MOST_BYTES = 1 << 20


class AnotherGroupError(InvalidChangesetError):
    """A ring is of another group than the one that counts."""


class Reader(NamedTuple):
    """A device that may read.

    Attributes:
        key: its public key, in the form of age.
        name: what people call it.
    """

    key: str
    name: str


class Ring(NamedTuple):
    """What a device finds in a ring.

    Attributes:
        group: the public key by which it is signed, as hex.
        version: of rings of one group the highest counts.
        keys: private keys in the form of age, the oldest first; changesets are encrypted to the last one.
        readers: who may read it.
    """

    group: str
    version: int
    keys: tuple[str, ...]
    readers: tuple[Reader, ...]

    def sealed(self, data: bytes | memoryview) -> bytes:
        """Encrypt a file to the newest key."""
        sealed: bytes = pyrage.encrypt(bytes(data), [x25519.Identity.from_str(self.keys[-1]).to_public()])
        return sealed

    def opened(self, data: bytes) -> bytes | None:
        """Decrypt a file; None if it is encrypted to a key that is not in this ring, nothing if it is damaged, or not encrypted."""
        try:
            found: bytes = pyrage.decrypt(data, [x25519.Identity.from_str(key) for key in reversed(self.keys)])
        except pyrage.DecryptError as error:
            return None if "No matching keys" in str(error) else b""
        return found


def version_of(name: str) -> int | None:
    """Return the version of the ring of a name; None if the name is no ring's."""
    found = _FILE.fullmatch(name)
    return None if found is None else int(found["version"])


def name_of(version: int, data: bytes) -> str:
    """Return the name of a ring in its store."""
    return f"{FOLDER}/ring-{version:08d}-{hashlib.blake2b(data, digest_size=16).hexdigest()}.age"


def new_group() -> str:
    """Return a private key for a group, as hex."""
    return Ed25519PrivateKey.generate().private_bytes_raw().hex()


def new_key() -> str:
    """Return a private key for changesets, in the form of age."""
    return str(x25519.Identity.generate())


def group_of(secret: str) -> str:
    """Return the public key of a group as hex."""
    return _private(secret).public_key().public_bytes_raw().hex()


def public_key(private: str) -> str:
    """Return the public key of a private one, both in the form of age."""
    return str(x25519.Identity.from_str(private).to_public())


def is_public_key(text: str) -> bool:
    """Tell whether a text is a public key in the form of age."""
    with suppress(pyrage.RecipientError):
        x25519.Recipient.from_str(text)
        return True
    return False


def write(secret: str, version: int, keys: Sequence[str], readers: Sequence[Reader]) -> tuple[str, bytes]:
    """Return the name and the bytes of a ring.

    Args:
        secret: the private key of the group.
    """
    inside = json.dumps({"keys": list(keys), "readers": [list(reader) for reader in readers]}).encode()
    body = pyrage.encrypt(inside, [x25519.Recipient.from_str(reader.key) for reader in readers])
    signature = _private(secret).sign(_signed(version, body))
    outside = {
        "group": group_of(secret),
        "version": version,
        "signature": signature.hex(),
        "body": base64.b64encode(body).decode("ascii"),
    }
    data = json.dumps(outside).encode()
    return name_of(version, data), data


def read(data: bytes, private: str, version: int, group: str | None = None) -> Ring | None:
    """Read a ring.

    Args:
        private: the key of the device.
        version: that of its name, which is signed too.
        group: by whom it must be signed; None for whoever it says.

    Returns:
        None if it is not for this device.

    Raises:
        AnotherGroupError: it says that it is signed by another group.
        InvalidChangesetError: it is damaged, not signed by the group, or another version.
    """
    try:
        outside = _dictionary(data)
        signer = str(outside["group"])
        body = base64.b64decode(str(outside["body"]), validate=True)
        if group is not None and signer != group:
            raise AnotherGroupError("it is another group's")
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer))
        public.verify(bytes.fromhex(str(outside["signature"])), _signed(version, body))
        inside = _dictionary(pyrage.decrypt(body, [x25519.Identity.from_str(private)]))
        keys = tuple(str(key) for key in inside["keys"])
        readers = tuple(Reader(str(key), str(name)) for key, name in inside["readers"])
    except pyrage.DecryptError:
        return None
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise InvalidChangesetError("it is damaged, or its signature is wrong") from error
    return Ring(signer, version, keys, readers)


def _dictionary(data: bytes) -> dict[str, Any]:
    found = json.loads(data) if len(data) <= MOST_BYTES else None
    if not isinstance(found, dict):
        raise ValueError("no dictionary")  # noqa: TRY004 - it is the content that is wrong
    return found


def _private(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))


def _signed(version: int, body: bytes) -> bytes:
    return _DOMAIN + version.to_bytes(8, "big") + hashlib.sha256(body).digest()
