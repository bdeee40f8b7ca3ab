"""Ed25519: make keys, sign and check, each kind of text under words of its own. Knows no file.

Needs `pip install 'crdtsql[signed]'`.
"""

from __future__ import annotations

from crdtsql.base import CrdtsqlError

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError as error:
    raise CrdtsqlError("signatures need the package cryptography: pip install 'crdtsql[signed]'") from error

CHANGESET = b"crdtsql changeset 1\n"
"""What is signed of a changeset: these words, and its checksum."""
KEY = b"crdtsql key 1\n"
"""What is signed of a key by the one before: these words, and whose, since when, and which."""
LINK = b"crdtsql link 1\n"
"""What is signed of a link of a chain: these words, and its statement."""


def new_secret() -> bytes:
    """Return a new private key, 32 bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(secret: bytes) -> bytes:
    """Return the public key of a private one, 32 bytes both."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sign(secret: bytes, words: bytes, text: bytes) -> bytes:
    """Sign a text of a kind; return 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(words + text)


def is_signed(public: bytes, words: bytes, text: bytes, signature: bytes) -> bool:
    """Tell whether a text of a kind was signed with the private key of a public one."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, words + text)
    except (InvalidSignature, ValueError):
        return False
    return True
