"""Merkle trees as RFC 6962 has them: roots, and proofs of inclusion and consistency. Standard library only.

A leaf is hashed behind a zero byte, a node behind a one, so neither can stand in for the other. Functions take the
hashes of leaves, one behind the other in one ``bytes``: millions of them are held in 32 bytes each.
"""

from collections.abc import Sequence
from hashlib import sha256

SIZE = 32
"""Bytes of a hash."""
EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root(leaves: bytes) -> bytes:
    """The root of the tree over these leaf hashes."""
    while len(leaves) > SIZE:
        leaves = _above(leaves)
    return leaves or EMPTY


def inclusion(leaves: bytes, index: int) -> list[bytes]:
    """What a leaf is hashed with on the way to the root, from the bottom."""
    if not 0 <= index < len(leaves) // SIZE:
        raise IndexError(f"a tree of {len(leaves) // SIZE} leaves has no leaf {index}")
    path = []
    while len(leaves) > SIZE:
        beside = (index ^ 1) * SIZE
        path += [leaves[beside : beside + SIZE]] if beside < len(leaves) else []
        leaves, index = _above(leaves), index // 2
    return path


def consistency(leaves: bytes, old: int) -> list[bytes]:
    """Proof that the tree over the first ``old`` leaves is the beginning of this one."""
    size = len(leaves) // SIZE
    if not 0 < old <= size:
        raise IndexError(f"a tree of {size} leaves has no beginning of {old}")
    return _consistency(leaves, old, True)


def included_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof of inclusion leads to; None when it fits no tree of this size."""
    if not 0 <= index < size:
        return None
    at, last, above = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            above = node_hash(beside, above)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            above = node_hash(above, beside)
        at, last = at >> 1, last >> 1
    return above if last == 0 else None


def is_consistent(old: int, size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of ``old`` leaves is the beginning of the one of ``size``."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == new_root
    nodes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not nodes:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = nodes[0]
    for beside in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _above(level: bytes) -> bytes:
    """The next level; a last node without a neighbour goes up as it is."""
    pairs = len(level) - len(level) % (2 * SIZE)
    hashed = [sha256(b"\1" + level[at : at + 2 * SIZE]).digest() for at in range(0, pairs, 2 * SIZE)]
    return b"".join(hashed) + level[pairs:]


def _consistency(leaves: bytes, old: int, is_whole: bool) -> list[bytes]:
    size = len(leaves) // SIZE
    if old == size:
        return [] if is_whole else [root(leaves)]
    split = 1 << ((size - 1).bit_length() - 1)
    left, right = leaves[: split * SIZE], leaves[split * SIZE :]
    if old <= split:
        return [*_consistency(left, old, is_whole), root(right)]
    return [*_consistency(right, old - split, False), root(left)]
