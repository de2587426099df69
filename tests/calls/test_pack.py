"""A pack proves what it holds to somebody who has nothing else; and one changed bit in it is named."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import wave
import zipfile
from collections.abc import Callable
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


def _written_anew(packed: Path, forged: Path, change: Callable[[str, bytes], bytes]) -> packcheck.Report:
    with bag.read(packed) as members, forged.open("wb") as out:
        writer = bag.BagWriter(out)
        for name, each in members.items():
            if name.startswith("data/"):
                with each.open() as file:
                    writer.add(name.removeprefix("data/"), change(name, file.read()))
        writer.finish({"Bagging-Date": "2026-11-23"})
    return packcheck.check(forged)


def test_two_good_packs_cut_apart_do_not_make_a_third(
    house: House, tenant: TenantId, packed: Path, tmp_path: Path
) -> None:
    # Each part was in the log, so the facts of one call beside the voices of another were called proven.
    other = actions.take_in(house, tenant, facts("2.0"), pieces("2.0", pitch=700), at=AT).call
    place_entries(house, tenant, at=AT)
    pack.pack(house, tenant, other, tmp_path / "other.zip", at=AT)
    parts: dict[str, bytes] = {}
    for prefix, whole in (("0", packed), ("1", tmp_path / "other.zip")):
        with bag.read(whole) as members:
            for name, each in members.items():
                if name.startswith("data/"):
                    with each.open() as file:
                        parts[name.removeprefix("data/").replace("evidence/0", f"evidence/{prefix}")] = file.read()
            if prefix == "0":
                card = json.loads(parts["call.json"])
    card["recordings"] = json.loads(parts["call.json"])["recordings"]  # the other call's voices
    parts["call.json"] = json.dumps(card).encode()
    forged = tmp_path / "forged.zip"
    with forged.open("wb") as out:
        writer = bag.BagWriter(out)
        for name, data in parts.items():
            writer.add(name, data)
        writer.finish({"Bagging-Date": "2026-11-23"})
    report = packcheck.check(forged)
    assert [code for code, _ in report.broken] == ["calls.pack.unproven"]
    assert "another call" in report.broken[0][1]


def test_a_voice_under_the_others_name_is_not_proven(packed: Path, tmp_path: Path) -> None:
    def swap(name: str, data: bytes) -> bytes:
        if name == "data/call.json":
            card = json.loads(data)
            one, two = card["recordings"]
            one["file"], two["file"] = two["file"], one["file"]
            return json.dumps(card).encode()
        return voices.get(name, data)

    with bag.read(packed) as members:
        caller, agent = (members[f"data/audio/{who}.wav"].open().read() for who in ("caller", "agent"))
    voices = {"data/audio/caller.wav": agent, "data/audio/agent.wav": caller}
    report = _written_anew(packed, tmp_path / "forged.zip", swap)
    assert "another voice" in report.broken[0][1]


@pytest.mark.parametrize(
    "card", [b"{}", b'{"call": 1, "recordings": []}', b'{"call": {"call_id": []}, "recordings": 7}']
)
def test_a_pack_of_another_shape_is_called_broken_and_not_unforeseen(packed: Path, tmp_path: Path, card: bytes) -> None:
    report = _written_anew(
        packed, tmp_path / "forged.zip", lambda name, data: card if name == "data/call.json" else data
    )
    assert [code for code, _ in report.broken] == ["calls.pack.unproven"]


def test_a_pack_says_that_it_may_not_be_all(packed: Path) -> None:
    assert any("every recording" in line for line in packcheck.check(packed).not_proven)
