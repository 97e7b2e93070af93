"""Trees and proofs against the definition of RFC 9162 §2.1, written out here a second time."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.merkle import (
    CompactRange,
    consistency_proof,
    empty_root,
    hashes_of,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    split_point,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(1, 34)
LEAVES = tuple(leaf_hash(f"leaf {number}".encode()) for number in range(SIZES.stop))

# The eight records and roots that certificate-transparency logs have tested with since RFC 6962.
KNOWN_RECORDS = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
KNOWN_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def by_definition(leaves: tuple[bytes, ...]) -> bytes:
    """MTH of §2.1.1, recursively."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def path_by_definition(index: int, leaves: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """PATH of §2.1.3.1, recursively."""
    if len(leaves) == 1:
        return ()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return (*path_by_definition(index, leaves[:split]), by_definition(leaves[split:]))
    return (*path_by_definition(index - split, leaves[split:]), by_definition(leaves[:split]))


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_records_give_the_known_roots(size: int) -> None:
    leaves = [leaf_hash(record) for record in KNOWN_RECORDS[:size]]
    assert root_of(leaves).hex() == KNOWN_ROOTS[size - 1]


def test_an_empty_log_has_the_hash_of_nothing_for_its_root() -> None:
    assert root_of(()) == empty_root() == CompactRange().root() == sha256(b"").digest()


def test_a_leaf_can_never_pass_for_an_inner_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_the_definition_however_they_are_reached(size: int) -> None:
    compact = CompactRange()
    for leaf in LEAVES[:size]:
        compact, _ = compact.append(leaf)
    assert compact.size == size
    assert len(compact.peaks) == size.bit_count()
    assert compact.root() == root_of(LEAVES[:size]) == by_definition(LEAVES[:size])


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_has_the_path_of_the_definition_and_it_verifies(size: int) -> None:
    leaves = LEAVES[:size]
    root, range_hash = by_definition(leaves), hashes_of(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_proof(index, size, range_hash)
        assert path == path_by_definition(index, leaves)
        assert verify_inclusion(index, size, leaf, path, root)


@pytest.mark.parametrize("new", SIZES)
def test_every_earlier_tree_is_a_prefix_and_its_proof_verifies(new: int) -> None:
    range_hash, new_root = hashes_of(LEAVES[:new]), by_definition(LEAVES[:new])
    for old in range(new + 1):
        path = consistency_proof(old, new, range_hash)
        assert verify_consistency(old, new, by_definition(LEAVES[:old]), new_root, path)
        assert (path == ()) == (old in (0, new))


@given(st.data())
def test_an_inclusion_proof_altered_anywhere_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, SIZES.stop))
    index = data.draw(st.integers(0, size - 1))
    leaves = LEAVES[:size]
    root, path = by_definition(leaves), list(inclusion_proof(index, size, hashes_of(leaves)))
    place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    altered = [*path[:place], flipped(path[place], bit), *path[place + 1 :]]
    assert not verify_inclusion(index, size, leaves[index], altered, root)
    assert not verify_inclusion(index, size, flipped(leaves[index], bit), path, root)
    assert not verify_inclusion(index, size, leaves[index], path, flipped(root, bit))
    assert not verify_inclusion(index, size, leaves[index], path[:-1], root)
    assert not verify_inclusion(index, size, leaves[index], [*path, path[place]], root)


@given(st.data())
def test_a_leaf_proves_its_own_place_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, SIZES.stop))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda place: place != index))
    leaves = LEAVES[:size]
    path = inclusion_proof(index, size, hashes_of(leaves))
    assert not verify_inclusion(other, size, leaves[index], path, by_definition(leaves))


@given(st.data())
def test_a_log_that_was_rewritten_has_no_consistency_proof(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, SIZES.stop))
    old = data.draw(st.integers(1, new - 1))
    place, bit = data.draw(st.integers(0, old - 1)), data.draw(st.integers(0, 255))
    rewritten = (*LEAVES[:place], flipped(LEAVES[place], bit), *LEAVES[place + 1 : new])
    path = consistency_proof(old, new, hashes_of(rewritten))
    signed_before = by_definition(LEAVES[:old])
    assert not verify_consistency(old, new, signed_before, by_definition(rewritten), path)


@given(st.data())
def test_a_consistency_proof_altered_anywhere_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, SIZES.stop))
    old = data.draw(st.integers(1, new - 1))
    old_root, new_root = by_definition(LEAVES[:old]), by_definition(LEAVES[:new])
    path = list(consistency_proof(old, new, hashes_of(LEAVES[:new])))
    place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    altered = [*path[:place], flipped(path[place], bit), *path[place + 1 :]]
    assert not verify_consistency(old, new, old_root, new_root, altered)
    assert not verify_consistency(old, new, flipped(old_root, bit), new_root, path)
    assert not verify_consistency(old, new, old_root, flipped(new_root, bit), path)
    assert not verify_consistency(old, new, old_root, new_root, path[:-1])
    assert not verify_consistency(old, new, old_root, new_root, [*path, path[place]])


def test_trees_of_one_size_are_consistent_only_when_they_are_the_same() -> None:
    root, other = by_definition(LEAVES[:5]), by_definition(LEAVES[1:6])
    assert verify_consistency(5, 5, root, root, ())
    assert not verify_consistency(5, 5, root, other, ())
    assert not verify_consistency(5, 5, root, root, (LEAVES[0],))


def test_only_the_true_empty_root_is_a_prefix_of_everything() -> None:
    root = by_definition(LEAVES[:5])
    assert verify_consistency(0, 5, empty_root(), root, ())
    assert not verify_consistency(0, 5, LEAVES[0], root, ())
    assert not verify_consistency(0, 5, empty_root(), root, (LEAVES[0],))


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (7, 4)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(InvalidInput, match=f"{size} leaves has no leaf {index}"):
        inclusion_proof(index, size, hashes_of(LEAVES[:4]))
    assert not verify_inclusion(index, size, LEAVES[0], (), LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(-1, 4), (5, 4)])
def test_a_log_never_extends_a_longer_one(old: int, new: int) -> None:
    with pytest.raises(InvalidInput, match="cannot extend"):
        consistency_proof(old, new, hashes_of(LEAVES[:4]))
    assert not verify_consistency(old, new, LEAVES[0], LEAVES[0], ())


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (3, 2), (-1, 2), (0, 5)])
def test_a_range_without_leaves_has_no_hash(start: int, stop: int) -> None:
    with pytest.raises(InvalidInput, match="no leaves"):
        hashes_of(LEAVES[:4])(start, stop)


@pytest.mark.parametrize(("size", "peaks"), [(1, 0), (3, 1), (4, 2), (-1, 0)])
def test_a_compact_range_holds_one_peak_for_each_bit_of_its_size(size: int, peaks: int) -> None:
    with pytest.raises(InvalidInput, match="cannot describe"):
        CompactRange(size, LEAVES[:peaks])


@given(st.integers(2, 10**9))
def test_the_split_is_the_largest_power_of_two_below(count: int) -> None:
    split = split_point(count)
    assert split.bit_count() == 1
    assert split < count <= 2 * split


@given(st.integers(1, 64))
def test_appending_tells_every_subtree_that_it_completed(size: int) -> None:
    leaves = tuple(leaf_hash(bytes([number])) for number in range(size))
    compact, nodes = CompactRange(), {}
    for leaf in leaves:
        compact, completed = compact.append(leaf)
        nodes |= {(node.level, node.index): node.hash for node in completed}
    expected = {
        (level, index): by_definition(leaves[index << level : (index + 1) << level])
        for level in range(size.bit_length())
        for index in range(size >> level)
    }
    assert nodes == expected
