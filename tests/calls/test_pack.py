"""A pack proves what it holds to somebody who has nothing else; and one changed bit in it is named."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from imvume.archive import bag, destroying
from imvume.archive.house import House, place_entries
from imvume.basics.ids import CallId, TenantId
from imvume.calls import actions, pack, packcheck
from imvume.errors import BadInput
from imvume.keys.vault import Destroyed
from recorded import AT, NALEDI, facts, pieces, tone


@pytest.fixture
def packed(house: House, tenant: TenantId, call: CallId, tmp_path: Path) -> Path:
    """The call as a pack."""
    to = tmp_path / "call.zip"
    pack.pack(house, tenant, call, to, at=AT)
    return to


def test_a_pack_proves_itself(packed: Path) -> None:
    report = packcheck.check(packed)
    assert report.broken == []
    assert report.verdict == "PROVEN"
    assert any("2 recordings" in line for line in report.proven)
    assert any("compare it" in line for line in report.not_proven)


def test_it_is_checked_on_a_machine_with_no_house_no_database_and_no_network(packed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imvume", "--home", str(tmp_path / "nowhere"), "verify", str(packed), "--json"]
    if os.geteuid() == 0:
        command = ["unshare", "--net", *command]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["verdict"] == "PROVEN"


def test_stock_tools_read_it_and_its_sound_is_what_was_recorded(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        with (
            wave.open(io.BytesIO(archive.read("data/audio/caller.wav"))) as heard,
            wave.open(io.BytesIO(tone())) as said,
        ):
            assert heard.getparams() == said.getparams()
            assert np.array_equal(
                np.frombuffer(heard.readframes(20_000), "<i2"), np.frombuffer(said.readframes(20_000), "<i2")
            )
        assert json.loads(archive.read("data/call.json"))["people"][0]["value"] == NALEDI


def test_one_flipped_bit_anywhere_in_it_is_named(packed: Path) -> None:
    whole = packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        places = {0, len(whole) - 1, *range(0, len(whole), max(1, len(whole) // 400))}
        for info in archive.infolist():  # every corner of every header, where no checksum looks
            places |= set(range(info.header_offset, info.header_offset + 30))
        places |= set(range(archive.start_dir, len(whole), 7))
    missed = []
    for place in sorted(places):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        packed.write_bytes(changed)
        report = packcheck.check(packed)
        if not report.broken:
            missed.append(place)
    assert missed == []


def test_a_pack_that_was_written_anew_around_other_sound_is_not_proven(packed: Path, tmp_path: Path) -> None:
    # The manifests of a bag can be made by anyone; what cannot be made is an entry in a signed log.
    forged = tmp_path / "forged.zip"
    with bag.read(packed) as members, forged.open("wb") as out:
        writer = bag.BagWriter(out)
        for name, member in members.items():
            if name.startswith("data/"):
                with member.open() as file:
                    data = file.read()
                if name.endswith("caller.wav"):
                    data = data[:-2] + b"\x01\x02"
                writer.add(name.removeprefix("data/"), data)
        writer.finish({"Bagging-Date": "2026-11-23"})
    report = packcheck.check(forged)
    assert [code for code, _ in report.broken] == ["calls.pack.unproven"]
    assert "caller.wav" in report.broken[0][1]


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("data/call.json", lambda t: t.replace(b'"queue": "service"', b'"queue": "servicf"')),
        ("data/evidence/0001.opening.json", lambda t: t.replace(b'"direction": "in"', b'"direction": "out"')),
        ("data/evidence/0001.tlog-proof", lambda t: t.replace(b"index 0", b"index 1")),
    ],
)
def test_a_fact_that_was_changed_is_not_proven(packed: Path, tmp_path: Path, member: str, change: object) -> None:
    forged = tmp_path / "forged.zip"
    assert callable(change)
    with bag.read(packed) as members, forged.open("wb") as out:
        writer = bag.BagWriter(out)
        for name, each in members.items():
            if name.startswith("data/"):
                with each.open() as file:
                    data = file.read()
                if name == member:
                    assert change(data) != data
                    data = change(data)
                writer.add(name.removeprefix("data/"), data)
        writer.finish({"Bagging-Date": "2026-11-23"})
    assert packcheck.check(forged).broken


def test_another_log_than_the_trusted_one_is_refused(packed: Path) -> None:
    report = packcheck.check(packed, vkey="imvume.local/log/other+00000000+AAAA")
    assert report.verdict == "BROKEN"


def test_an_encrypted_pack_opens_with_the_stock_tool_and_only_for_its_recipient(
    house: House, tenant: TenantId, call: CallId, tmp_path: Path
) -> None:
    import pyrage

    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    to = tmp_path / "call.zip.age"
    pack.pack(house, tenant, call, to, recipients=[str(mine.to_public())], at=AT)
    clear = tmp_path / "call.zip"
    clear.write_bytes(pyrage.decrypt(to.read_bytes(), [mine]))
    assert packcheck.check(clear).verdict == "PROVEN"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(to.read_bytes(), [other])
    (tmp_path / "id").write_text(str(mine))
    stock = subprocess.run(["age", "-d", "-i", str(tmp_path / "id"), str(to)], capture_output=True, check=True)
    assert stock.stdout == clear.read_bytes()


def test_an_export_never_replaces_a_file_and_leaves_no_half(
    house: House, tenant: TenantId, call: CallId, tmp_path: Path
) -> None:
    to = tmp_path / "call.zip"
    to.write_bytes(b"mine")
    with pytest.raises(BadInput):
        pack.pack(house, tenant, call, to, at=AT)
    with pytest.raises(BadInput):
        pack.pack(house, tenant, call, tmp_path / "x", recipients=["age1nonsense"], at=AT)
    assert to.read_bytes() == b"mine"
    assert [p.name for p in tmp_path.glob("*.zip*")] == ["call.zip"]
    assert not list(tmp_path.glob(".*.part"))


def test_nothing_is_packed_of_a_call_that_was_destroyed(
    house: House, tenant: TenantId, call: CallId, tmp_path: Path
) -> None:
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
    with pytest.raises(Destroyed):
        pack.pack(house, tenant, call, tmp_path / "x.zip", at=AT)
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize("junk", [b"", b"PK", b"PK\x05\x06" + bytes(18), os.urandom(4000)])
def test_what_is_no_pack_is_called_broken(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "junk.zip"
    path.write_bytes(junk)
    assert packcheck.check(path).verdict == "BROKEN"


def test_two_mixes_of_one_call_both_fit(house: House, tenant: TenantId, tmp_path: Path) -> None:
    twice = [
        piece.__class__("both", piece.file, f"{n}.wav", piece.size, mark=bytes([n]) * 16)
        for n, piece in enumerate(pieces("7.0"))
    ]
    call = actions.take_in(house, tenant, facts("7.0"), twice, at=AT).call
    place_entries(house, tenant, at=AT)
    done = pack.pack(house, tenant, call, tmp_path / "two.zip", at=AT)
    assert done.recordings == 2
    assert packcheck.check(tmp_path / "two.zip").verdict == "PROVEN"
