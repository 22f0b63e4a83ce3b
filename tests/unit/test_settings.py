"""dev has everything of its own by default, and what is set stays as it was set."""

import json
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.settings import Settings, load_settings

PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


def test_dev_shares_neither_state_nor_port_nor_registered_name_with_prod() -> None:
    prod, dev = Settings(environment="prod"), Settings(environment="dev")
    assert dev.home != prod.home
    assert len(PORTS) >= 10
    assert not {getattr(dev, name) for name in PORTS} & {getattr(prod, name) for name in PORTS}
    assert all(getattr(dev, name) < 32768 for name in PORTS), "above, the system hands out ports itself"
    assert (prod.registered("flight_delay"), dev.registered("flight_delay")) == ("flight_delay", "flight_delay_dev")
    assert prod.title != dev.title
    assert prod.exchange == dev.exchange, "the one place where both meet"
    assert prod.private_key_file != dev.private_key_file


def test_what_is_set_is_kept_in_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBIUS_ENVIRONMENT", "dev")
    monkeypatch.setenv("MOEBIUS_MLFLOW_PORT", "5000")
    settings = Settings()
    assert (settings.mlflow_port, settings.airflow_port) == (5000, 18080)


def test_a_browser_keeps_a_login_for_each_environment() -> None:
    """Cookies do not know ports: the two must differ in the host name."""
    prod, dev = Settings(environment="prod"), Settings(environment="dev")
    assert prod.airflow_url.split(":")[1] != dev.airflow_url.split(":")[1]


def test_a_started_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    users = {"ada": "viewer"}
    second = {"name": "second", "host": "127.0.0.1", "grpc_port": 1, "http_port": 2, "metrics_port": 3}
    settings = Settings(
        environment="dev",
        airflow_users=users,
        private_key="c2VjcmV0",
        recipients={"x": {"role": "operator"}},
        gateway_servers=[second],
    )
    variables = settings.variables()
    assert json.loads(variables["MOEBIUS_AIRFLOW_USERS"]) == users
    assert not any("c2VjcmV0" in value for value in variables.values()), "a secret is handed on only where it is needed"
    for name, value in {**variables, **settings.secrets()}.items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings.model_copy(update={"private_key": Settings().private_key})
    assert "c2VjcmV0" not in repr(settings)


def test_the_role_of_a_login_is_looked_up_and_an_unknown_one_is_named() -> None:
    settings = Settings(airflow_users={"ada": "viewer", "bob": "operator"})
    assert [settings.role_of(user) for user in ("admin", "ada", "bob")] == ["admin", "viewer", "operator"]
    with pytest.raises(SettingsError, match=r"'eve' has no role; known logins are \['ada', 'admin', 'bob'\]"):
        settings.role_of("eve")


@pytest.mark.parametrize("letter", [*'*?"$\\:\n\x7f', "\udce9"])
@pytest.mark.parametrize("setting", ["home", "exchange"])
def test_a_path_of_state_that_no_server_takes_is_refused_by_its_letter(
    tmp_path: Path, letter: str, setting: str
) -> None:
    with pytest.raises(
        SettingsError, match=f"MOEBIUS_{setting.upper()}=.* cannot hold .*choose a directory"
    ) as refused:
        Settings.model_validate({setting: tmp_path / f"a{letter}b"})
    assert repr(letter) in str(refused.value)


def test_a_state_root_by_a_link_a_relative_name_or_a_leading_dash_is_the_directory_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "-a b#c%20d[x] (2)'&;=é"
    there.mkdir()
    (tmp_path / "link").symlink_to(there)
    monkeypatch.chdir(tmp_path)
    for given in (there, tmp_path / "link", there.name, "link", f"other/../{there.name}"):
        monkeypatch.setenv("MOEBIUS_HOME", str(given))
        assert (Settings().home, Settings().exchange) == (there, there / "exchange")
        assert Settings().variables()["MOEBIUS_HOME"] == str(there)


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ({"bob": "operator", "Bob": "approver"}, "'Bob' and 'bob' differ by the case or width"),
        ({"bob": "operator", "\uff42ob": "approver"}, "differ by the case or width"),
        ({"ADMIN": "approver"}, "'admin' and 'ADMIN' differ"),
        ({"admin": "viewer"}, "'admin' is there twice, with two roles"),
        ({"eve,mallory:admin": "viewer"}, "is no login"),
        ({"bob ": "operator"}, "is no login"),
        ({"bob\u200b": "operator"}, "is no login"),
        ({"": "viewer"}, "is no login"),
        ({"manual": "approver"}, "'manual' is what records say where no person is known"),
        ({"anonymous": "operator"}, "'anonymous' is what records say"),
    ],
)
def test_a_login_that_may_be_taken_for_another_is_refused(users: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=f"MOEBIUS_AIRFLOW_USERS.*{said}"):
        Settings(airflow_users=users)


def test_logins_are_written_in_any_alphabet() -> None:
    users = {"anna+x@x.org": "approver", "이영희": "auditor", "d-1_a.b": "viewer"}
    assert Settings(airflow_users=users).airflow_users == users


@pytest.mark.parametrize("name", ["airflow_users", "prices", "gateway_servers", "audit_days"])
def test_a_setting_that_is_no_json_is_named_with_what_it_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MOEBIUS_{name.upper()}", "x")
    load_settings.cache_clear()
    with pytest.raises(SettingsError, match=rf"MOEBIUS_{name.upper()} is not JSON: .*as JSON.*line 1"):
        load_settings()
    load_settings.cache_clear()
