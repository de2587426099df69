"""The tables of G.711 against another's, and the order that makes them small."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from imvume.archive.sound import g711
from imvume.archive.sound.g711 import ALAW, ULAW, Law


@pytest.mark.parametrize("law", [ULAW, ALAW], ids=lambda law: law.name)
def test_a_code_stands_for_the_sample_that_libsndfile_decodes_it_to(law: Law) -> None:
    codes = io.BytesIO(bytes(range(256)))
    theirs, _ = soundfile.read(
        codes, format="RAW", samplerate=8_000, channels=1, subtype=law.name.upper(), dtype="int16"
    )
    assert (law.linear == theirs).all()


@pytest.mark.parametrize("law", [ULAW, ALAW], ids=lambda law: law.name)
def test_the_order_rises_and_leaves_no_code_out(law: Law) -> None:
    assert sorted(law.codes) == list(range(256))
    assert (np.diff(law.values.astype(int)) >= 0).all()
    assert (law.codes[g711.ranks(law.wave)] == np.arange(256)).all()


def test_mu_law_has_two_zeros_and_each_stays_itself() -> None:
    assert ULAW.linear[0x7F] == ULAW.linear[0xFF] == 0
    assert ULAW.wave[0x7F] != ULAW.wave[0xFF]


@given(st.binary(min_size=1, max_size=300), st.sampled_from([ULAW, ALAW]))
def test_what_was_decoded_from_codes_is_known_for_it_and_comes_back(codes: bytes, law: Law) -> None:
    samples = law.linear[np.frombuffer(codes, np.uint8)]
    found = g711.spoken([samples])
    assert found is not None
    waves = found.wave_of[samples.view(np.uint16)]
    assert (found.values[g711.ranks(waves)] == samples).all()


def test_one_sample_that_no_code_says_is_enough_to_know_better() -> None:
    samples = ULAW.linear[np.zeros(100_000, np.uint8)].copy()
    samples[99_999] = 1
    assert g711.spoken([samples]) is None


def test_a_law_is_dropped_where_the_other_alone_goes_on() -> None:
    assert g711.spoken([np.zeros(10, np.int16), ULAW.linear[:]]) is ULAW
    assert g711.spoken([ALAW.linear[:]]) is ALAW
    assert g711.spoken([ULAW.linear[:], ALAW.linear[:]]) is None
