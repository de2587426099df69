"""An Asterisk 22 of Debian's, unpacked into a folder of its own: no root, no dpkg database, nothing installed."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Debian 12 and 13 carry no Asterisk; forky carries 22. It runs on any of them, because its own
# libc and its own loader come along in the prefix.
SUITE = "forky"

# What the modules of modules.txt need, and no more: 14 MB instead of the 79 MB of all that Debian
# recommends. The names contain sonames and will change one day; then apt resolves the lot.
NAMED = (Path(__file__).parent / "packages.txt").read_text("utf-8").split()

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}


class Absent(Exception):
    """There can be no Asterisk on this machine; the text says why and how to get one."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where an Asterisk was unpacked."""

    root: Path

    @property
    def libraries(self) -> Path:
        return self.root / "usr/lib" / f"{platform.machine()}-linux-gnu"

    @property
    def modules(self) -> Path:
        return self.libraries / "asterisk/modules"

    def command(self, *arguments: str) -> list[str]:
        """The command line of this Asterisk, through its own loader: the machine's libc may be older."""
        loader = self.libraries / LOADERS[platform.machine()]
        return [str(loader), "--library-path", str(self.libraries), str(self.root / "usr/sbin/asterisk"), *arguments]


def cache() -> Path:
    """The folder that outlives a run: $XDG_CACHE_HOME/imvume-lab, else ~/.cache/imvume-lab."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imvume-lab"


def unpacked(kept: Path) -> Prefix:
    """The Asterisk in the folder `kept`, fetched there if this is the first time (about six seconds).

    Two runs at once wait for each other. Raises Absent with the reason where it cannot be had.
    """
    if platform.system() != "Linux" or platform.machine() not in LOADERS:
        raise Absent(f"Asterisk is fetched for Linux on {' or '.join(LOADERS)}; this is {platform.platform()}.")
    root = kept / f"asterisk-22-{SUITE}-{platform.machine()}"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with _alone(kept / "lock"):
            if not root.exists():
                _unpack(root)
    except OSError as error:
        raise Absent(f"The cache folder of the lab cannot be used: {error.strerror}.") from error
    return Prefix(root)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(root: Path) -> None:
    for program in ("apt-get", "dpkg-deb", "tar"):
        if not shutil.which(program):
            raise Absent(f"Asterisk is fetched with {program}, which this machine does not have.")
    if not KEYRING.exists():
        raise Absent("The keys of Debian's archive are missing: install debian-archive-keyring.")
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=root.parent) as folder:
        work = Path(folder)
        apt = _private_apt(work / "apt", _mirror())
        try:
            _run(["apt-get", "-qq", "download", *NAMED], apt, work / "apt/debs")
        except Absent:
            _run(["apt-get", "-qq", "-y", "-o", "Debug::NoLocking=1", "--download-only", "--no-install-recommends",
                  "install", "asterisk"], apt, work)  # fmt: skip
        debs = [*(work / "apt/debs").glob("*.deb"), *(work / "apt/archives").glob("*.deb")]
        for deb in debs:
            _lay_out(deb, work / "root")
        # Some packages ship a library without the link that the loader looks for.
        subprocess.run(
            ["/sbin/ldconfig", "-n", str(Prefix(work / "root").libraries)], check=False, stderr=subprocess.DEVNULL
        )
        (work / "root").rename(root)  # whole or not at all: a run that is killed leaves no half prefix


def _mirror() -> str:
    """The Debian mirror that this machine already uses; none is written into the project."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    for address in listed:
        if address.rstrip("/").endswith("/debian"):
            return address
    raise Absent("No Debian mirror is listed in this machine's apt sources (run `apt-get update` first).")


def _private_apt(folder: Path, mirror: str) -> Path:
    for name in ("lists/partial", "archives/partial", "debs"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    # The suite moves on or freezes; its signature is checked all the same, only its date is not.
    (folder / "sources.list").write_text(
        f"deb [signed-by={KEYRING} check-valid-until=no] {mirror} {SUITE} main\n", encoding="utf-8"
    )
    settings = {
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder,
        "Dir::Cache::archives": folder / "archives",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "",
    }
    (folder / "apt.conf").write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()), "utf-8")
    _run(["apt-get", "-qq", "update"], folder / "apt.conf", folder)
    return folder / "apt.conf"


def _run(command: Sequence[str], apt: Path, where: Path) -> None:
    ran = subprocess.run(
        command, cwd=where, env={**os.environ, "APT_CONFIG": str(apt)}, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Absent(f"`{' '.join(command[:3])}` failed and said: {said}")


def _lay_out(deb: Path, root: Path) -> None:
    root.mkdir(exist_ok=True)
    leave = ["./usr/share/doc*", "./usr/share/man*", "./usr/share/locale*", "./usr/lib/*/gconv*"]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as reading:
        subprocess.run(
            ["tar", "-x", "-C", str(root), "--no-same-owner", *(f"--exclude={name}" for name in leave)],
            stdin=reading.stdout,
            check=True,
        )
    if reading.returncode:
        raise Absent(f"The package {deb.name.partition('_')[0]} did not arrive whole.")
