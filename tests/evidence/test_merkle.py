"""The tree, against the published vectors and against the definition in RFC 6962 taken literally."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imvume.evidence import merkle, tiles

# The leaves and roots that every implementation of RFC 6962 is tried with (certificate-transparency,
# merkletree/merkle_tree_test.cc), which RFC 6962 itself has no room for.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(data: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    n = len(data)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1, word for word."""
    n = len(data)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: Sequence[bytes], whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2, word for word."""
    n = len(data)
    if m == n:
        return [] if whole else [mth(data)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*subproof(m, data[:k], whole), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def some(size: int) -> list[bytes]:
    return [index.to_bytes(8) for index in range(size)]


def grown(data: Sequence[bytes], steps: Sequence[int]) -> tuple[tiles.Edge, dict[tiles.Place, bytes]]:
    """The edge and the tiles of a tree that grew in batches of these sizes."""
    edge, held, at = tiles.Edge(), dict[tiles.Place, bytes](), 0
    for step in [*steps, len(data)]:
        batch = data[at : at + step]
        edge, new = edge.grow(b"".join(map(merkle.leaf, batch)))
        for tile in new:
            assert tile.hashes.startswith(held.get((tile.level, tile.n), b"")), "a tile only grows"
            held[tile.level, tile.n] = tile.hashes
        at += len(batch)
    return edge, held


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_are_found(size: int) -> None:
    assert merkle.root([merkle.leaf(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]
    assert grown(LEAVES[:size], [1] * size)[0].root().hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_root_of_nothing() -> None:
    assert merkle.root([]) == merkle.EMPTY == tiles.Edge().root() == mth([])


@given(st.lists(st.binary(max_size=3), max_size=70))
def test_a_root_is_what_the_definition_says(data: list[bytes]) -> None:
    assert merkle.root([merkle.leaf(item) for item in data]) == mth(data)


@given(st.integers(1, 1200), st.data())
def test_proofs_are_what_the_definition_says_and_lead_to_the_root(size: int, data: st.DataObject) -> None:
    entries = some(size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    edge, held = grown(entries, data.draw(st.lists(st.integers(0, 400), max_size=4)))
    hashes = [tiles.span_hash(span, held.__getitem__) for span in merkle.inclusion(index, size)]
    assert hashes == path(index, entries)
    assert merkle.included(merkle.leaf(entries[index]), index, size, hashes) == edge.root() == mth(entries)
    steps = [tiles.span_hash(span, held.__getitem__) for span in merkle.consistency(old, size)]
    assert steps == subproof(old, entries, True)
    assert merkle.consistent(old, mth(entries[:old]), size, mth(entries), steps)


@given(st.integers(2, 300), st.data())
def test_a_proof_fits_no_other_leaf_index_size_or_path(size: int, data: st.DataObject) -> None:
    entries = some(size)
    index = data.draw(st.integers(0, size - 1))
    good, top, leaf = path(index, entries), mth(entries), merkle.leaf(entries[index])
    assert merkle.included(leaf, index, size, good) == top
    other = data.draw(st.integers(0, size + 2).filter(lambda i: i != index))
    assert merkle.included(leaf, other, size, good) != top
    assert merkle.included(merkle.leaf(b"another"), index, size, good) != top
    assert merkle.included(leaf, index, size, good[:-1]) != top
    assert merkle.included(leaf, index, size, [*good, top]) != top
    bad = list(good)
    place = data.draw(st.integers(0, len(bad) - 1))
    bad[place] = bytes([bad[place][0] ^ 1]) + bad[place][1:]
    assert merkle.included(leaf, index, size, bad) != top


@given(st.integers(2, 200), st.data())
def test_no_consistency_is_proved_with_another_past(size: int, data: st.DataObject) -> None:
    entries = some(size)
    old = data.draw(st.integers(1, size - 1))
    steps, before, after = subproof(old, entries, True), mth(entries[:old]), mth(entries)
    assert merkle.consistent(old, before, size, after, steps)
    changed = list(entries)
    changed[data.draw(st.integers(0, old - 1))] = b"changed"
    assert not merkle.consistent(old, mth(changed[:old]), size, after, steps)
    assert not merkle.consistent(old, before, size, mth(changed), steps)
    assert not merkle.consistent(old, before, size, after, steps[:-1])
    assert not merkle.consistent(old, before, size, after, [*steps, after])
    assert not merkle.consistent(size, after, old, before, steps)


@given(st.lists(st.integers(0, 700), max_size=6))
def test_however_it_grew_the_tiles_are_those_of_its_size(steps: list[int]) -> None:
    size = sum(steps)
    edge, held = grown(some(size), steps)
    again, once = grown(some(size), [])
    assert (edge, held) == (again, once)
    assert edge.size == size
    assert {place: len(row) // 32 for place, row in held.items()} == {
        (level, n): tiles.width(level, n, size)
        for level in range(3)
        for n in range(size // 256 + 1)
        if tiles.width(level, n, size)
    }
    assert tiles.edge(size, {place: held[place] for place in tiles.edge_places(size)}) == edge


def test_the_example_of_the_specification_has_its_tiles() -> None:
    # tlog-tiles: "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0
    # tile of width 112, one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile"
    _, held = grown(some(70_000), [])
    widths = {place: len(row) // 32 for place, row in held.items()}
    assert [widths[0, n] for n in range(274)] == [256] * 273 + [112]
    assert (widths[1, 0], widths[1, 1], widths[2, 0]) == (256, 17, 1)
    assert len(widths) == 277


def test_an_edge_of_the_wrong_width_is_none() -> None:
    _, held = grown(some(700), [])
    asked = {place: held[place] for place in tiles.edge_places(700)}
    assert tiles.edge(701, asked) is None
    assert tiles.edge(700, {(1, 0): asked[1, 0]}) is None


def test_there_is_no_proof_of_what_is_not_there() -> None:
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            merkle.inclusion(index, size)
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no such trees"):
            merkle.consistency(old, new)
