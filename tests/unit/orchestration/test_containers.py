"""Which tasks of the training follow."""

import pytest

from include.orchestration.containers import next_tasks


@pytest.mark.parametrize(
    ("remaining", "runtime", "expected"),
    [
        ("search", "local", ["search", "train_local"]),
        ("fit", "local", ["train_local"]),
        ("search", "docker", ["train_docker"]),
        ("registration", "docker", ["register_candidate"]),
    ],
)
def test_a_container_searches_by_itself_and_what_is_registered_is_looked_up(
    remaining, runtime: str, expected: list[str]
) -> None:
    assert next_tasks(remaining, runtime) == expected
