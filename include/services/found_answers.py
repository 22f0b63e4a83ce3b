"""Finds the answers about one entity, event or request; who looks, and at whom, is in the audit log before they are
shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts.audit import AuditEvent, Via
from include.contracts.found_answers import Explanation, FoundAnswer, FoundAnswers, Truth
from include.contracts.pseudonyms import is_token
from include.contracts.tables import RowFilter
from include.deployment import release, scoring
from include.errors import AccessError, DataError, DeploymentError, NotFoundError
from include.families.registry import family
from include.families.serving import logged_column, logged_scores
from include.formats.exact_frames import exact_frame
from include.governance.audited import looked_at
from include.operations.windows import maturity
from include.records.privacy import column_level
from include.records.registry import BATCH_PREDICTIONS, PREDICTIONS
from include.services.composition import Services
from include.specification.usecase import UseCase

REQUEST = "request_id"
MOST = 100
TABLES = {"served": PREDICTIONS.name, "batch": BATCH_PREDICTIONS.name}


@dataclass(frozen=True)
class Looker:
    """Who looks, by what, and for whom: what is shown is what each of the roles may read."""

    login: str
    roles: Sequence[str]
    via: Via


def find(
    spec: UseCase,
    services: Services,
    looker: Looker,
    asked: Mapping[str, str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    explain: bool = False,
    most: int = MOST,
) -> FoundAnswers:
    """The newest answers with these values of ``spec.answer_keys``, about events of ``since`` ≤ time < ``until``.

    A value of a pseudonymised column may be in clear or a token. Columns above the role's privacy class are left out.

    Raises
    ------
    AccessError
        no such role, or it may not read a column of ``asked``.
    DataError
        ``asked`` names no key, or a value is not one of its column's type.
    NotFoundError
        nothing was answered yet.
    ServiceError
        the audit log takes no entry: nothing is shown then.
    """
    rows: dict[str, pa.Table] = {}
    with looked_at(services.adapters.audit, _event(spec, services, looker, asked, explain)):
        _require_keys(spec, asked)
        for source, table in TABLES.items():
            if (found := _rows(spec, services, looker, table, asked, since, until, most)) is not None:
                rows[source] = found
        if not rows:
            raise NotFoundError(
                f"{spec.name} has no answers in the lake that are found by {sorted(asked)}: nothing was answered yet"
            )
        answers = [
            one for source, table in rows.items() for one in _answers(spec, services, looker, source, table, explain)
        ]
    time = spec.event.time
    newest = sorted(answers, key=lambda one: (str(one.columns.get(time)), str(one.answered_at)), reverse=True)
    hidden = {
        TABLES[source]: sorted({*table.column_names} - {*_visible(spec, services, looker, TABLES[source], table)})
        for source, table in rows.items()
    }
    return FoundAnswers(
        usecase=spec.name, role=" and ".join(looker.roles), answers=newest[:most], more=len(newest) > most,
        hidden={table: columns for table, columns in hidden.items() if columns}, threshold=family(spec).facts.threshold,
    )  # fmt: skip


def _event(spec: UseCase, services: Services, looker: Looker, asked: Mapping[str, str], explain: bool) -> AuditEvent:
    """What may be a person's stands in the subject, as it is stored."""
    personal = {name: value for name, value in asked.items() if name != REQUEST and name in spec.answer_keys}
    what = f"request {asked[REQUEST]}" if REQUEST in asked else " and ".join(sorted(personal))
    return AuditEvent(
        at=datetime.now(UTC), kind="access", action="look_at_predictions", by=looker.login, via=looker.via,
        usecase=spec.name, what=f"predictions of {what}",
        subject={name: _tokens(spec, services, name, value)[-1] for name, value in personal.items()},
        facts={"roles": [*looker.roles], "explained": explain},
    )  # fmt: skip


def _require_keys(spec: UseCase, asked: Mapping[str, str]) -> None:
    if not asked or (unknown := sorted({*asked} - {*spec.answer_keys})):
        named = f"not by {unknown}" if asked else "by one or more of these"
        raise DataError(f"answers of {spec.name} are found by {spec.answer_keys}, {named}; try `moebius read`")


def _rows(
    spec: UseCase,
    services: Services,
    looker: Looker,
    table: str,
    asked: Mapping[str, str],
    since: datetime | None,
    until: datetime | None,
    most: int,
) -> pa.Table | None:
    """The newest rows, one more than ``most``; None where the table is not there or lacks a column of ``asked``."""
    lake = services.adapters.lake
    levels = {role: services.access.level(role, spec, table) for role in looker.roles}
    if not lake.exists(spec.name, table) or {*asked} - {*(schema := lake.schema(spec.name, table)).names}:
        return None
    for name, (role, level) in product(asked, levels.items()):  # whoever may not see it may not ask for it either
        if not services.access.reads(role, spec, table, column_level(spec, table, name)):
            raise AccessError(
                f"the role {role!r} reads {spec.name}.{table} up to class {level!r}, and {name} is above: ask somebody "
                "with a higher role"
            )
    equal = {name: _values(spec, services, schema.field(name), value) for name, value in asked.items()}
    time = spec.event.time
    wanted = RowFilter(
        equal=equal, at_least={time: since} if since else {}, below={time: until} if until else {},
        order=[name for name in (time, "logged_at", REQUEST) if name in schema.names], newest=most + 1,
    )  # fmt: skip
    return lake.select(spec.name, table, wanted)


