"""A file that several write at once is whole at every moment, and nothing is left beside it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from include.contracts.atomic_file import write_atomically

TEXT = "a text that is written again\n" * 200


def test_the_same_text_by_many_at_once_is_whole_and_alone(tmp_path: Path) -> None:
    def write_and_read(_: int) -> str:
        write_atomically(tmp_path / "order.json", TEXT)
        return (tmp_path / "order.json").read_text()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write_and_read, range(400))) == {TEXT}
    assert [file.name for file in tmp_path.iterdir()] == ["order.json"]
