"""What people see of a model's inputs and outputs is what it is served with."""

import pytest

from include.families import serving
from include.specification.loader import load_usecase, usecase_names


@pytest.mark.parametrize("name", usecase_names())
def test_a_models_fields_are_its_features_and_the_outputs_of_its_task(name: str) -> None:
    spec = load_usecase(name)
    fields = serving.fields(spec)
    assert list(fields.inputs) == [feature.name for feature in spec.features]
    assert set(fields.outputs) == set(serving.outputs(spec))
    assert all((kind == "floats") == (output == "scores") for output, kind in fields.outputs.items())


def test_a_category_is_a_text_and_a_probability_a_number() -> None:
    fields = serving.fields(load_usecase("flight_delay"))
    assert {fields.inputs["origin"], fields.inputs["distance"]} == {"string", "double"}
    assert fields.outputs["probability"] == "float"
