"""Who answers a row: shares, stickiness, leases, states that cannot be used."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts import steady
from include.formats import state_file
from include.formats.sealed_text import copy_of
from tests.unit.deployment.serving_code import served
from tests.unit.fakes.damage import KINDS, damage

ROUTER = served("router")
OLD, NEW = "r0001", "r0002"
TEXT = st.text(max_size=20)


def release(name: str, width: int = 1) -> SimpleNamespace:
    return SimpleNamespace(name=name, width=width)


def written(path: Path, share: float, **other: Any) -> Path:
    shares = {OLD: 1 - share, NEW: share} if 0 < share < 1 else {OLD: 1.0}
    state = {"usecase": "u", "generation": 3, "champion": OLD, "weights": shares, **other}
    path.write_text(json.dumps(state))
    return path


def router(path: Path, share: float, load: Any = release, **other: Any) -> Any:
    return ROUTER.Router(written(path / "rollout.json", share, **other), load, ["tail", "number"])


def who(some: Any, tails: list[str], sizes: list[int] | None = None) -> list[str]:
    """The release of each row."""
    found = np.empty(len(tails), dtype=object)
    fields = {"tail": np.array(tails, dtype=object)}
    for one, rows in some.split(fields, sizes or [1] * len(tails)):
        found[slice(None) if rows is None else rows] = one.name
    return found.tolist()


def lease(seconds: float) -> dict:
    return {"seconds": seconds, "given": steady.now().model_dump()}


def tails(count: int, prefix: str = "N") -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]


@pytest.mark.parametrize("sticky_by", [None, "tail"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_shares_hold(tmp_path: Path, share: float, sticky_by: str | None) -> None:
    counted = Counter(who(router(tmp_path, share, sticky_by=sticky_by, salt=NEW), tails(20_000)))
    assert counted[NEW] / 20_000 == pytest.approx(share, abs=0.02)
    assert counted.total() == 20_000


@given(st.lists(TEXT, min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_the_same_value_meets_the_same_release_in_whatever_batch(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], share: float
) -> None:
    some = router(tmp_path_factory.mktemp("r"), share, sticky_by="tail", salt=NEW)
    together = dict(zip(values, who(some, values), strict=True))
    assert who(some, values, [len(values)]) == [together[value] for value in values]
    assert [who(some, [value])[0] for value in values] == [together[value] for value in values]


@given(st.floats(0.01, 0.98), st.floats(0.01, 0.98))
def test_a_share_that_grows_keeps_those_that_it_had(
    tmp_path_factory: pytest.TempPathFactory, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    path, asked = tmp_path_factory.mktemp("r"), tails(300)
    before = who(router(path, small, sticky_by="tail", salt=NEW), asked)
    after = who(router(path, large, sticky_by="tail", salt=NEW), asked)
    assert all(b == NEW for a, b in zip(before, after, strict=True) if a == NEW)


def test_another_salt_shuffles_anew(tmp_path: Path) -> None:
    asked = tails(4000)
    first = who(router(tmp_path, 0.5, sticky_by="tail", salt="r0002"), asked)
    second = who(router(tmp_path, 0.5, sticky_by="tail", salt="r0003"), asked)
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(asked)
    assert same == pytest.approx(0.5, abs=0.05)


@given(TEXT, TEXT)
def test_a_position_is_in_the_unit_interval(salt: str, value: str) -> None:
    assert 0 <= ROUTER.position(salt, value) < 1


def test_releases_with_different_numbers_of_scores_do_not_share_a_request(tmp_path: Path) -> None:
    some = router(tmp_path, 0.5, lambda name: release(name, 2 if name == NEW else 3), sticky_by="tail", salt=NEW)
    found, sizes = who(some, tails(300), [1, 3, 2] * 50), [1, 3, 2] * 50
    parts = np.split(np.array(found), np.cumsum(sizes)[:-1])
    assert all(len(set(part)) == 1 for part in parts)
    assert set(found) == {OLD, NEW}


def test_after_the_lease_all_is_the_champions_and_nothing_is_copied(tmp_path: Path) -> None:
    copied = {"release": NEW, "share": 0.5}
    alive = router(tmp_path, 0.5, lease=lease(60), shadow=copied)
    assert set(who(alive, tails(100))) == {OLD, NEW}
    assert (alive.shadow.champion.name, alive.shadow.release.name, alive.shadow.share) == (OLD, NEW, 0.5)
    over = router(tmp_path, 0.5, lease=lease(-1), shadow=copied)
    assert set(who(over, tails(100))) == {OLD}
    assert over.shadow is None


@pytest.mark.parametrize("step", [86400, -86400])
def test_a_step_of_the_wall_clock_neither_ends_a_lease_nor_prolongs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    clock = SimpleNamespace(now=1000.0)
    faked = SimpleNamespace(monotonic=lambda: clock.now, time=lambda: clock.now + step)
    monkeypatch.setattr(ROUTER, "time", faked)
    some = router(tmp_path, 0.5, lease=lease(60))
    clock.now += 59
    assert set(who(some, tails(100))) == {OLD, NEW}
    clock.now += 2
    assert set(who(some, tails(100))) == {OLD}


@pytest.mark.parametrize(("boot", "left"), [("", 60), ("same", 20)], ids=["another start of the machine", "the same"])
def test_a_process_that_starts_late_counts_from_when_the_lease_was_given_if_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boot: str, left: float
) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(ROUTER, "time", SimpleNamespace(monotonic=lambda: clock.now))
    now = steady.now()
    given = now.model_copy(update={"uptime": now.uptime - 40, **({} if boot else {"boot": "another"})})
    some = router(tmp_path, 0.5, lease={"seconds": 60, "given": given.model_dump()})
    clock.now += left - 2
    assert set(who(some, tails(100))) == {OLD, NEW}
    clock.now += 3
    assert set(who(some, tails(100))) == {OLD}


def test_looking_at_the_same_state_again_prolongs_no_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(ROUTER, "time", SimpleNamespace(monotonic=lambda: clock.now))
    given = steady.now().model_copy(update={"boot": "another"}).model_dump()
    some = router(tmp_path, 0.5, lease={"seconds": 60, "given": given})
    clock.now += 59
    written(some.path, 0.5, lease={"seconds": 60, "given": given})
    some.refresh()
    clock.now += 2
    assert set(who(some, tails(100))) == {OLD}
    written(some.path, 0.5, lease={"seconds": 60, "given": given}, generation=4)
    some.refresh()
    assert set(who(some, tails(100))) == {OLD, NEW}, "the watcher lives"


def test_the_lease_of_a_state_that_an_earlier_version_wrote_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(ROUTER, "time", SimpleNamespace(monotonic=lambda: clock.now))
    some = router(tmp_path, 0.5, lease_until=4e9)
    assert set(who(some, tails(100))) == {OLD, NEW}
    clock.now += ROUTER.FORMER_LEASE_SECONDS + 1
    assert set(who(some, tails(100))) == {OLD}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"weights": {OLD: 0.5}}, "add up to 1"),
        ({"sticky_by": "colour"}, "sticky_by 'colour' is not a request field"),
        ({"shadow": {"release": NEW, "share": 0}}, "above 0 and at most 1"),
        ({"shadow": {"release": "r9999", "share": 1}}, "r9999"),
    ],
)
def test_a_state_that_cannot_be_used_is_counted_and_the_old_one_followed(
    tmp_path: Path, wrong: dict, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> SimpleNamespace:
        if name == "r9999":
            raise FileNotFoundError(name)
        return release(name)

    told: list[str] = []
    monkeypatch.setattr(ROUTER, "tell", told.append)
    some = router(tmp_path, 0, load)
    written(some.path, 0, **{"generation": 4, **wrong})
    some.refresh()
    assert (some.errors, some.generation, who(some, ["N1"])) == (1, 3, [OLD])
    assert says in told[0]


def test_a_state_without_the_newer_keys_is_followed(tmp_path: Path) -> None:
    some = router(tmp_path, 0.2)
    assert some.generation == 3
    assert some.shadow is None


def test_nothing_deployed_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nothing is deployed yet"):
        ROUTER.Router(tmp_path / "rollout.json", release, []).split({}, [1])


def kept(path: Path, generation: int = 3) -> Path:
    """A state as the platform writes it, with its copy."""
    state = {"usecase": "u", "generation": generation, "champion": OLD, "weights": {OLD: 1.0}}
    state_file.write(path, json.dumps(state))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_state_is_followed_from_its_copy_also_by_a_new_process(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(ROUTER, "tell", told.append)
    path = kept(tmp_path / "rollout.json")
    some = ROUTER.Router(path, release, [])
    damage(path, kind)
    some.refresh()
    new = ROUTER.Router(path, release, [])
    assert [(one.errors, one.generation, who(one, ["N1"])) for one in (some, new)] == [(1, 3, [OLD])] * 2
    assert ["rollout.json is damaged" in words for words in told] == [True, True]
    kept(path, 4)
    new.refresh()
    assert (new.errors, new.generation) == (1, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_without_any_good_state_on_disk_the_one_in_memory_serves(tmp_path: Path, kind: str) -> None:
    path = kept(tmp_path / "rollout.json")
    some = ROUTER.Router(path, release, [])
    copy_of(path).write_bytes(b"")
    damage(path, kind)
    some.refresh()
    assert (some.errors, some.generation, who(some, ["N1"])) == (1, 3, [OLD])


def test_a_copy_that_is_older_than_what_is_followed_is_not_followed(tmp_path: Path) -> None:
    path = kept(tmp_path / "rollout.json")
    older = copy_of(path).read_text()
    some = ROUTER.Router(kept(path, 5), release, [])
    copy_of(path).write_text(older)
    path.write_bytes(b"")
    some.refresh()
    assert (some.errors, some.generation) == (1, 5)


@pytest.mark.parametrize("content", ["{}", "[]", '{"weights": {}}'])
def test_a_file_that_is_no_state_is_replaced_by_the_copy_also_in_a_new_process(tmp_path: Path, content: str) -> None:
    path = kept(tmp_path / "rollout.json")
    path.write_text(content)
    new = ROUTER.Router(path, release, [])
    assert (new.errors, new.generation, who(new, ["N1"])) == (1, 3, [OLD])
