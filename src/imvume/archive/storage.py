"""Where sealed objects lie: a folder on this machine, or an object store.

Both hold only ciphertext under paths of ids and dates. An object is written once and
never changed; `durable` means that it survives a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from imvume.basics.ids import moment
from imvume.errors import Broken, Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Config

PART_BYTES = 8 * 1024 * 1024  # an upload's part; below it an object goes up in one request
AWAY_SECONDS = 180  # an object store that is away this long is waited for
SUFFIX = ".cob"


def path(tenant: UUID, call: UUID, asset: UUID) -> str:
    """Where an asset's object lies: by tenant and by the day (UTC) of its call."""
    return f"t/{tenant}/{moment(call):%Y/%m/%d}/{asset}{SUFFIX}"


class Writer(Protocol):
    """An object on its way. Nothing can be seen at its path before `commit` returns."""

    def write(self, data: bytes) -> None: ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class Storage(Protocol):
    """What the archive asks of a place for objects."""

    def writer(self, path: str) -> Writer: ...

    def read(self, path: str, start: int, length: int) -> bytes: ...

    def size(self, path: str) -> int | None: ...

    def remove(self, path: str) -> bool: ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, int, datetime]]: ...


class Disk:
    """A folder on this machine. Written beside, fsynced, linked into place, and its folder fsynced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reader = self._folder / "decrypt.py"
        if not reader.exists():  # who finds these objects one day should find beside them how they are read
            reader.write_text(files("imvume.archive").joinpath("decrypt.py").read_text("utf-8"), encoding="utf-8")

    def writer(self, path: str) -> Writer:
        """Begin the object at `path`. Raises Unavailable when the disk is full."""
        return _DiskWriter(self._folder, path)

    def read(self, path: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`. Raises Broken where there is no object or it is too short."""
        try:
            descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            # Too many open files, say, is no reason to call an archive broken.
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise _unreadable(error) from error
            raise missing() from error
        try:
            data = os.pread(descriptor, length, start)
        finally:
            os.close(descriptor)
        if len(data) != length:
            raise missing()
        return data

    def size(self, path: str) -> int | None:
        """Its length in bytes, or None where there is no object."""
        try:
            return os.stat(self._folder / path, follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    def remove(self, path: str) -> bool:
        """Remove it, durably. False where there was none."""
        try:
            os.unlink(self._folder / path)
        except FileNotFoundError:
            return False
        _fsync((self._folder / path).parent)
        return True

    def list(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, int, datetime]]:
        """(path, size, written at) of every object under `prefix`, in order, from after `after`."""
        yield from self._walk(self._folder / prefix, after)

    def _walk(self, folder: Path, after: str) -> Iterator[tuple[str, int, datetime]]:
        if not folder.is_dir():
            return
        for entry in sorted(os.scandir(folder), key=lambda e: e.name):
            name = str(Path(entry.path).relative_to(self._folder))
            if entry.is_dir(follow_symlinks=False):
                if name + "/\uffff" > after:
                    yield from self._walk(Path(entry.path), after)
            elif name > after:
                with contextlib.suppress(FileNotFoundError):  # removed while we walked
                    stat = entry.stat(follow_symlinks=False)
                    yield name, stat.st_size, _EPOCH + timedelta(seconds=stat.st_mtime)


class _DiskWriter:
    def __init__(self, root: Path, path: str) -> None:
        self._path = root / path
        self._beside = self._path.with_name(f".{secrets.token_hex(8)}.part")
        with _disk_errors():
            _make_folders(root, self._path.parent)
            self._file = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, data: bytes) -> None:
        with _disk_errors():
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]

    def commit(self) -> None:
        with _disk_errors():
            os.fsync(self._file)
            # Never twice: by then the number may be another thread's file.
            done, self._file = self._file, -1
            os.close(done)
            os.link(self._beside, self._path)  # unlike rename, it refuses to replace
            os.unlink(self._beside)
            _fsync(self._path.parent)

    def abort(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._beside)


