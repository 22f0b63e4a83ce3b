"""The bench of the pages asks for every page of the matrix of routes, and for no other."""

from include.governance.routes import ROUTES
from tests.benchmarks._page_addresses import ASKED, LEFT_OUT, unasked


def test_every_page_of_the_matrix_is_measured_or_left_out_with_a_reason() -> None:
    assert unasked() == [], "add the page to ASKED, with what it shows at least"
    assert set(ASKED) | set(LEFT_OUT) <= set(ROUTES), "there is no such route any more"
    assert not set(ASKED) & set(LEFT_OUT)
    assert all(ASKED.values())
