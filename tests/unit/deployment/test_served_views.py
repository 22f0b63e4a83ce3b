"""What the model server can look up by: one key of a type that a request holds exactly; all else is not packaged."""

import pytest

from include.contracts.features import FeatureServiceRef
from include.deployment.packaging import served_views
from include.errors import DeploymentError
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

SPEC = load_usecase("flight_delay")


def features(**keys: dict[str, str]) -> FeatureServiceRef:
    known = {name: {SPEC.entities[view.entity].key: "String"} for name, view in SPEC.feature_views.items()}
    return FeatureServiceRef(name="f", kept_as="f__1", definitions="0", keys=known | keys)


def in_clear() -> UseCase:
    return SPEC.model_copy(update={"privacy": SPEC.privacy.model_copy(update={"columns": {}})})


@pytest.mark.parametrize("kind", ["String", "Int32", "Int64"])
def test_a_view_is_served_by_the_declared_type_of_its_key(kind: str) -> None:
    views = served_views(in_clear(), features(aircraft={"tailnum": kind}))
    assert (views["aircraft"]["key"], views["aircraft"]["key_type"]) == ("tailnum", kind)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"tailnum": "Float64"}, "the keys 'tailnum' of feature view 'aircraft' are Float64, and requests name an ent"),
        ({"tailnum": "UnixTimestamp"}, "are UnixTimestamp, .* by String, Int32, Int64 only; declare one of these"),
        ({"tailnum": "String", "origin": "String"}, r"registered with the keys \['origin', 'tailnum'\], and the model"),
        ({"owner": "String"}, r"registered with the keys \['owner'\], .* looks it up by 'tailnum'"),
        ({}, r"registered with the keys \[\]"),
    ],
)
def test_a_view_that_cannot_be_looked_up_exactly_is_not_packaged(keys: dict[str, str], why: str) -> None:
    with pytest.raises(DeploymentError, match=why):
        served_views(in_clear(), features(aircraft=keys))


def test_a_key_of_which_privacy_makes_text_is_no_number() -> None:
    assert "tailnum" in SPEC.pseudonymised
    with pytest.raises(DeploymentError, match="are Int64, and privacy makes text of them; declare them String"):
        served_views(SPEC, features(aircraft={"tailnum": "Int64"}))