def _values(spec: UseCase, services: Services, column: pa.Field, text: str) -> Any:
    if column.type == pa.string():
        return _tokens(spec, services, column.name, text)
    try:
        return pa.scalar(text).cast(column.type).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{column.name} = {text!r}: the column holds values of type {column.type}") from error


def _tokens(spec: UseCase, services: Services, column: str, text: str) -> list[str]:
    """What is stored for this text: itself, and of a pseudonymised column the token of it, which is the last."""
    rule = spec.privacy.columns.get(column)
    hides = rule and rule.treatment == "pseudonymise" and not is_token(text)
    ring = services.privacy.active_keys(spec) if hides else None
    return [text, ring.token(text)] if ring else [text]


def _visible(spec: UseCase, services: Services, looker: Looker, table: str, rows: pa.Table) -> list[str]:
    """What every role may read, in the order of the table."""
    columns = rows.column_names
    for role in looker.roles:
        columns = services.access.visible_columns(role, spec, table, columns)
    return columns


def _answers(
    spec: UseCase, services: Services, looker: Looker, source: Any, table: pa.Table, explain: bool
) -> list[FoundAnswer]:
    rows = exact_frame(table)
    visible = _visible(spec, services, looker, TABLES[source], table)
    truths = _truths(spec, services, looker, rows)
    seen = logged_column(spec) in visible
    explanations = _explanations(spec, services, rows, visible, source) if explain and seen else [None] * len(rows)
    return [
        FoundAnswer(
            source=source, release=row["release"], request_id=row.get(REQUEST), answered_at=row.get("logged_at"),
            columns={name: row[name] for name in visible}, explanation=explanation,
            truth=_judged(spec, truth, {name: row[name] for name in visible}),
        )
        for row, truth, explanation in zip(table.to_pylist(), truths, explanations, strict=True)
    ]  # fmt: skip


def _truths(spec: UseCase, services: Services, looker: Looker, rows: pd.DataFrame) -> list[Truth]:
    label = spec.event.label
    if label is None or rows.empty:
        return [Truth(state="no_label")] * len(rows)
    if not all(services.access.visible_columns(role, spec, "events", [label]) for role in looker.roles):
        return [Truth(state="hidden")] * len(rows)
    as_of, name = datetime.now(UTC), spec.event.id
    truth = services.predictions.truth(spec, sorted(set(rows[name])))
    events = truth.of(rows[[name, spec.event.time]], as_of)
    events = events[maturity.known(spec, events, as_of)] if len(events) else events
    known = dict(zip(events[name], events[label], strict=True)) if len(events) else {}
    due = maturity.due(spec, rows, as_of, truth.until)
    return [
        Truth(state="known", value=_plain(known[event]))
        if event in known
        else Truth(state="never_came" if is_due else "not_due")
        for event, is_due in zip(rows[name], due, strict=True)
    ]


def _judged(spec: UseCase, truth: Truth, columns: Mapping[str, Any]) -> Truth:
    """The truth with whether the answer, as far as the role reads it, was this class."""
    answer = columns.get("predicted_class") or columns.get("prediction")
    if truth.state != "known" or answer is None or family(spec).facts.predicts != "class":
        return truth
    return truth.model_copy(update={"met": _class(answer) == _class(truth.value)})


def _class(value: Any) -> str:
    """A class by its name or code; codes come as numbers with and without decimals."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _explanations(
    spec: UseCase, services: Services, rows: pd.DataFrame, visible: Sequence[str], source: str
) -> list[Explanation]:
    """One per row, in their order; each release explains its own answers."""
    if source == "batch":
        why = "features of batch answers are not kept; those of its snapshot are read with `moebius read`"
        return [Explanation(why_not=why)] * len(rows)
    found: dict[int, Explanation] = {}
    for name, part in rows.reset_index(drop=True).groupby("release"):
        try:
            made = _of_release(spec, services, str(name), part.reset_index(drop=True), visible)
        except (DeploymentError, NotFoundError, DataError) as error:
            made = [Explanation(why_not=f"{type(error).__name__}: {error}")] * len(part)
        found |= dict(zip(part.index, made, strict=True))
    return [found[row] for row in range(len(rows))]


def _of_release(
    spec: UseCase, services: Services, name: str, rows: pd.DataFrame, visible: Sequence[str]
) -> list[Explanation]:
    from include.operations.monitoring.explained import explained
    from include.operations.windows.window import Answering

    directory = Path(services.adapters.releases.verified(spec.name, name).path)
    kept, facts = release.document(directory, "baseline.json").get("attributions"), release.manifest(directory)
    if not kept:
        return [Explanation(why_not="an earlier version of Moebius packaged the release without a reference")] * len(
            rows
        )
    model = scoring.OnnxModel.of_release(directory)
    columns = {entry.get("tensor") or entry["name"]: entry["name"] for entry in facts["encoding"]["features"]}
    seen = {feature for feature, column in columns.items() if column in visible}
    return explained(
        Answering(model.encode, model.scores), model.encode(rows), kept, logged_scores(spec, rows),
        facts["parity_bound"], facts.get("classes", []), seen,
    )  # fmt: skip
