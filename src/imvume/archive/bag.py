"""The bag: one zip that a court can read, written in one and only one way.

BagIt 1.0 (RFC 8493) inside a zip of stored members with fixed dates and attributes. As
there is exactly one encoding of a given content, a reader can write the bag again and
compare: a bit that is flipped anywhere is found, also in the corners of a zip that no
checksum covers.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from imvume.errors import Broken

BAGIT = "bagit.txt"
INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAGS = "tagmanifest-sha256.txt"
MEMBER_BYTES_MAX = 64 * 1024**3  # of one member when read; no recording comes near it
MEMBERS_MAX = 100_000

_BLOCK = 1024 * 1024
_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


class Out(Protocol):
    """Anything that takes bytes in order."""

    def write(self, data: bytes, /) -> object: ...


class BagWriter:
    """Writes a bag to `out`, which need not seek. Memory is flat."""

    def __init__(self, out: Out) -> None:
        self._zip = zipfile.ZipFile(_Forward(out), "w", zipfile.ZIP_STORED, allowZip64=True)
        self._payload: dict[str, str] = {}
        self._octets = 0

    def add(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """A member of the payload, under data/. name: ASCII, no leading slash."""
        digest, size = _add(self._zip, f"data/{name}", [data] if isinstance(data, bytes) else data)
        self._payload[f"data/{name}"] = digest
        self._octets += size

    def finish(self, info: dict[str, str]) -> None:
        """The manifests. info: labels and values for bag-info.txt, such as the day of bagging."""
        oxum = {"Payload-Oxum": f"{self._octets}.{len(self._payload)}"}
        tags = {}
        for name, text in (
            (BAGIT, _DECLARATION),
            (INFO, "".join(f"{label}: {value}\n" for label, value in (info | oxum).items())),
            (MANIFEST, _manifest(self._payload)),
        ):
            tags[name], _ = _add(self._zip, name, [text.encode()])
        _add(self._zip, TAGS, [_manifest(tags).encode()])
        self._zip.close()


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a bag, and how to read it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def read(path: Path) -> Iterator[dict[str, Member]]:
    """The members of the bag at `path`, after every byte of it was checked.

    Raises Broken, naming the member or the place, if anything is not as a BagWriter writes it.
    """
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise _broken("its directory cannot be read") from error
        with archive:
            members = _members(archive)
            _check_manifests(members)
            _check_bytes(archive, path)
            yield members


def text(members: dict[str, Member], name: str, *, bytes_max: int = 1024 * 1024) -> str:
    """A small member as text. Raises Broken where it is missing or too large."""
    member = members.get(name)
    if member is None or member.size > bytes_max:
        raise _broken(f"{name} is missing")
    with _reading(name), member.open() as file:
        return file.read().decode("utf-8", "replace")


def digest(member: Member) -> tuple[str, int]:
    """The SHA-256 (lower hex) and the length of a member."""
    hashed, size = hashlib.sha256(), 0
    with _reading(member.name), member.open() as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
            size += len(block)
    return hashed.hexdigest(), size


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _broken(f"{name} cannot be read whole") from error


def _members(archive: zipfile.ZipFile) -> dict[str, Member]:
    listed = archive.infolist()
    if len(listed) > MEMBERS_MAX:
        raise _broken("it has more members than any bag of ours")
    found: dict[str, Member] = {}
    for info in listed:
        if info.filename in found or info.compress_type != zipfile.ZIP_STORED or info.file_size > MEMBER_BYTES_MAX:
            raise _broken("a member is doubled, packed or too large")
        found[info.filename] = Member(info.filename, info.file_size, lambda info=info: archive.open(info))  # type: ignore[misc]
    return found


def _check_manifests(members: dict[str, Member]) -> None:
    for manifest, covered in (
        (TAGS, {BAGIT, INFO, MANIFEST}),
        (MANIFEST, {n for n in members if n.startswith("data/")}),
    ):
        said = {}
        for line in text(members, manifest, bytes_max=64 * 1024 * 1024).splitlines():
            sha, _, name = line.partition("  ")
            said[name] = sha
        if strange := sorted((set(said) ^ covered) | (covered - set(members))):
            raise _broken(f"{strange[0]} is missing, or is not in {manifest}")
        for name in sorted(covered):
            if digest(members[name])[0] != said[name]:
                raise _broken(f"{name} was changed")
    if strange := sorted(n for n in members if not n.startswith("data/") and n not in (BAGIT, INFO, MANIFEST, TAGS)):
        raise _broken(f"{strange[0]} does not belong in it")


def _check_bytes(archive: zipfile.ZipFile, path: Path) -> None:
    with path.open("rb") as original:
        compare = _Compare(original)
        again = zipfile.ZipFile(_Forward(compare), "w", zipfile.ZIP_STORED, allowZip64=True)
        try:
            for info in archive.infolist():
                compare.inside = info.filename
                with _reading(info.filename), archive.open(info) as file:
                    _add(again, info.filename, iter(lambda f=file: f.read(_BLOCK), b""))  # type: ignore[misc]
            compare.inside = "its directory"
            again.close()
        finally:
            compare.over = True  # a ZipFile that is dropped half written still wants to write its directory
            again.close()
        if original.read(1):
            raise _broken("something follows its end")


class _Forward(io.RawIOBase):
    """A file that only goes forward, so that a zip never goes back to patch a header."""

    def __init__(self, out: Out) -> None:
        super().__init__()
        self._out = out

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: object, /) -> int:
        block = bytes(data)  # type: ignore[call-overload]
        self._out.write(block)
        return len(block)


class _Compare:
    def __init__(self, original: IO[bytes]) -> None:
        self._original = original
        self.inside = ""
        self.over = False

    def write(self, data: bytes, /) -> None:
        if not self.over and self._original.read(len(data)) != data:
            raise _broken(f"the bytes around {self.inside} were changed")


def _add(archive: zipfile.ZipFile, name: str, blocks: Iterable[bytes]) -> tuple[str, int]:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr = 3, 0o100644 << 16
    hashed, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=True) as member:
        for block in blocks:
            member.write(block)
            hashed.update(block)
            size += len(block)
    return hashed.hexdigest(), size


def _manifest(digests: dict[str, str]) -> str:
    return "".join(f"{sha}  {name}\n" for name, sha in sorted(digests.items()))


def _broken(where: str) -> Broken:
    return Broken(
        "archive.pack.broken",
        "The pack is not as it was written.",
        why=f"In it, {where}.",
        remedy="Ask for it again from who made it; do not rely on this copy.",
    )
