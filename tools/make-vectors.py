"""Make tests/archive/vectors.json: small sealed things, to be opened for as long as this format is read."""

import json
import os
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Encryptor

vectors = []
for context, plain in (("", b""), ("t|a|1|1", b"one short chunk"), ("t|b|1|1", bytes(range(256)) * 64 + b"!")):
    key = os.urandom(32)
    encryptor = Cobblestone256Encryptor(key, context.encode())
    sealed = encryptor.update(plain) + encryptor.finalize()
    vectors.append({"key": key.hex(), "context": context, "plain": plain.hex(), "sealed": sealed.hex()})
path = Path(__file__).parent.parent / "tests" / "archive" / "vectors.json"
path.write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")
