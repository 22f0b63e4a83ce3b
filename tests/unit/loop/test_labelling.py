"""Nobody is asked before a release serves, and an answer is kept once."""

from pathlib import Path

import pytest

from include.errors import DataError, NotFoundError
from include.loop import labelling
from include.operations.labelling.labelling import CANNOT_TELL, LATER, OfferedRow, Selection
from include.services.composition import Services
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, NOON

SPEC = small_spec(labelling={"rows": 2})
ROWS = [OfferedRow(event=f"f{i}", title=f"f{i}", answer="5%", uncertainty=0.5, shown="") for i in (1, 2, 3)]
CHOSEN = Selection(usecase=SPEC.name, name="s", period=APRIL, release="r0001", strategy="entropy", rows=ROWS)
FILLED = dict(zip(CHOSEN.fields, ["1", CANNOT_TELL, LATER], strict=True))


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def test_a_use_case_that_asks_nobody_says_so(services: Services) -> None:
    plain = SPEC.model_copy(update={"labelling": None})
    with pytest.raises(NotFoundError, match="labelling"):
        labelling.select_rows(plain, services, APRIL)


def test_before_the_first_release_nobody_is_asked(services: Services) -> None:
    assert labelling.select_rows(SPEC, services, APRIL).rows == []


def test_answers_are_kept_once_with_who_gave_them(services: Services) -> None:
    counts = labelling.keep_labels(SPEC, services, CHOSEN.json_dict(), FILLED, "ada", NOON)
    assert counts == {"labels": 1, "cannot_tell": 1, "later": 1}
    assert labelling.keep_labels(SPEC, services, CHOSEN, FILLED, "ada", NOON) == counts
    rows = services.adapters.lake.read(SPEC.name, "given_labels").to_pylist()
    assert sorted(row[SPEC.event.id] for row in rows) == ["f1", "f2"]
    assert {row["given_by"] for row in rows} == {"ada"}


def test_an_answer_that_is_no_label_keeps_nothing(services: Services) -> None:
    wrong = FILLED | {next(iter(CHOSEN.fields)): "perhaps"}
    with pytest.raises(DataError):
        labelling.keep_labels(SPEC, services, CHOSEN, wrong, "ada", NOON)
    assert not services.adapters.lake.exists(SPEC.name, "given_labels")