class ObjectStore:
    """An S3 bucket. Credentials come from the environment or from `key_file`, never from an address."""

    def __init__(self, address: str, *, endpoint: str, region: str, key_file: str = "") -> None:
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        settings: S3Config = {"bucket": bucket, "region": region}
        if endpoint:
            settings["endpoint"] = endpoint
            settings["virtual_hosted_style_request"] = False
        if key_file:
            settings["access_key_id"], settings["secret_access_key"] = Path(key_file).read_text("utf-8").split()
        self._store = S3Store(
            config=settings,
            prefix=prefix or None,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": "30s"},
            retry_config={
                "max_retries": 60,
                "retry_timeout": timedelta(seconds=AWAY_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
        )

    def writer(self, path: str) -> Writer:
        """Begin the object at `path`; a large one goes up in parts that are dropped if it is not committed."""
        return _ObjectWriter(self._store, path)

    def read(self, path: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`. Raises Broken where there is no object or it is too short."""
        if length == 0:
            return b""
        with _store_errors():
            data = bytes(obstore.get_range(self._store, path, start=start, length=length))
        if len(data) != length:
            raise missing()
        return data

    def size(self, path: str) -> int | None:
        """Its length in bytes, or None where there is no object."""
        try:
            with _store_errors():
                return int(obstore.head(self._store, path)["size"])
        except Broken:
            return None

    def remove(self, path: str) -> bool:
        """Remove it. False where there was none."""
        if self.size(path) is None:
            return False
        with _store_errors():
            obstore.delete(self._store, path)
        return True

    def list(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, int, datetime]]:
        """(path, size, written at) of every object under `prefix`, in order, from after `after`."""
        with _store_errors():
            for slice_ in obstore.list(self._store, prefix, offset=after or None):
                for item in slice_:
                    yield item["path"], item["size"], item["last_modified"]


class _ObjectWriter:
    def __init__(self, store: S3Store, path: str) -> None:
        self._writer = obstore.open_writer(store, path, buffer_size=PART_BYTES)

    def write(self, data: bytes) -> None:
        with _store_errors():
            self._writer.write(data)

    def commit(self) -> None:
        with _store_errors():
            self._writer.close()

    def abort(self) -> None:
        # Without a close nothing appears at the path; parts that were sent wait for the bucket's own rule to go.
        del self._writer


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(
                "archive.storage.full",
                "The disk of the archive is full.",
                why="The object could not be written whole, so nothing of it was kept.",
                remedy="Free space or move the archive to a larger disk; the recording was left where it was.",
            ) from error
        raise Unavailable(
            "archive.storage.unwritable",
            "The archive's disk refuses to be written.",
            why=f"The system says {errno.errorcode.get(error.errno or 0, 'an unknown error')}.",
            remedy="Run `imvume doctor`; the recording was left where it was.",
        ) from error


@contextlib.contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise missing() from error
    except (BaseError, OSError) as error:
        raise Unavailable(
            "archive.storage.away",
            "The object store does not answer.",
            why="It is stopped, unreachable or refuses our key.",
            remedy="Nothing was lost; run `imvume doctor`, then try again.",
        ) from error


def _unreadable(error: OSError) -> Unavailable:
    return Unavailable(
        "archive.storage.unreadable",
        "The archive's disk refuses to be read.",
        why=f"The system says {errno.errorcode.get(error.errno or 0, 'an unknown error')}.",
        remedy="Nothing was lost; run `imvume doctor`, then try again.",
    )


def missing() -> Broken:
    """The error for an object that should be there and is not, or not whole."""
    return Broken(
        "archive.object.missing",
        "A sealed object is not where it should be.",
        why="It was removed or cut short outside Imvume.",
        remedy="Run `imvume verify`; restore the object from a copy whose digest is in the evidence.",
    )


def _make_folders(root: Path, folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(root, folder.parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    _fsync(folder.parent)


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
