"""The few ways in which one secret protects another. Pure; every context is bound in.

AES key wrap (RFC 3394) under a key derived by HKDF-SHA-256 (RFC 5869) for one
purpose and one object, so that a wrapped key moved to another row does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from imvume.errors import Broken

KEY_BYTES = 32
NONCE_BYTES = 12


def fresh() -> bytes:
    """A new random key of 256 bits."""
    return os.urandom(KEY_BYTES)


def wrap(under: bytes, context: str, key: bytes) -> bytes:
    """`key` (32 bytes) wrapped under `under` for `context`: 40 bytes."""
    return aes_key_wrap(_derive(under, "wrap", context), key)


def unwrap(under: bytes, context: str, wrapped: bytes) -> bytes:
    """The key that `wrap` wrapped. Raises Broken for another key, another context or a changed byte."""
    try:
        return aes_key_unwrap(_derive(under, "wrap", context), wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise _broken() from error


def seal_text(under: bytes, context: str, text: bytes) -> bytes:
    """A short text (below a few KiB), encrypted and bound to `context`: nonce, ciphertext, tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_derive(under, "text", context)).encrypt(nonce, text, context.encode())


def open_text(under: bytes, context: str, sealed: bytes) -> bytes:
    """The text that `seal_text` sealed. Raises Broken as `unwrap` does."""
    try:
        return AESGCM(_derive(under, "text", context)).decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise _broken() from error


def mark(key: bytes, *parts: str | bytes) -> bytes:
    """A keyed hash of 16 bytes by which a thing is found again without being named (HMAC-SHA-256).

    Never a bare or a globally salted hash: all South African numbers can be tried in seconds.
    """
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        mac.update(len(data).to_bytes(4) + data)  # lengths, so that ("ab", "c") is not ("a", "bc")
    return mac.digest()[:16]


def _derive(under: bytes, purpose: str, context: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"imvume/{purpose}/1|{context}".encode()).derive(
        under
    )


def _broken() -> Broken:
    return Broken(
        "keys.unwrap.refused",
        "A key or a sealed text does not open.",
        why="It was changed, or it belongs to another record.",
        remedy="Run `imvume verify`; it names what was changed. Restore that record from the last good backup.",
    )
