"""What a new use case does first: months through their gates, one training, its verdict as a first release."""

from pathlib import Path
from typing import Any

from include.development.datasets.parts import read_part
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.loop import catalog
from include.loop.training import dataset_for
from tests.integration.usecase_fixtures import Loop
from tests.unit.development.frames import train

MONTHS = ("2013-01", "2013-02", "2013-03")


def play(usecase: str, home: Path) -> dict[str, Any]:
    """The figures of it, as plain values."""
    loop = Loop(home, usecase)
    for month in MONTHS:
        loop.publish(month, gated=month == MONTHS[0])
    spec, dataset = loop.spec, dataset_for(loop.spec, loop.services)
    result = train(spec, dataset, {}, Run())
    parts = (dataset.train, dataset.validation)
    candidate = Side(
        version=1,
        release=None,
        predict=TrainedModel.from_bytes(result.model).predict,
        training_hashes=frozenset(p.content_hash for p in parts),
        training_ids=frozenset(i for p in parts for i in read_part(p)[spec.event.id]),
    )
    new = EvaluationSet(read_part(dataset.test), dataset.test.content_hash, dataset.test.periods)
    verdict = compare(spec, candidate=candidate, champion=None, old=None, new=new, seed=1)
    return {
        "published": loop.services.records.published(spec),
        "metrics": result.metrics,
        "test_rows": dataset.test.rows,
        "decision": verdict.decision,
        "reason": verdict.reason,
        "documents": sorted(result.documents),
        "gaps": catalog.write(spec, loop.services).gaps(),
    }
