"""Trees and proofs as RFC 6962 has them, against the vectors of certificate-transparency and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.formats import merkle

ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
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
LEAVES = b"".join(merkle.leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES)
SIZES = st.integers(1, 70)


def leaves(size: int) -> bytes:
    return b"".join(merkle.leaf_hash(n.to_bytes(2)) for n in range(size))


def test_roots_and_proofs_are_those_of_the_vectors() -> None:
    assert merkle.root(b"") == merkle.EMPTY
    assert [merkle.root(LEAVES[: n * merkle.SIZE]).hex() for n in range(1, 9)] == ROOTS
    assert [one.hex() for one in merkle.inclusion(LEAVES, 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [one.hex() for one in merkle.consistency(LEAVES, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@given(SIZES, st.data())
def test_a_leaf_is_proved_in_its_place_alone(size: int, data: st.DataObject) -> None:
    tree, index = leaves(size), data.draw(st.integers(0, size - 1))
    leaf, path, root = tree[index * 32 : index * 32 + 32], merkle.inclusion(tree, index), merkle.root(tree)
    assert merkle.included_root(leaf, index, size, path) == root
    elsewhere = data.draw(st.integers(0, size - 1))
    assert (merkle.included_root(leaf, elsewhere, size, path) == root) == (elsewhere == index)
    assert merkle.included_root(merkle.leaf_hash(b"other"), index, size, path) != root
    if path:
        assert merkle.included_root(leaf, index, size, path[:-1]) != root
    assert merkle.included_root(leaf, index, size, [*path, root]) != root
    with pytest.raises(IndexError):
        merkle.inclusion(tree, size)


@given(SIZES, st.data())
def test_a_tree_is_proved_to_continue_its_beginning_alone(size: int, data: st.DataObject) -> None:
    tree, old = leaves(size), data.draw(st.integers(1, size))
    before, root, path = merkle.root(tree[: old * 32]), merkle.root(tree), merkle.consistency(tree, old)
    assert merkle.is_consistent(old, size, before, root, path)
    other = merkle.leaf_hash(b"other")
    assert not merkle.is_consistent(old, size, other, root, path)
    assert not merkle.is_consistent(old, size, before, other, path)
    if path:
        assert not merkle.is_consistent(old, size, before, root, path[:-1])
    assert not merkle.is_consistent(old, size, before, root, [*path, other])
