"""Who the embedded PostgreSQL runs as: we ourselves, or a system user where we are root.

PostgreSQL refuses to run as root, and rightly: whoever breaks into it would own the machine.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from imvume.errors import Unavailable

NAMES = ("imvume", "postgres", "nobody")  # in the order we prefer; the first is made where it can be


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, and the way to run a program as him."""

    name: str
    uid: int
    gid: int

    @property
    def other(self) -> bool:
        """Whether this is somebody else than we are."""
        return self.uid != os.geteuid()

    def run(self, *command: str | Path) -> tuple[int, str]:
        """Run a program to its end as this user; answers its exit code and all it printed.

        It sees none of our environment: PGPORT and its kin, set for some other server, would steer ours.
        """
        # A file, not a pipe: a server that pg_ctl leaves behind would hold a pipe open for ever.
        with tempfile.TemporaryFile() as said:
            try:
                done = subprocess.run(  # noqa: S603  # programs we found, arguments we made
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"},
                    umask=0o077,
                    check=False,
                    # Given only when there is a change to make: it needs a right that others lack.
                    user=self.uid if self.other else None,
                    group=self.gid if self.other else None,
                    extra_groups=[] if self.other else None,
                )
            except PermissionError as error:
                return 126, str(error.strerror)
            except FileNotFoundError as error:
                return 127, str(error.strerror)
            said.seek(0)
            return done.returncode, said.read().decode("utf-8", "replace")

    def reaches(self, path: Path) -> bool:
        """Whether this user may walk to `path` and into it. Asked of the kernel: modes alone hide ACLs."""
        return not self.other or self.run("/usr/bin/test", "-x", path)[0] == 0


def account(data: Path, *, make: bool = True) -> Account:
    """Whom to run the server of the folder `data` as.

    We ourselves, unless we are root. Then the owner of a data folder that exists, else a
    system user, made at the first need unless `make` is false. Raises Unavailable where there is none to be had.
    """
    if os.geteuid() != 0:
        return Account(pwd.getpwuid(os.geteuid()).pw_name, os.geteuid(), os.getegid())
    with contextlib.suppress(FileNotFoundError, KeyError):
        if uid := data.stat().st_uid:
            return _named(pwd.getpwuid(uid).pw_name)
    with contextlib.suppress(KeyError):
        return _named(NAMES[0])
    if make:
        Account("root", 0, 0).run(
            "useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent",
            "--shell", "/usr/sbin/nologin", "--user-group", NAMES[0],
        )  # fmt: skip
    for name in NAMES:  # the first again: another process may have made it at the same moment
        with contextlib.suppress(KeyError):
            return _named(name)
    raise Unavailable(
        "store.embedded.no-account",
        "PostgreSQL does not run as root, and there is no system user to run it as.",
        remedy="Make one with `useradd --system imvume`, or run Imvume as an ordinary user.",
    )


def _named(name: str) -> Account:
    entry = pwd.getpwnam(name)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
