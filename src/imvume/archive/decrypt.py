"""Open one sealed object without Imvume: `python decrypt.py OBJECT KEY CONTEXT > FILE`.

This file lies beside the sealed objects of every archive on disk, so that whoever finds them
in thirty years knows what they are (representation information, as OAIS calls it). It needs
Python and the package `cryptography`, nothing else.

    OBJECT    a file that ends in .cob: Cobblestone-256 of C2SP chunked-encryption
    KEY       a file with the asset's key, 64 hexadecimal digits
    CONTEXT   TENANT|ASSET|1|1, with the ids of the object's path

What comes out is FLAC, or the recording as it came. A codec that ends in -ulaw or -alaw is
8-bit FLAC of G.711 codes in the order of their loudness; docs/reference/archive-format.md
of Imvume says how to turn it back.
"""

import hmac
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

CHUNK, TAG, HEADER = 16384, 16, 56


def main(path: str, key_path: str, context: str) -> None:
    with open(key_path) as file:
        key = bytes.fromhex(file.read().strip())
    with open(path, "rb") as sealed:
        header = sealed.read(HEADER)
        info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + header[:24] + context.encode()
        derived = HKDFExpand(algorithm=SHA512(), length=76, info=info).derive(key)
        if not hmac.compare_digest(derived[44:], header[24:]):
            sys.exit("The key or the context is not that of this object.")
        aead, base, number = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big"), 0
        while True:
            chunk = sealed.read(CHUNK + TAG)
            if not chunk:
                sys.exit("The object is truncated: its last chunk is missing.")
            sys.stdout.buffer.write(aead.decrypt((base ^ number).to_bytes(12, "big"), chunk, None))
            if len(chunk) < CHUNK + TAG:
                return
            number += 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
