"""The lineage edges of the catalog; each names the record that it comes from."""

from collections.abc import Iterator

from include.catalog import column_lineage
from include.catalog.entries import Edge
from include.catalog.facts import Facts, ModelRecord
from include.specification.usecase import UseCase


def edges(spec: UseCase, facts: Facts) -> Iterator[Edge]:
    """Every edge that the records tell of, in both granularities: table to table, and value to value.

    A feature's membership in a service is no edge: what a model really has is in its encoding.
    """
    yield from _column_edges(spec)
    for feature in spec.features:
        yield from _feature_edges(spec, feature.name, feature.origin)
    for view in facts.views:
        for service in view.services:
            yield Edge(source=f"table/{view.name}", target=f"service/{service}", how="Feast registry")
    for record in facts.models:
        yield from _model_edges(record)
    for release in facts.releases:
        yield Edge(source=f"model/{release.model_version}", target=f"release/{release.name}", how="release directory")
        if proof := facts.proofs.get(release.name):
            yield Edge(source=f"model/{proof}", target=f"release/{release.name}", how="proof in the release's manifest")
    for release_name in facts.predictions:
        yield Edge(source=f"release/{release_name}", target="table/predictions", how="prediction log")
    for release_name in facts.scored:
        yield Edge(source=f"release/{release_name}", target="table/batch_predictions", how="batch inference")
    for table in ("events", *spec.views):
        yield Edge(source=f"table/{table}", target="table/batch_predictions", how="batch inference")


def _column_edges(spec: UseCase) -> Iterator[Edge]:
    how = "expressions of the use case"
    for upstream, lineage in zip(("source", "table"), column_lineage.of_tables(spec), strict=True):
        for table, columns in lineage.items():
            for column, origins in columns.items():
                for source, name in sorted(origins):
                    yield Edge(source=f"{upstream}/{source}/{name}", target=f"table/{table}/{column}", how=how)
                    yield Edge(source=f"{upstream}/{source}", target=f"table/{table}", how=how)


def _feature_edges(spec: UseCase, feature: str, origin: str) -> Iterator[Edge]:
    if origin == "request":
        yield Edge(source=f"table/events/{feature}", target=f"feature/{feature}", how="use-case spec")
    elif origin == "on_request":
        for name in sorted(column_lineage.of_request(spec)):
            yield Edge(source=f"table/events/{name}", target=f"feature/{feature}", how="request code of the use case")
    else:
        key = spec.entities[spec.feature_views[origin].entity].key
        yield Edge(source=f"table/{origin}/{feature}", target=f"feature/{feature}", how="use-case spec")
        for name in (key, spec.event.time):
            yield Edge(source=f"table/events/{name}", target=f"feature/{feature}", how="looked up by it")


def _model_edges(record: ModelRecord) -> Iterator[Edge]:
    model, dataset = record.model, record.model.dataset
    periods = sorted(dataset.snapshots)
    pinned = f"snapshots {periods[0]} to {periods[-1]}" if periods else "dataset manifest"
    yield Edge(source="table/events", target=f"dataset/{dataset.name}", how=pinned)
    yield Edge(source=f"service/{dataset.feature_service}", target=f"dataset/{dataset.name}", how="dataset manifest")
    yield Edge(source=f"dataset/{dataset.name}", target=f"model/{model.version}", how="MLflow")
    for feature in record.features:
        yield Edge(source=f"feature/{feature}", target=f"model/{model.version}", how="the model's encoding")
