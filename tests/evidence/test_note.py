"""Checkpoints: signed in a form that others read, and refused in every form that is not exactly that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.signing import Ed25519CosignatureVerifier, PlainEd25519Signer
from tlog_scales.signing import Vkey as TheirVkey
from tlog_scales.tlog import Checkpoint as TheirCheckpoint

from imvume.errors import BadInput, Broken, ImvumeError
from imvume.evidence import note
from imvume.evidence.note import Checkpoint, Vkey

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "imvume.local/log/0193f1c2-0000-7000-8000-000000000000"
OURS = Vkey(ORIGIN, KEY.public_key().public_bytes_raw())
HEAD = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
EARLIEST = datetime(1970, 1, 2)  # noqa: DTZ001 - hypothesis adds the zone itself
SIGNED = note.sign(HEAD, KEY, at=AT)


def refusal(text: str, *vkeys: Vkey) -> str:
    with pytest.raises(ImvumeError) as refused:
        note.verified(text, vkeys or [OURS])
    return refused.value.code


def test_a_checkpoint_is_signed_and_verified() -> None:
    signed = note.verified(SIGNED, [OURS])
    assert (signed.checkpoint, signed.at, signed.exact) == (HEAD, AT, True)
    assert SIGNED.startswith(f"{ORIGIN}\n70000\n")


def test_the_second_of_signing_is_cut_not_rounded() -> None:
    signed = note.sign(HEAD, KEY, at=AT + timedelta(microseconds=999_999))
    assert note.verified(signed, [OURS]).at == AT
    assert signed == SIGNED, "Ed25519 signs the same text in one way"


def test_a_stranger_verifies_both_signatures_with_our_one_line() -> None:
    theirs = TheirCheckpoint.from_text(SIGNED)
    vkey = TheirVkey.from_string(str(OURS))
    theirs.verify(vkey)
    timed = TheirVkey(ORIGIN, None, 4, OURS.key)
    (line,) = [line for line in theirs.signatures if timed.match(line)]
    Ed25519CosignatureVerifier(timed).verify(line.payload, theirs)
    assert Ed25519CosignatureVerifier.get_timestamp(line.payload) == AT.timestamp()


def test_a_checkpoint_that_a_stranger_signed_is_verified_without_a_time() -> None:
    theirs = TheirCheckpoint.make_signed(ORIGIN, 5, b"r" * 32, [PlainEd25519Signer(ORIGIN, KEY)]).serialize()
    signed = note.verified(theirs, [OURS])
    assert (signed.checkpoint, signed.at, signed.exact) == (Checkpoint(ORIGIN, 5, b"r" * 32), None, False)


def test_the_example_key_of_the_specification_is_read_and_written_back() -> None:
    text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    assert Vkey.read(text).name == "example.com/foo"
    assert str(Vkey.read(text + "\n")) == text
    assert Vkey.read(str(OURS)) == OURS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "exa mple.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_a_line_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        Vkey.read(text)
    assert refused.value.code == "evidence.vkey.unreadable"


def test_signatures_of_others_are_passed_over() -> None:
    other = Ed25519PrivateKey.generate()
    theirs = note.sign(Checkpoint("witness.example.org/w1", HEAD.size, HEAD.root), other, at=AT).splitlines()[-2:]
    signed = note.verified(SIGNED + "\n".join(theirs) + "\n", [OURS])
    assert (signed.checkpoint, signed.at, signed.exact) == (HEAD, AT, False)


def test_a_key_of_the_same_name_that_is_not_known_is_no_key() -> None:
    stranger = note.sign(HEAD, Ed25519PrivateKey.generate(), at=AT)
    assert refusal(stranger) == "evidence.note.unsigned"


def test_a_key_of_another_log_signs_nothing_here() -> None:
    other = Vkey("imvume.local/log/another", OURS.key)
    assert refusal(SIGNED, other) == "evidence.note.unsigned"
    assert refusal(note.sign(Checkpoint(other.name, 1, b"r" * 32), KEY, at=AT)) == "evidence.note.unsigned"


def test_the_timed_signature_alone_is_not_enough() -> None:
    lines = SIGNED.splitlines(keepends=True)
    assert refusal("".join([*lines[:4], lines[5]])) == "evidence.note.unsigned"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n\n\n",
        SIGNED.replace("\n\n", "\n"),
        SIGNED.replace("\n\n", "\nan extension\n\n"),
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED + "— imvume\n",
        SIGNED.replace("— ", "- "),
        SIGNED.replace("\n70000\n", "\n070000\n"),
        SIGNED.replace("\n70000\n", "\n-1\n"),
        SIGNED.replace("\n70000\n", "\n７0000\n"),
        SIGNED.replace("\n70000\n", "\n9223372036854775808\n"),
        SIGNED.replace("\n", "\r\n"),
        SIGNED.replace("Hh8=", "Hh9="),
        SIGNED.replace("AAECAwQF", "AAEC AwQF"),
        SIGNED.replace("\n70000\n", "\n70000\nAA\n"),
        SIGNED + "".join(SIGNED.splitlines(keepends=True)[-1] for _ in range(40)),
        SIGNED + "— x " + "A" * 70_000 + "\n",
        SIGNED + "— \ud800 AAAAAAAA\n",
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_unreadable(text: str) -> None:
    assert refusal(text) == "evidence.note.unreadable"


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(0, 7))
def test_no_bit_of_a_signed_checkpoint_can_be_flipped_unnoticed(place: int, bit: int) -> None:
    flipped = bytearray(SIGNED.encode())
    flipped[place] ^= 1 << bit
    try:
        signed = note.verified(flipped.decode("utf-8", "replace"), [OURS])
    except (BadInput, Broken):
        return
    assert not signed.exact, "a line that was ours is passed over as a stranger's, and the form is no longer ours"


@given(
    st.text()
    | st.text(alphabet="\n— +=/ abcAB01")
    | st.just(SIGNED).flatmap(lambda s: st.integers(0, len(s)).map(lambda n: s[:n]))
)
def test_whatever_comes_is_refused_in_our_own_words(text: str) -> None:
    for read in (lambda: note.verified(text, [OURS]), lambda: Vkey.read(text)):
        try:
            read()
        except (BadInput, Broken) as refused:
            assert refused.code.startswith("evidence.")  # noqa: PT017 - which of the two it is does not matter


@given(
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.datetimes(timezones=st.just(UTC), min_value=EARLIEST),
)
def test_whatever_is_signed_reads_back(size: int, root: bytes, at: datetime) -> None:
    head = Checkpoint(ORIGIN, size, root)
    signed = note.verified(note.sign(head, KEY, at=at), [OURS])
    assert (signed.checkpoint, signed.at, signed.exact) == (head, at.replace(microsecond=0), True)
