"""Asks people for the labels that would teach the model most, and stores their answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from include.contracts.deployment import ReleaseRef
from include.contracts.governance import LEVELS
from include.contracts.period import Period
from include.contracts.tables import PERIOD
from include.data import versioning
from include.deployment import release, scoring
from include.development.datasets.building import with_features
from include.errors import NotFoundError
from include.families.class_names import maps
from include.formats import identity
from include.governance.rights import RIGHTS
from include.operations.labelling import labelling, labelling_form, selection
from include.operations.labelling.labelling import Selection
from include.operations.windows import maturity
from include.records.privacy import column_level
from include.records.registry import GIVEN_LABELS
from include.services.composition import Services
from include.services.predictions import looked_up, newest
from include.specification.usecase import UseCase

COMMITTEE = 4  # releases that are asked, the champion among them


def select_rows(spec: UseCase, services: Services, *periods: Period) -> Selection:
    """The rows of the periods whose label is due and never came that the champion is least sure of.

    None when every label is known or not due yet, and before the first release: nothing is known to be unsure then.

    Raises NotFoundError when a period is not published, or the use case asks for no labels.
    """
    if spec.labelling is None:
        raise NotFoundError(f"{spec.name} has no `labelling` in its usecase.yaml: it asks nobody for labels")
    champion, last = services.serving.champion(spec), periods[-1]
    if champion is None:
        print(f"{spec.name} has no release that serves, so nothing is known to be unsure: nobody is asked")
        return _named(spec, last, "", [])
    rows = _unlabelled(spec, services, periods)
    if rows.empty:
        return _named(spec, last, champion.name, [])
    members = [scoring.scores(Path(r.path), rows, spec.event.classes) for r in _committee(spec, services, champion)]
    chosen, doubt = selection.select(spec, rows, members, spec.labelling.rows)
    visible = _shown_to_all(spec, services, rows.columns)
    shown = [
        labelling_form.offered(spec, number, rows.iloc[at], members[0][at], float(doubt[at]), visible)
        for number, at in enumerate(chosen, start=1)
    ]
    return _named(spec, last, champion.name, shown)


def _shown_to_all(spec: UseCase, services: Services, columns: Sequence[str]) -> list[str]:
    """The columns that every role which sees the form may read, and that the family's XComs may hold."""
    rights, access = RIGHTS["labelling"], services.access
    open_to_all = [c for c in columns if LEVELS.index(column_level(spec, "events", c)) <= LEVELS.index(rights.content)]
    for role in rights.look:
        open_to_all = access.visible_columns(role, spec, "events", open_to_all)
    return open_to_all


def _unlabelled(spec: UseCase, services: Services, periods: Sequence[Period]) -> pd.DataFrame:
    """Rows whose label is due and that nobody labelled, as the model saw them, or would have seen them."""
    reach = [s for s in services.records.snapshot_refs(spec) if s.period <= periods[-1]]
    events = _due(spec, services, periods)
    logged = looked_up(services.predictions.of(spec, events))  # the others did not see their features
    logged = newest(spec, logged) if len(logged) else logged
    unseen = events[~events[spec.event.id].isin(logged[spec.event.id])].reset_index(drop=True)
    built = with_features(spec, unseen, services.adapters.feature_store, reach) if len(unseen) else unseen
    columns = list(dict.fromkeys([spec.event.id, *spec.fields, *spec.feature_names]))
    parts = [part[columns] for part in (logged, built) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _due(spec: UseCase, services: Services, periods: Sequence[Period]) -> pd.DataFrame:
    """Events of the periods whose label is due and in no period's table, and about which nobody was asked."""
    truth, as_of = services.predictions.truth(spec), datetime.now(UTC)
    for period in periods:
        versioning.snapshot(period, services.records.snapshots(spec))
    events = truth.of(truth.rows(periods), as_of).drop(columns=PERIOD)
    events = events[maturity.due(spec, events, as_of, truth.until)]
    asked = labelling.answered(spec, services.adapters.lake, events[spec.event.id])
    return events[events[spec.event.label].isna() & ~events[spec.event.id].isin(asked)].reset_index(drop=True)


def _committee(spec: UseCase, services: Services, champion: ReleaseRef) -> list[ReleaseRef]:
    """The champion, then for a disagreement the newest other releases that were built with the same features."""
    if spec.labelling is None or (spec.labelling.strategy != "disagreement"):
        return [champion]
    features = release.manifest(Path(champion.path))["features"]
    others = [r for r in reversed(services.adapters.releases.all(spec.name)) if r.name != champion.name]
    alike = [r for r in others if _answers_alike(spec, release.manifest(Path(r.path)), features)]
    return [champion, *alike[: COMMITTEE - 1]]


def _answers_alike(spec: UseCase, facts: dict[str, Any], features: Any) -> bool:
    return bool(facts["features"] == features) and maps(facts.get("classes", []), spec.event.classes)


def _named(spec: UseCase, period: Period, release: str, rows: list[labelling.OfferedRow]) -> Selection:
    digest = identity.digest([row.event for row in rows])[:8]
    return Selection(
        usecase=spec.name, name=f"{period}-{release}-{digest}", period=period, release=release,
        strategy=spec.labelling.strategy if spec.labelling else "", rows=rows,
    )  # fmt: skip


def keep_labels(
    spec: UseCase,
    services: Services,
    offered: Selection | dict[str, Any],
    filled: dict[str, Any],
    by: str,
    at: datetime,
) -> dict[str, int]:
    """Keep what ``by`` answered at ``at`` to the selection ``offered``: how many labels, how many rows that
    nobody can tell. Repeated, it adds nothing.

    Raises DataError when an answer is no label; nothing is kept then.
    """
    chosen = Selection.model_validate(offered)
    given = labelling.labels(spec, chosen, filled)
    with services.adapters.locks.hold(f"labels/{spec.name}/{chosen.name}"):  # two answers at once are kept once
        kept = labelling.answered(spec, services.adapters.lake, chosen.events, selection=chosen.name)
        new = {event: label for event, label in given.items() if event not in kept}
        if new:
            GIVEN_LABELS.append(spec.name, services.adapters.lake, labelling.table(spec, chosen, new, by, at))
    unknown = sum(label is None for label in given.values())
    return {"labels": len(given) - unknown, "cannot_tell": unknown, "later": len(chosen.rows) - len(given)}
