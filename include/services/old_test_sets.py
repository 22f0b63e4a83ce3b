"""Which period tests a candidate, which old test set judges what it forgot, and how worn that is.

A set that judges release after release is learned by choosing: of many candidates the one is taken that is lucky on it.
So the set rotates (see ``docs/reference/evaluation.md``, "Proof and refit").
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from include.contracts.deployment import ReleaseRef
from include.contracts.development import DatasetRef, ModelRef
from include.contracts.period import Period
from include.governance import approval
from include.services.approvals import model_of
from include.services.composition import Services
from include.specification.usecase import UseCase


def old_test_set(
    spec: UseCase,
    services: Services,
    champion: ModelRef,
    serving: ReleaseRef,
    *,
    first: Period,
    before: int | None = None,
) -> DatasetRef:
    """The dataset whose test part is the old test set of a candidate that is tested from the period ``first`` on.

    That of the newest candidate that was refused against the release that serves, if its rows are later than all that
    this release learned from; else the one that the release's proof was judged on. ``before``: of earlier versions.
    """
    own = services.approvals.proof(spec, champion).dataset
    if spec.split.by != "time":
        return own
    learned = max(p for part in (champion.dataset.train, champion.dataset.validation, own.test) for p in part.periods)
    refused = _refused(spec, services, serving, before)
    return next((d for d in refused if learned < d.test.periods[0] and d.test.periods[-1] < first), own)


def _refused(spec: UseCase, services: Services, serving: ReleaseRef, before: int | None) -> Iterator[DatasetRef]:
    """What was judged against the release and refused, newest first."""
    history = services.approvals.history(spec)
    for verdict in approval.refused_against(history, serving.name):
        registered = approval.registration(history, verdict.version)
        if registered and (before is None or verdict.version < before):
            yield model_of(registered).dataset


def judged_before(spec: UseCase, services: Services, dataset: DatasetRef, version: int) -> int:
    """How many verdicts on other versions the test set of the dataset has decided as the old one."""
    verdicts = [entry for entry in services.approvals.history(spec) if entry.event == "verdict"]
    mine = {entry.version for entry in verdicts if entry.facts["verdict"].get("old_set") == dataset.name}
    return len(mine - {version})


def newest_known(spec: UseCase, published: Sequence[Period], now: datetime) -> Period:
    """The newest period most of whose labels are due, else the newest."""
    return next((period for period in reversed(published) if spec.mostly_due(period, now)), published[-1])


def frozen_test_sets(spec: UseCase, services: Services, first: Period) -> list[DatasetRef]:
    """The dataset whose test set judges what a candidate that is tested from ``first`` on forgot: never trained on."""
    champion, serving = services.serving.champion_model(spec), services.serving.champion(spec)
    return [old_test_set(spec, services, champion, serving, first=first)] if champion and serving else []
