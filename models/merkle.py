"""Merkle trees as RFC 9162 §2.1 defines them: roots, proofs, and their verification.

A tree is named by its leaf hashes in order. Every subtree that proofs speak of is a *range* of leaves, so all
proofs here are computed over one function, ``RangeHash``: (start, stop) to the hash of those leaves. A list
of leaf hashes gives one (``hashes_of``), and so does a log that keeps inner nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from models.errors import InvalidInput

HASH_BYTES = 32

RangeHash = Callable[[int, int], bytes]
"""Hash of the tree over leaves ``[start, stop)``, 32 bytes; ``start < stop``."""


def leaf_hash(record: bytes) -> bytes:
    """SHA-256(0x00 ‖ record), 32 bytes (§2.1.1)."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), 32 bytes (§2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def empty_root() -> bytes:
    """Root of the tree without leaves: SHA-256 of nothing (§2.1.1)."""
    return sha256(b"").digest()


def split_point(count: int) -> int:
    """The largest power of two smaller than ``count`` (§2.1.1); ``count`` ≥ 2."""
    return 1 << ((count - 1).bit_length() - 1)


@dataclass(frozen=True, slots=True)
class CompactRange:
    """All that appending needs of a tree: its size and the roots of its perfect subtrees, widest first.

    One root per bit set in ``size``, so a log of a million leaves carries at most twenty hashes.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise InvalidInput(f"{len(self.peaks)} subtree roots cannot describe {self.size} leaves")

    def append(self, leaf: bytes) -> tuple[CompactRange, tuple[Node, ...]]:
        """The range with one more leaf hash, and every node that this leaf completed, leaf first."""
        nodes = [Node(0, self.size, leaf)]
        peaks = list(self.peaks)
        while self.size >> nodes[-1].level & 1:
            last = nodes[-1]
            nodes.append(Node(last.level + 1, last.index >> 1, node_hash(peaks.pop(), last.hash)))
        peaks.append(nodes[-1].hash)
        return CompactRange(self.size + 1, tuple(peaks)), tuple(nodes)

    def root(self) -> bytes:
        """Root hash of the tree, 32 bytes."""
        if not self.peaks:
            return empty_root()
        folded = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            folded = node_hash(peak, folded)
        return folded


@dataclass(frozen=True, slots=True)
class Node:
    """Root of the perfect subtree over leaves ``[index << level, (index + 1) << level)``."""

    level: int
    index: int
    hash: bytes


def hashes_of(leaves: Sequence[bytes]) -> RangeHash:
    """Range hashes over leaf hashes held in memory, by the definition (§2.1.1); each call O(stop - start)."""

    def range_hash(start: int, stop: int) -> bytes:
        if not 0 <= start < stop <= len(leaves):
            raise InvalidInput(f"no leaves {start} to {stop} in a log of {len(leaves)}")
        compact = CompactRange()
        for leaf in leaves[start:stop]:
            compact, _ = compact.append(leaf)
        return compact.root()

    return range_hash


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; the empty tree has one too."""
    return hashes_of(leaves)(0, len(leaves)) if leaves else empty_root()


def inclusion_proof(index: int, size: int, range_hash: RangeHash) -> tuple[bytes, ...]:
    """Audit path of leaf ``index`` in the tree of ``size`` leaves, lowest sibling first (§2.1.3.1).

    Raises:
        InvalidInput: there is no such leaf.
    """
    if not 0 <= index < size:
        raise InvalidInput(f"a log of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + split_point(stop - start)
        if index < middle:
            path.append(range_hash(middle, stop))
            stop = middle
        else:
            path.append(range_hash(start, middle))
            start = middle
    return tuple(reversed(path))


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` leads from the leaf hash to ``root`` (§2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, folded = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            folded = node_hash(sibling, folded)
            # A right border node without a sibling rises until it has one.
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            folded = node_hash(folded, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and folded == root


def consistency_proof(old: int, new: int, range_hash: RangeHash) -> tuple[bytes, ...]:
    """Nodes that show the tree of ``old`` leaves to be a prefix of the tree of ``new`` (§2.1.4.1).

    Empty for equal sizes and for an empty old tree, which is a prefix of everything.

    Raises:
        InvalidInput: not ``0 ≤ old ≤ new``.
    """
    if not 0 <= old <= new:
        raise InvalidInput(f"a log of {new} leaves cannot extend one of {old}")
    if old in (0, new):
        return ()
    path: list[bytes] = []
    start, stop, whole = 0, new, True
    while stop != old:
        middle = start + split_point(stop - start)
        if old <= middle:
            path.append(range_hash(middle, stop))
            stop = middle
        else:
            path.append(range_hash(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(start, old))
    return tuple(reversed(path))


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` shows that nothing under ``old_root`` changed up to ``new_root`` (§2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == empty_root()
    # A perfect old tree is itself the first node, and the proof leaves it out.
    nodes = (old_root, *path) if old.bit_count() == 1 else tuple(path)
    if not nodes:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_folded = new_folded = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_folded, new_folded = node_hash(node, old_folded), node_hash(node, new_folded)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            new_folded = node_hash(new_folded, node)
        position >>= 1
        last >>= 1
    return last == 0 and old_folded == old_root and new_folded == new_root
