"""What is registered in the feature store."""

from include.contracts.record import Record


class ViewDefinition(Record):
    """A feature view as it is registered: feature → (type, description); ``services`` that have it."""

    name: str
    description: str
    owner: str
    tags: dict[str, str]
    keys: list[str]
    features: dict[str, tuple[str, str]]
    services: list[str]


class FeatureInfo(Record):
    """One feature as people look for it; owner, entity and freshness (hours, 0: for ever) are its view's."""

    name: str
    view: str
    kind: str
    description: str
    owner: str
    tags: dict[str, str]
    entity: str
    freshness_hours: float
    services: list[str]


class FeatureServiceRef(Record):
    """A feature service as a release was built with it.

    ``definitions`` is the SHA-256 of what it reads and how; ``kept_as`` is the registered copy that stays as it is;
    ``keys``: view → {key of an entity: its type}.
    """

    name: str
    kept_as: str
    definitions: str
    keys: dict[str, dict[str, str]] = {}
