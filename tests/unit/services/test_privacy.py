"""Which pseudonym keys are in use, and which wait for a rotation."""

from pathlib import Path

import pytest

from include.errors import SettingsError
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC

FIRST, SECOND = "k01:" + "a" * 20, "k02:" + "b" * 20


def with_keys(services: Services, keys: str) -> Services:
    """Another process on the same state."""
    made = services_in(services.settings.home, {"pseudonym_keys": keys})
    made.adapters.state = services.adapters.state  # type: ignore[misc]
    return made


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path, {"pseudonym_keys": FIRST})


def test_without_keys_there_are_none(tmp_path: Path) -> None:
    bare = services_in(tmp_path)
    assert bare.privacy.keys is None
    assert bare.privacy.active_keys(SPEC) is None


def test_a_key_that_is_added_later_waits_for_the_rotation(services: Services) -> None:
    assert services.privacy.active_keys(SPEC).names == ["k01"]
    later = with_keys(services, f"{FIRST},{SECOND}")
    assert later.privacy.keys.current == "k02"
    assert later.privacy.active_keys(SPEC).names == ["k01"]


def test_the_key_in_use_must_not_be_taken_away(services: Services) -> None:
    services.privacy.active_keys(SPEC)
    with pytest.raises(SettingsError, match=SPEC.name):
        with_keys(services, SECOND).privacy.active_keys(SPEC)


def test_an_unusable_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MOEBIUS_PSEUDONYM_KEYS cannot be used") as raised:
        services_in(tmp_path, {"pseudonym_keys": "secret-without-a-name"}).privacy.keys  # noqa: B018
    assert "secret-without-a-name" not in str(raised.value)


@pytest.mark.parametrize("cut", [FIRST[:-1], FIRST[:21], f"{FIRST}x"])
def test_a_key_that_is_another_one_by_now_is_refused(services: Services, cut: str) -> None:
    services.privacy.active_keys(SPEC)
    with pytest.raises(SettingsError, match="is not the one that stored tokens were made with") as raised:
        with_keys(services, cut).privacy.active_keys(SPEC)
    assert cut[4:] not in str(raised.value)


def test_an_earlier_key_that_changed_is_noticed_after_the_rotation(services: Services) -> None:
    both = with_keys(services, f"{FIRST},{SECOND}")
    both.records.privacy(SPEC).use_key(both.privacy.keys.note())
    assert both.privacy.active_keys(SPEC).names == ["k01", "k02"]
    with pytest.raises(SettingsError, match="a pseudonym key up to k02 is not the one"):
        with_keys(services, f"{FIRST[:-1]}x,{SECOND}").privacy.active_keys(SPEC)


def test_a_note_of_an_earlier_release_gets_its_fingerprint(services: Services) -> None:
    state = services.records.privacy(SPEC)
    state.use_key("k01")
    assert services.privacy.active_keys(SPEC).names == ["k01"]
    assert state.key_note() == services.privacy.keys.note() != "k01"
