"""The verdict on a candidate: the four comparisons, their differences, every gate, and who approved, as pictures."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from include.contracts.evaluation import Cell, Verdict
from include.errors import NotFoundError, ServiceError
from include.evaluation import margins
from include.evaluation.metrics import direction
from include.governance import approval, stages
from include.governance.dossier import Dossier
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import code_words, signed
from include.ui import verdict_words as words
from include.ui.access import SIGNED_IN, Named, Reader, http_errors
from include.ui.charts import drawing, forest
from include.ui.charts import verdict as charts
from include.ui.charts.alone import standing_alone
from include.ui.headers import POLICY, policy
from include.ui.language import marked
from include.ui.view import View, ViewDep

SHOWN = 20
"""Newest verdicts that the page lists."""
TABLES = ("verdicts", "approvals")
KINDS = {"slice": marked("Slices of the new test set"), "fairness": marked("Fairness between groups")}


def router() -> APIRouter:
    """``/verdicts/<usecase>``, of a version below it, and its picture as an image."""
    pages = APIRouter(prefix="/verdicts", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def newest(view: ViewDep, usecase: str) -> HTMLResponse:
        return _page(view, usecase, None, None)

    @pages.get("/{usecase}/{version}")
    def of_version(view: ViewDep, usecase: str, version: Named, entry: Named | None = None) -> HTMLResponse:
        return _page(view, usecase, version, entry)

    @pages.get("/{usecase}/{version}/picture.svg")
    def picture(view: ViewDep, usecase: str, version: Named, entry: Named | None = None) -> Response:
        """For the required action, which shows images of the same origin."""
        with http_errors():
            spec = load_usecase(usecase)
            view.reader.require(spec, *TABLES)
            found = _dossier(spec, view.reader, version, entry)
            if found is None:
                raise NotFoundError(f"there is no verdict on version {version} of {usecase}")
            if not (found.verdict.cells or found.verdict.differences):
                raise NotFoundError(f"the verdict on version {version} of {usecase} has no figures to draw")
            svg = drawing.svg(image(spec, found.verdict, view.text))
        return Response(svg, media_type="image/svg+xml")

    return pages


def _page(view: View, usecase: str, version: int | None, entry: int | None) -> HTMLResponse:
    with http_errors():
        spec = load_usecase(usecase)
        content = shown(spec, view.reader, version, entry)
    found, beside = content["dossier"], view.query.get("card") == "beside"
    drawn = Drawn(spec, view, found.verdict) if found else None
    code = _refit_code(spec, view, found) if found else ""
    to = partial("{}/verdicts/{}/{}?entry={}".format, view.links.moebius, spec.name)
    page = view.page("verdict.html", spec, words=words, drawn=drawn, beside=beside, to=to, refit_code=code, **content)
    if beside:
        page.headers[POLICY] = policy(frame_src="'self'")
    return page


def _refit_code(spec: UseCase, view: View, found: Dossier) -> str | None:
    """That other code fitted the refit than what was judged; '' where it is the same, None without MLflow."""
    if found.refit is None:
        return ""
    read = partial(view.reader.services.adapters.experiment_reader.registered, spec.name)
    try:
        return code_words.on_other_code(read(found.refit).tags, read(found.judged.version).tags, view.text)
    except NotFoundError:
        return ""
    except ServiceError:
        return None


def shown(spec: UseCase, reader: Reader, version: int | None = None, entry: int | None = None) -> dict[str, Any]:
    """What the template needs; raises NotFoundError for a version that was never registered."""
    found = _dossier(spec, reader, version, entry)
    earlier = reader.records.some_approvals(spec, event="verdict", newest=SHOWN) if _reads(spec, reader) else []
    if version is not None and found is None and _reads(spec, reader):
        _require_known(spec, reader, version)
    return {
        "asked": version,
        "dossier": found,
        "earlier": earlier[::-1],
        "shown": SHOWN,
        "direction": direction(spec.metrics.primary),
        "in_mlflow": partial(reader.services.adapters.experiment_reader.page, spec.name),
        "asked_of": _asked_of(spec, found),
    }


def _reads(spec: UseCase, reader: Reader) -> bool:
    return reader.reads(spec, *TABLES)


def _dossier(spec: UseCase, reader: Reader, version: int | None, entry: int | None) -> Dossier | None:
    """The verdict that is asked for: of a version, of a refit on its proof, or the newest; None without one."""
    if not _reads(spec, reader):
        return None
    read = partial(reader.records.some_approvals, spec)
    wanted = {"version": version} if version is not None else {}
    if version is not None and (registered := read(event="registered", version=version)):
        wanted = {"version": approval.proof_version(registered, version)}
    named = {"sequence": entry} if entry is not None else {"newest": 1}
    verdicts = read(event="verdict", **wanted, **named)
    return signed.with_history(spec, reader, verdicts[-1]) if verdicts else None


def _require_known(spec: UseCase, reader: Reader, version: int) -> None:
    if not reader.records.some_approvals(spec, event="registered", version=version):
        raise NotFoundError(f"{spec.name} has no model version {version} that a training here registered")


def _asked_of(spec: UseCase, found: Dossier | None) -> dict[str, Any] | None:
    """Whose answer is wanted and until when, of a question that is open."""
    if found is None or found.state != "open":
        return None
    stage = stages.wanted(spec, found.history, found.judged)
    there = sum(e.facts["stage"] == stage.name for e in stages.agreed(found.history, found.judged))
    return {"stage": stage, "number": there + 1, "until": stages.expires_at(spec, found.judged)}


def image(spec: UseCase, verdict: Verdict, text: words.Text) -> dict[str, Any]:
    """The cells and the differences of a verdict as one picture that stands alone."""
    titles = (spec.metrics.primary, text(marked("right of zero is better")))
    cells = [words.cell_row(cell, text) for cell in primary_cells(spec, verdict)]
    differences = [words.difference_row(one, text) for one in margins.compared(spec, verdict)]
    return standing_alone(charts.image(cells, differences, titles))


def primary_cells(spec: UseCase, verdict: Verdict) -> list[Cell]:
    """Those of the primary metric, from A to D."""
    return sorted((c for c in verdict.cells if c.metric == spec.metrics.primary), key=lambda cell: cell.name)


class Drawn:
    """The pictures of one verdict in the language of the page, and the words for them."""

    def __init__(self, spec: UseCase, view: View, verdict: Verdict) -> None:
        self._spec, self._view, self._verdict, self._text = spec, view, verdict, view.text
        self.cells: dict[str, Cell] = {cell.name: cell for cell in primary_cells(spec, verdict)}
        self.compared = margins.compared(spec, verdict)
        self.metric = margins.gained_in(spec, verdict)

    def why(self) -> str:
        return words.why(self._verdict, self._text)

    def gate(self, name: str) -> str:
        return words.gate_name(name, self._text)

    def cell(self, name: str) -> Markup:
        """The interval of a cell on the scale of all four."""
        rows = {key: words.cell_row(cell, self._text) for key, cell in self.cells.items()}
        within = forest.domain(list(rows.values()))
        return self._view.small_picture(forest.bullet(rows[name], within=within), rows[name]["label"])

    def sizes(self) -> dict[str, Any] | None:
        """What the new test set counts as for the value of D and for the difference D-C; None where rows count alone.

        ``alike`` says why.
        """
        sample, cell = self._verdict.samples.get("new"), self.cells.get("D")
        gain = self._verdict.differences.get(f"D-C {self._spec.metrics.primary}")
        if not (sample and cell and gain) or sample.unit == "row":
            return None
        sizes = {"value": cell.figure.effective_n or sample.rows, "difference": gain.effective_n or sample.rows}
        return {"alike": words.ALIKE.get(sample.unit, words.ALIKE_IN_BLOCKS), "rows": sample.rows, **sizes}

    def differences(self) -> Markup:
        rows = [words.difference_row(one, self._text) for one in self.compared]
        label = self._text(marked("Differences between the four cells, with their margins"))
        return self._view.picture(lambda width: forest.forest(rows, width, reference=0.0, digits="+.3f"), label)

    def bullet(self, gate: Any) -> Markup:
        row = words.gate_row(gate, self._text)
        return self._view.small_picture(forest.bullet(row), row["label"]) if row else Markup("")

    def gates(self, kind: str) -> Markup:
        """The gates of a kind (``slice``, ``fairness``) below each other; nothing when none has figures."""
        named = [(gate, gate.gate.partition(":")[2].replace(":", ", ")) for gate in self.of_kind(kind)]
        rows = [row for gate, label in named if (row := words.gate_row(gate, self._text, label))]
        if not rows:
            return Markup("")
        gained = all(gate.held is None or gate.held.name.startswith("gain") for gate, _ in named)
        how: dict[str, Any] = {"reference": 0.0, "digits": "+.3f"} if gained else {}
        return self._view.picture(lambda width: forest.forest(rows, width, **how), self._text(KINDS[kind]))

    def of_kind(self, kind: str) -> list[Any]:
        return [gate for gate in self._verdict.gates if gate.gate.startswith(f"{kind}:")]

    def by_part(self) -> Markup:
        """The gain in each part of the new test set."""
        said = self._text(marked("%(part)s: %(gain)s on %(rows)s rows"))
        parts = [
            {"part": p.part, "gain": p.gain,
             "said": said % {"part": p.part, "gain": f"{p.gain:+.4f}", "rows": f"{p.rows:,}"}}
            for p in self._verdict.gain_by_part
        ]  # fmt: skip
        label = self._text(marked("Gain in each part of the new test set"))
        return self._view.picture(lambda width: charts.gains(parts, width, self.metric), label)

    def parts(self) -> list[tuple[str, float]]:
        """What the net value is the sum of, by name."""
        value = self._verdict.net_value
        return words.parts_of(value, self._text) if value else []

    def limit(self, gate: Any) -> str:
        return words.limit_of(gate.held, self._text)
