"""A folder in which anybody may have put anything."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pbx import sound

from imvume.basics import clock
from imvume.errors import BadInput, Conflict, ImvumeError, NotFound
from imvume.telephony.importers import folder as folders
from imvume.telephony.importers.folder import Entry, Folder
from imvume.telephony.importers.settle import Settling, being_written


class Told:
    """Remembers what was refused."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    def __call__(self, path: str, error: ImvumeError) -> None:
        self.codes[path] = error.code


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    (tmp_path / "monitor").mkdir()
    return tmp_path / "monitor"


@pytest.fixture
def folder(monitor: Path) -> Iterator[Folder]:
    opened = Folder(monitor)
    yield opened
    opened.close()


def files(folder: Folder, told: Told) -> list[str]:
    return ["/".join((*parts, name)) for parts, names in folder.walk(told) for name in names]


def entry(folder: Folder, path: str) -> Entry:
    *parts, name = path.split("/")
    (found,) = folder.look(tuple(parts), [name], lambda path, error: None)
    return found


def test_recordings_are_found_in_every_folder_below(monitor: Path, folder: Folder, told: Told) -> None:
    for path in ("a.wav", "2026/11/23/b.WAV", "2026/11/24/c.gsm", "2026/notes.txt", "2026/.d.wav.part"):
        sound(monitor / path)
    assert sorted(files(folder, told)) == ["2026/11/23/b.WAV", "2026/11/24/c.gsm", "a.wav"]
    assert told.codes == {}


def test_links_that_lead_out_are_refused_and_those_that_stay_are_passed_over(
    monitor: Path, folder: Folder, told: Told, tmp_path: Path
) -> None:
    outside = sound(tmp_path / "secret" / "secret.wav")
    sound(monitor / "a.wav")
    (monitor / "out.wav").symlink_to(outside)
    (monitor / "away").symlink_to(outside.parent)
    (monitor / "up").symlink_to("..")
    (monitor / "gone.wav").symlink_to("nowhere.wav")
    (monitor / "loop.wav").symlink_to("loop.wav")
    (monitor / "same.wav").symlink_to("a.wav")
    (monitor / "itself").symlink_to(".")
    assert files(folder, told) == ["a.wav"]
    refused = dict.fromkeys(["out.wav", "away", "up", "gone.wav"], "telephony.file.link")
    assert {path: code for path, code in told.codes.items() if path != "loop.wav"} == refused


