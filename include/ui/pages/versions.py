"""Two versions of a model side by side: data, parameters, metrics, slices, explanations, as MLflow keeps them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from include.contracts.approval import ApprovalEntry
from include.contracts.development import DatasetRef, RegisteredVersion
from include.contracts.evaluation import Verdict
from include.contracts.period import from_to, periods_text
from include.development import side_by_side
from include.development.side_by_side import Both, Side
from include.errors import NotFoundError, ServiceError
from include.evaluation.metrics import direction
from include.governance import approval
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import code_words, lengths
from include.ui import verdict_words as words
from include.ui.access import SIGNED_IN, Named, Reader, http_errors
from include.ui.charts import forest
from include.ui.charts import versions as charts
from include.ui.language import marked
from include.ui.pages.verdicts import primary_cells
from include.ui.templates import NONE, interval, number, percent
from include.ui.view import View, ViewDep

LISTED = 50
"""Newest versions to choose from."""
PARTS = {
    "train": marked("rows that train"), "validation": marked("rows that validate"), "test": marked("rows that test"),
}  # fmt: skip
TABLES = ("verdicts", "approvals", "figures", "slice_figures")
"""What the card of a version is made of: a role that reads these reads what MLflow keeps of it."""


def router() -> APIRouter:
    """``/versions/<usecase>?a=<version>&b=<version>``."""
    pages = APIRouter(prefix="/versions", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str, a: Named | None = None, b: Named | None = None) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            content = shown(spec, view.reader, a, b)
        sides = content["sides"]
        drawn = Drawn(spec, view, sides["a"], sides["b"], content["verdict"]) if len(sides) == 2 else None
        return view.page("versions.html", spec, drawn=drawn, **content)

    return pages


def shown(spec: UseCase, reader: Reader, a: int | None = None, b: int | None = None) -> dict[str, Any]:
    """What the template needs; ``missing`` says of a version why it cannot be shown."""
    registered = _registered(spec, reader)
    chosen = _chosen(spec, reader, registered, a, b)
    sides, missing = _read(spec, reader, chosen)
    return {
        "registered": [entry.version for entry in reversed(registered)],
        "reads": reader.reads(spec, *TABLES),
        "chosen": chosen,
        "sides": sides,
        "missing": missing,
        "verdict": _together(spec, reader, registered, chosen),
        "direction": direction(spec.metrics.primary),
        "in_mlflow": partial(reader.services.adapters.experiment_reader.page, spec.name),
    }


def _registered(spec: UseCase, reader: Reader) -> list[ApprovalEntry]:
    if not reader.reads(spec, *TABLES):
        return []
    entries: list[ApprovalEntry] = reader.records.some_approvals(spec, event="registered", newest=LISTED)
    return list({entry.version: entry for entry in entries}.values())


def _chosen(
    spec: UseCase, reader: Reader, registered: list[ApprovalEntry], a: int | None, b: int | None
) -> dict[str, int]:
    """The versions of the address; else what serves and the newest candidate, or what it replaced when it is that."""
    if not registered:
        return {}
    champion = reader.services.serving.champion(spec)
    serves = champion.model_version if champion else registered[0].version
    candidate = approval.trained(registered)[-1] if approval.trained(registered) else serves
    if candidate in (serves, approval.proof_version(registered, serves)):
        before = _newest_champion(reader, spec, candidate)
        first, second = (before, serves) if before is not None else (serves, candidate)
    else:
        first, second = serves, candidate
    return {"a": first if a is None else a, "b": second if b is None else b}


def _newest_champion(reader: Reader, spec: UseCase, candidate: int) -> int | None:
    """What the candidate was compared with last."""
    entries = reader.records.some_approvals(spec, event="verdict", version=candidate, newest=1)
    return Verdict.model_validate(entries[-1].facts["verdict"]).champion if entries else None


def _read(spec: UseCase, reader: Reader, chosen: dict[str, int]) -> tuple[dict[str, Side], dict[int, str]]:
    """Both versions, read at once."""
    sides, missing = {}, {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        reads = {key: pool.submit(_side, spec, reader, version) for key, version in chosen.items()}
        for key, reading in reads.items():
            try:
                sides[key] = reading.result()
            except (NotFoundError, ServiceError) as error:
                missing[chosen[key]] = str(error)
    return sides, missing


def _side(spec: UseCase, reader: Reader, version: int) -> Side:
    tracker = reader.services.adapters.experiment_reader
    read: Callable[[str], str] = partial(tracker.document, spec.name, version)
    with ThreadPoolExecutor(max_workers=4) as pool:
        registered = pool.submit(tracker.registered, spec.name, version)
        texts = {path: pool.submit(_text, read, path) for path in ("dataset.json", "importance.json", "slices.json")}
        found = {path: json.loads(text.result() or "null") for path, text in texts.items()}
    dataset, known = found["dataset.json"], registered.result()
    return Side(
        known, _proof(spec, reader, known), DatasetRef.model_validate(dataset) if dataset else None,
        found["importance.json"] or [], found["slices.json"] or [],
    )  # fmt: skip


def _proof(spec: UseCase, reader: Reader, version: RegisteredVersion) -> RegisteredVersion | None:
    """What was judged, of a refit."""
    proof = version.tags.get("refit_of", "").rpartition("/")[2]
    if not proof.isdecimal():
        return None
    try:
        return reader.services.adapters.experiment_reader.registered(spec.name, int(proof))
    except NotFoundError:
        return None


def _text(read: Callable[[str], str], path: str) -> str:
    """A document of a version; '' when it has none of this name."""
    try:
        return read(path)
    except NotFoundError:
        return ""


def _together(spec: UseCase, reader: Reader, registered: list[ApprovalEntry], chosen: dict[str, int]) -> Verdict | None:
    """The newest verdict that compared the two, or their proofs, with each other, whichever was the candidate."""
    of = {version: {version, approval.proof_version(registered, version)} for version in chosen.values()}
    if len(of) < 2:
        return None
    judged = sorted(set().union(*of.values()))
    entries = reader.records.some_approvals(spec, event="verdict", version=judged)
    verdicts = [Verdict.model_validate(entry.facts["verdict"]) for entry in reversed(entries)]
    (first, second) = of.values()
    pairs = [(first, second), (second, first)]
    return next((v for v in verdicts if v.cells and any(v.candidate in b and v.champion in a for a, b in pairs)), None)


class Drawn:
    """The pictures and tables of two versions, in the language of the page."""

    def __init__(self, spec: UseCase, view: View, a: Side, b: Side, verdict: Verdict | None) -> None:
        self._spec, self._view, self._text = spec, view, view.text
        self._a, self._b, self._verdict = a, b, verdict
        self.names = {"a": self._named(a), "b": self._named(b)}

    def _named(self, side: Side) -> str:
        return self._text(marked("model %(version)s")) % {"version": side.registered.version}

    @property
    def _both(self) -> tuple[tuple[str, Side], tuple[str, Side]]:
        return (("a", self._a), ("b", self._b))

    @property
    def refits(self) -> list[str]:
        """Names of the versions that are refits: their metrics are those of their proofs."""
        return [self.names[who] for who, side in self._both if side.is_refit]

    @property
    def without_slices(self) -> list[str]:
        """Names of those that have no figures by slice on rows that they have not learned from, like refits."""
        return [self.names[who] for who, side in self._both if not side.slices]

    # -- data
    def data(self) -> list[Both]:
        """What each was trained on, in numbers."""
        told = [self._dataset(side.dataset) for _, side in self._both]
        names = dict.fromkeys([*told[0], *told[1]])
        lines = [Both(name, *(one.get(name, NONE) for one in told)) for name in names]
        revisions = [code_words.revision(side.registered.tags) for _, side in self._both]
        code = Both(self._text(marked("code revision")), *(code_words.code(one, self._text) for one in revisions))
        return [*lines, code] if any(revisions) else lines

    def other_code(self, who: str) -> str:
        """That other code fitted the refit than its proof, or that nobody can tell; '' else."""
        side = dict(self._both)[who]
        return code_words.on_other_code(side.registered.tags, side.proof.tags, self._text) if side.proof else ""

    def proofs(self) -> list[tuple[str, int, str]]:
        """Of each refit its name, its proof, and the parameters in which they differ, from proof to refit."""
        return [
            (
                self.names[who],
                side.proof.version,
                ", ".join(f"{line.name} {line.a or NONE} → {line.b or NONE}" for line in side_by_side.refitted(side)),
            )
            for who, side in self._both
            if side.proof
        ]

    def tested(self, who: str) -> str:
        """The periods of the test set of a version; '' when they are not known."""
        dataset = dict(self._both)[who].dataset
        return periods_text(dataset.test.periods) if dataset else ""

    @property
    def on_one_test_set(self) -> bool:
        """Whether both were tested on the very same rows."""
        tested = [side.dataset.test.content_hash for _, side in self._both if side.dataset]
        return len(tested) == 2 and tested[0] == tested[1]

    def _dataset(self, dataset: DatasetRef | None) -> dict[str, str]:
        if dataset is None:
            return {}
        rows = {
            self._text(PARTS[part]): f"{getattr(dataset, part).rows:,} ({periods_text(getattr(dataset, part).periods)})"
            for part in side_by_side.PARTS
        }
        return {
            self._text(marked("dataset")): dataset.name,
            **rows,
            self._text(marked("snapshots")): f"{len(dataset.snapshots):,}",
            self._text(marked("feature service")): dataset.feature_service,
        }

    def rewritten(self) -> list[Both]:
        """Periods that the two read from different snapshots."""
        sets = (self._a.dataset, self._b.dataset)
        return side_by_side.rewritten(sets[0], sets[1]) if sets[0] and sets[1] else []

    def periods(self) -> Markup:
        names = side_by_side.axis(self._a.dataset, self._b.dataset)
        places = {period: place for place, period in enumerate(names)}
        rows = [
            {**run._asdict(), "who": self.names[who], "said": self._spoken(who, side, run)}
            for who, side in self._both
            for run in side_by_side.runs(side, places, self._spec.calendar)
        ]
        label = self._text(marked("Periods that each version learned from and was tested on"))
        return self._view.picture(lambda width: charts.periods(rows, names, width), label) if rows else Markup("")

    def _spoken(self, who: str, side: Side, run: side_by_side.Run) -> str:
        said = f"{self.names[who]}, {self._text(PARTS[run.part])}: {from_to(run.first, run.last)}"
        if run.part == "validation" and (length := side_by_side.validates_for(side)):
            said += self._text(marked(", the last %(length)s of it")) % {
                "length": lengths.span(self._view.language, length)
            }
        if side.proof and run.part != "train":
            said += "\n" + self._text(
                marked("of the proof, model %(proof)s: the refit has learned from these rows too")
            ) % {"proof": side.proof.version}
        return said

    # -- parameters and metrics
    def parameters(self) -> list[Both]:
        return side_by_side.together(self._a.registered.parameters, self._b.registered.parameters)

    def metrics(self) -> list[Both]:
        names = [self._spec.metrics.primary, *self._spec.metrics.secondary]
        return side_by_side.metrics(self._a, self._b, names)

    def on_the_same_rows(self) -> Markup:
        """The primary metric of both in the verdict that compared them."""
        cells = primary_cells(self._spec, self._verdict) if self._verdict else []
        rows = [words.cell_row(cell, self._text) for cell in cells]
        label = self._text(marked("Both on the same rows"))
        return self._view.picture(lambda width: forest.forest(rows, width), label) if rows else Markup("")

    # -- slices and explanations
    def slices(self) -> Markup:
        """Each slice of both, on the test set of each."""
        rows = [
            self._slice(line.name, who, one)
            for line in side_by_side.slices(self._a, self._b, self._spec.metrics.primary)
            for who, one in (("a", line.a), ("b", line.b))
            if one
        ]
        label = self._text(marked("Slices of both versions"))
        return self._view.picture(lambda width: forest.forest(rows, width, step=30), label) if rows else Markup("")

    def _slice(self, name: str, who: str, one: tuple[float, float, float, int]) -> dict[str, Any]:
        value, low, high, rows = one
        label, look = f"{name}, {self.names[who]}", {"a": "champion", "b": "candidate"}[who]
        said = f"{label}: {number(value)} {interval(low, high)}, n {rows:,}"
        return {"label": label, "value": value, "low": low, "high": high, "look": look, "said": said}

    def shares(self) -> list[Both]:
        return side_by_side.shares(self._a, self._b)

    def explanations(self) -> Markup:
        rows = [
            {"feature": line.name, "who": who, "share": share, "said": self._share(line.name, who, share)}
            for line in self.shares()
            for who, share in (("a", line.a), ("b", line.b))
            if share is not None
        ]
        label = self._text(marked("Share of each feature in the answers"))
        return self._view.picture(lambda width: charts.shares(rows, width), label) if rows else Markup("")

    def _share(self, feature: str, who: str, share: float) -> str:
        return f"{feature}, {self.names[who]}: {percent(share, 1)}"
