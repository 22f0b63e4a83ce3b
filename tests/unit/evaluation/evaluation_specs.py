"""The default use case with two features, for fast tests of the rules."""

from typing import Any

from include.specification.loader import load_usecase
from include.specification.usecase import UseCase


def small_spec(**changes: Any) -> UseCase:
    """``changes`` replace top-level parts of the spec; dictionaries are merged into the part."""
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    content["features"] = [
        {"name": "x", "kind": "numeric", "from": "on_request"},
        {"name": "origin", "kind": "categorical", "from": "request"},
    ]
    content["feature_views"] = content["streams"] = content["fairness"] = content["behaviour"] = {}
    content["user_acceptance"] = []
    content["comparison"] |= {"resamples": 200, "calibration_margin": 0.03}
    content["monitoring"] |= {"windows": {"breached": 2, "of": 3}}
    for name, value in changes.items():
        content[name] = (content[name] or {}) | value if isinstance(value, dict) else value
    if content["task"] == "clustering":
        content["trainer"] |= {"name": "own", "parameters": {}}
    return UseCase.model_validate(content)