def test_what_is_no_file_is_refused_by_what_it_is(monitor: Path, folder: Folder, told: Told) -> None:
    os.mkfifo(monitor / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(monitor / "talk.wav"))
    expected = {"pipe.wav": "telephony.file.special", "talk.wav": "telephony.file.special"}
    if os.geteuid() == 0:
        os.mknod(monitor / "null.wav", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        expected["null.wav"] = "telephony.file.special"
    assert files(folder, told) == []
    assert told.codes == expected
    assert list(folder.look((), sorted(expected), told)) == []


def test_a_fifo_that_takes_a_files_place_is_not_waited_for(monitor: Path, folder: Folder) -> None:
    sound(monitor / "a.wav")
    was = entry(folder, "a.wav")
    (monitor / "a.wav").unlink()
    os.mkfifo(monitor / "a.wav")
    began = time.monotonic()
    with pytest.raises(Conflict) as caught:
        folder.open(was)
    assert caught.value.code == "telephony.file.changed"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("swap", ["other", "link", "folder-link", "grown", "gone"])
def test_a_swap_between_the_look_and_the_opening_is_noticed(
    monitor: Path, folder: Folder, tmp_path: Path, swap: str
) -> None:
    file = sound(monitor / "day" / "a.wav")
    secret = sound(tmp_path / "secret" / "a.wav")
    os.utime(secret, ns=(0, file.stat().st_mtime_ns))
    was = entry(folder, "day/a.wav")
    if swap == "other":
        os.replace(secret, file)
    elif swap == "link":
        file.unlink()
        file.symlink_to(secret)
    elif swap == "folder-link":
        file.parent.rename(monitor / "was")
        (monitor / "day").symlink_to(secret.parent)
    elif swap == "grown":
        with file.open("ab") as more:
            more.write(b"x")
    else:
        file.unlink()
    with pytest.raises(Conflict) as caught:
        folder.open(was)
    assert caught.value.code == "telephony.file.changed"


def test_a_file_that_grows_while_it_is_read_is_noticed_by_the_next_read(monitor: Path, folder: Folder) -> None:
    file = sound(monitor / "a.wav", seconds=60)
    opened, check = folder.open(entry(folder, "a.wav"))
    with opened:
        assert opened.read(10)
        check()
        with file.open("ab") as more:
            more.write(b"more")
        with pytest.raises(Conflict):
            opened.read(folders.READ_BYTES * 2)
        with pytest.raises(Conflict):
            check()


def test_a_file_reads_as_what_it_holds(monitor: Path, folder: Folder) -> None:
    raw = sound(monitor / "a.wav", seconds=30).read_bytes()
    opened, _ = folder.open(entry(folder, "a.wav"))
    with opened:
        assert opened.read() == raw
        assert opened.seek(4) == 4
        assert opened.read(3) == raw[4:7]


def test_only_the_file_that_was_looked_at_is_removed(monitor: Path, folder: Folder) -> None:
    file = sound(monitor / "day" / "a.wav")
    was = entry(folder, "day/a.wav")
    raw = file.read_bytes()
    file.unlink()
    file.write_bytes(raw)
    with pytest.raises(Conflict):
        folder.remove(was)
    assert file.exists()
    folder.remove(entry(folder, "day/a.wav"))
    assert not file.exists()
    folder.remove(was)  # it has gone by itself


def test_a_loop_of_folders_ends(monitor: Path, folder: Folder, told: Told) -> None:
    deep = monitor.joinpath(*["d"] * (folders.DEPTH_MAX + 3))
    sound(deep / "a.wav")
    assert files(folder, told) == []
    assert list(told.codes.values()) == ["telephony.folder.deep"]


def test_a_folder_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(NotFound) as caught:
            Folder(path)
        assert caught.value.code == "telephony.folder.none"


def test_the_folder_itself_may_be_a_link(monitor: Path, tmp_path: Path, told: Told) -> None:
    sound(monitor / "a.wav")
    (tmp_path / "link").symlink_to(monitor)
    opened = Folder(tmp_path / "link")
    assert files(opened, told) == ["a.wav"]
    assert opened.path == monitor.resolve()
    opened.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_what_we_may_not_read_is_refused_by_name(monitor: Path) -> None:
    sound(monitor / "a.wav").chmod(0o600)
    (monitor / "closed").mkdir(mode=0o700)
    for path in (monitor, *monitor.parents[:3]):
        path.chmod(0o755)
    script = """
import os, sys
from pathlib import Path
from imvume.telephony.importers.folder import Folder
folder, codes = Folder(Path(sys.argv[1])), []
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for parts, names in folder.walk(lambda path, error: codes.append(f"{path} {error.code}")):
    for entry in folder.look(parts, names, print):
        try:
            folder.open(entry)
        except Exception as error:
            codes.append(f"{entry.path} {error.code}")
print(sorted(codes))
"""
    said = subprocess.run([sys.executable, "-c", script, str(monitor)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['a.wav telephony.file.unreadable', 'closed telephony.file.unreadable']", said.stderr


@pytest.mark.parametrize("name", ["a\nb.wav", "\x1b[2J.wav", "-rf.wav", " .wav", "..wav", "x" * 251 + ".wav", "é.wav"])
def test_a_hostile_name_is_a_name(monitor: Path, folder: Folder, told: Told, name: str) -> None:
    (monitor / name).write_bytes(b"x")
    (monitor / os.fsdecode(b"\xff\xfe.wav")).write_bytes(b"x")
    found = files(folder, told)
    assert found == [*([name] if not name.startswith(".") else []), "\udcff\udcfe.wav"]
    for path in found:
        folder.open(entry(folder, path))[0].close()


# Settling ------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Ticks:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def still(size: int = 10, ago: float = 60.0) -> Entry:
    return Entry((), "a.wav", 1, 2, size, int((NOW.timestamp() - ago) * 1e9))


def test_a_file_that_was_not_touched_for_long_has_settled() -> None:
    assert Settling(10, Ticks()).settled(still(ago=60), at=NOW)
    assert not Settling(10, Ticks()).settled(still(ago=5), at=NOW)


def test_a_file_that_grows_is_waited_for_until_it_stands_still() -> None:
    ticks = Ticks()
    settling = Settling(10, ticks)
    for size in (10, 20, 30):
        assert not settling.settled(still(size, ago=1), at=NOW)
        ticks.at += 9
    ticks.at += 2
    assert settling.settled(still(30, ago=1), at=NOW)


def test_a_file_that_grows_with_an_old_time_is_noticed_once_it_was_seen() -> None:
    # Some write a copy and set its time again after each piece.
    ticks = Ticks()
    settling = Settling(10, ticks)
    assert not settling.settled(still(10, ago=1), at=NOW)
    assert not settling.settled(still(20, ago=500), at=NOW)
    ticks.at += 11
    assert settling.settled(still(20, ago=500), at=NOW)


def test_with_the_clock_set_back_an_hour_a_file_from_the_future_is_watched_instead() -> None:
    ticks = Ticks()
    settling = Settling(10, ticks)
    assert not settling.settled(still(ago=-3600), at=NOW)
    ticks.at += 11
    assert settling.settled(still(ago=-3600), at=NOW)


def test_a_file_that_another_process_has_open_for_writing_is_seen(monitor: Path, folder: Folder) -> None:
    sound(monitor / "held.wav")
    sound(monitor / "read.wav")
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; f, g = open(sys.argv[1], 'ab'), open(sys.argv[2]); print(flush=True); input()",
            str(monitor / "held.wav"),
            str(monitor / "read.wav"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        held, read = entry(folder, "held.wav"), entry(folder, "read.wav")
        at = clock.now()  # a file's own time is the clock's
        assert being_written([held, read], beneath=str(folder.path), at=at) == {(held.device, held.inode)}
        assert being_written([held], beneath=str(folder.path), at=at + timedelta(days=2)) == frozenset()
        other.communicate(b"\n")
    assert being_written([held, read], beneath=str(folder.path), at=at) == frozenset()


def test_errors_about_files_hold_no_names(monitor: Path, folder: Folder) -> None:
    said: list[str] = []
    os.mkfifo(monitor / "447700900123.wav")
    (monitor / "447700900123-2.wav").symlink_to("/447700900123")
    files(folder, lambda path, error: said.append(str(error)))  # type: ignore[arg-type]  # only called
    assert len(said) == 2
    assert "7700" not in "".join(said)
    with pytest.raises(BadInput):
        raise folders._unreadable(OSError(13, "x", "/447700900123"))
