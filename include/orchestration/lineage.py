"""Inputs and outputs of each task, for Airflow's OpenLineage provider.

Data sets are named ``<use case>.<table>`` in the namespace ``moebius://<environment>``; what is not yet published
is ``<use case>.raw.<table>`` and ``<use case>.built.<table>``, so that a consumer sees the way from the source to
the lake's tables, the dataset, the model, the release and the predictions. What the tables mean comes from the
catalog as it was written last; before the first, events have the names only.
"""

from collections.abc import Callable, Iterator
from operator import attrgetter

from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.base import BaseExtractor
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    documentation_dataset,
    ownership_dataset,
    schema_dataset,
    tags_dataset,
)

from include.catalog import files
from include.catalog.entries import Catalog, Entry
from include.errors import NotFoundError
from include.settings import load_settings
from include.specification.loader import specifications
from include.specification.usecase import UseCase

Names = Callable[[UseCase], list[str]]


def _each(prefix: str, what: Names) -> Names:
    return lambda spec: [f"{prefix}{name}" for name in what(spec)]


def _just(*names: str) -> Names:
    return lambda _: list(names)


_sources, _views = attrgetter("sources"), attrgetter("views")


def _tables(spec: UseCase) -> list[str]:
    return [*spec.tables, *spec.views]


def _served(spec: UseCase) -> list[str]:
    return ["events", *spec.views]


def _training(spec: UseCase) -> list[str]:
    return [*_served(spec), *(["given_labels"] if spec.labelling else [])]


FLOWS: dict[str, dict[str, tuple[Names, Names]]] = {
    "data_pipeline": {
        "collect": (_each("source.", _sources), _each("raw.", _sources)),
        "build_features": (_each("raw.", _sources), _each("built.", _tables)),
        "gate_raw": (_each("raw.", _sources), _just("gate_results")),
        "gate_features": (_each("built.", _tables), _just("gate_results")),
        "publish": (_each("built.", _tables), _tables),
        "materialize": (_views, _each("online.", _views)),
    },
    "training": {
        "build_dataset": (_training, _just("dataset")),
        "search": (_just("dataset"), _just()),
        "train_local": (_just("dataset"), _just()),
        "train_docker": (_just("dataset"), _just()),
        "register_candidate": (_just("dataset"), _just("model")),
    },
    "retrain_evaluation": {"compare": (_just("model", "dataset"), _just("verdicts"))},
    "deployment": {
        "package": (_just("model"), _just("release")),
        "promote": (_just("release"), _just("rollout_events")),
    },
    "batch_inference": {"score_partition": (lambda spec: ["release", *_served(spec)], _just("batch_predictions"))},
    "monitoring": {
        "ship_predictions": (_just("release"), _just("predictions")),
        "measure": (lambda spec: ["predictions", *_served(spec)], _just("figures", "slice_figures", "distributions")),
    },
    "labelling": {
        "select_rows": (lambda spec: ["predictions", *_served(spec)], _just()),
        "keep_labels": (_just(), _just("given_labels")),
    },
    "retrain_trigger": {"decide": (_just("figures"), _just("decisions"))},
}
"""DAG family → task → (reads, writes)."""


class FlowExtractor(BaseExtractor):
    """Inputs and outputs of the tasks in ``FLOWS``; every other task has none."""

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        return ["_PythonDecoratedOperator", "_BranchPythonDecoratedOperator", "ContainerFit"]

    def _execute_extraction(self) -> OperatorLineage | None:
        usecase, _, family = self.operator.dag_id.partition(".")
        flow = FLOWS.get(family, {}).get(self.operator.task_id)
        spec = specifications().good.get(usecase)
        if flow is None or spec is None:
            return None
        known = _catalog(usecase)
        reads, writes = (sorted(side(spec)) for side in flow)
        return OperatorLineage(
            inputs=[_dataset(usecase, name, known) for name in reads],
            outputs=[_dataset(usecase, name, known, made=True) for name in writes],
        )


def namespace() -> str:
    return f"moebius://{load_settings().environment}"


def _catalog(usecase: str) -> Catalog | None:
    try:
        return files.read(load_settings().catalog / usecase)
    except NotFoundError:
        return None


def _dataset(usecase: str, name: str, catalog: Catalog | None, made: bool = False) -> Dataset:
    facets = dict(_facets(usecase, name, catalog, made)) if catalog else {}
    return Dataset(namespace=namespace(), name=f"{usecase}.{name}", facets=facets)


def _facets(usecase: str, name: str, catalog: Catalog, made: bool) -> Iterator[tuple[str, DatasetFacet]]:
    """Meaning, owner, columns and privacy classes; for an output also what its columns are computed from."""
    stage, _, bare = name.rpartition(".")
    identity = f"source/{bare}" if stage in ("source", "raw") else f"table/{bare}"
    if not (entry := next((e for e in catalog.entries if e.id == identity), None)):
        return
    columns = catalog.columns(identity)
    yield "documentation", documentation_dataset.DocumentationDatasetFacet(description=entry.meaning)
    yield "ownership", ownership_dataset.OwnershipDatasetFacet(owners=[ownership_dataset.Owner(name=entry.owner)])
    fields = [schema_dataset.SchemaDatasetFacetFields(name=c.name, type=c.type, description=c.meaning) for c in columns]
    yield "schema", schema_dataset.SchemaDatasetFacet(fields=fields)
    yield "tags", tags_dataset.TagsDatasetFacet(tags=[_tag(entry), *(_tag(c, c.name) for c in columns)])
    if made and stage == "built":
        yield "columnLineage", _computed(usecase, catalog, columns)


def _tag(entry: Entry, field: str | None = None) -> tags_dataset.TagsDatasetFacetFields:
    return tags_dataset.TagsDatasetFacetFields(key="privacy", value=entry.privacy, source="moebius", field=field)


def _computed(usecase: str, catalog: Catalog, columns: list[Entry]) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            column.name: column_lineage_dataset.Fields(
                inputFields=[_input(usecase, e.source) for e in catalog.edges if e.target == column.id]
            )
            for column in columns
        }
    )


def _input(usecase: str, identity: str) -> column_lineage_dataset.InputField:
    room, table, column = identity.split("/")
    stage = "raw" if room == "source" else "built"
    return column_lineage_dataset.InputField(namespace=namespace(), name=f"{usecase}.{stage}.{table}", field=column)
