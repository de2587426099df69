"""The envelope keeps what it was given, by range as well as whole, and notices everything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from hypothesis import given, settings
from hypothesis import strategies as st

from imvume.archive import envelope
from imvume.archive.envelope import CHUNK, Reader, Sealer, sealed_size
from imvume.archive.storage import Disk
from imvume.errors import Broken

KEY = bytes(range(32))


def _sealed(plain: bytes, context: bytes = b"c") -> bytes:
    return envelope.seal(KEY, context, plain)[0]


def _open(sealed: bytes, context: bytes = b"c", key: bytes = KEY) -> Reader:
    return Reader(key, context, lambda start, length: sealed[start : start + length], len(sealed))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1_000_003])
def test_what_was_sealed_is_read(size: int) -> None:
    plain = os.urandom(size)
    sealed = _sealed(plain)
    assert len(sealed) == sealed_size(size)
    assert _open(sealed).read() == plain
    stock = Cobblestone256Decryptor(KEY, b"c")
    assert stock.update(sealed) + stock.finalize() == plain


def test_what_the_library_seals_is_read() -> None:
    stock = Cobblestone256Encryptor(KEY, b"c")
    assert _open(stock.update(b"hello") + stock.finalize()).read() == b"hello"


@settings(max_examples=60)
@given(st.integers(0, 70_000), st.integers(0, 70_000), st.integers(0, 40_000))
def test_any_stretch_reads_as_the_stretch_of_the_whole(size: int, start: int, length: int) -> None:
    plain = bytes(i * 31 % 251 for i in range(size))
    reader = _open(_sealed(plain))
    reader.seek(start)
    assert reader.read(length) == plain[start : start + length]


def test_a_short_stretch_fetches_few_bytes() -> None:
    sealed = _sealed(os.urandom(10_000_000))
    fetched: list[int] = []

    def fetch(start: int, length: int) -> bytes:
        fetched.append(length)
        return sealed[start : start + length]

    reader = Reader(KEY, b"c", fetch, len(sealed))
    reader.seek(5_000_000)
    assert len(reader.read(1000)) == 1000
    assert sum(fetched) < 4 * envelope.SEALED_CHUNK


def test_one_flipped_bit_anywhere_is_noticed() -> None:
    sealed = _sealed(os.urandom(CHUNK + 40))
    for at in [*range(0, 120), *range(120, len(sealed), 97), *range(len(sealed) - 60, len(sealed))]:
        changed = bytearray(sealed)
        changed[at] ^= 1 << at % 8
        with pytest.raises(Broken):
            _open(bytes(changed)).read()


@pytest.mark.parametrize("cut", [1, 15, 16, 40, 56, CHUNK + 16, CHUNK + 17, 2 * CHUNK])
def test_a_truncated_object_is_noticed_before_a_byte_is_returned(cut: int) -> None:
    sealed = _sealed(os.urandom(2 * CHUNK + 50))
    with pytest.raises(Broken):
        _open(sealed[:-cut])


def test_an_object_does_not_open_as_another_record_or_under_another_key() -> None:
    sealed = _sealed(b"Naledi speaks")
    with pytest.raises(Broken):
        _open(sealed, b"other")
    with pytest.raises(Broken):
        _open(sealed, key=os.urandom(32))


def test_two_chunks_cannot_change_places() -> None:
    sealed = _sealed(os.urandom(3 * CHUNK))
    head, size = sealed[: envelope.HEADER], envelope.SEALED_CHUNK
    one, two, rest = (sealed[envelope.HEADER :][a : a + size] for a in (0, size, 2 * size))
    with pytest.raises(Broken):
        _open(head + two + one + rest + sealed[envelope.HEADER + 3 * size :]).read()


def test_memory_does_not_grow_with_what_is_sealed() -> None:
    largest = 0

    def out(data: bytes) -> None:
        nonlocal largest
        largest = max(largest, len(data))

    sealer = Sealer(KEY, b"c", out)
    for _ in range(100):
        sealer.write(b"\0" * 300_000)
    assert sealer.finish().size == sealed_size(30_000_000)
    assert largest < 2_000_000


def test_the_vectors_in_the_repository_open() -> None:
    # Made once with the library's own encryptor (tools/make-vectors.py): if either side changes its mind, this tells.
    for vector in json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8")):
        sealed = bytes.fromhex(vector["sealed"])
        reader = _open(sealed, vector["context"].encode(), bytes.fromhex(vector["key"]))
        assert reader.read() == bytes.fromhex(vector["plain"])


def test_the_reader_that_lies_beside_the_objects_opens_one_alone(tmp_path: Path) -> None:
    plain = os.urandom(40_000)
    (tmp_path / "object.cob").write_bytes(_sealed(plain, b"t|a|1|1"))
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    Disk(tmp_path / "objects")
    command = [sys.executable, "-I", str(tmp_path / "objects" / "decrypt.py"), "object.cob", "key"]
    ran = subprocess.run([*command, "t|a|1|1"], cwd=tmp_path, capture_output=True, check=True)
    assert ran.stdout == plain
    assert subprocess.run([*command, "t|b|1|1"], cwd=tmp_path, capture_output=True, check=False).returncode == 1
