"""What use cases cost: time, memory and storage by stage and release, and money where prices are set."""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.errors import ServiceError
from include.governance import approval
from include.operations.overview import spending, task_sums
from include.operations.overview.spending import Spent
from include.operations.overview.task_sums import TaskSum, TaskSums
from include.services import serving_costs
from include.services.storage_sizes import SHARED
from include.specification.loader import load_usecase, specifications
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import bars
from include.ui.charts.sparkline import sparkline
from include.ui.language import marked
from include.ui.recorded_words import translated
from include.ui.view import View, ViewDep

MONTHS = 13
"""Newest months of records that are summed."""
LARGEST = 5
"""Families that the picture over time tells apart."""
VERSIONS = 50
"""Newest model versions that the page shows, each with its refit."""
NO_RELEASE = marked("of no release")
OTHER_STAGES = marked("other stages")
MEGABYTE = 1e6
OF_VERSION = ("training", "retrain_evaluation", "deployment")
"""DAG families whose runs a model version takes; others that name one are summed together."""


def router() -> APIRouter:
    """``/cost/`` and ``/cost/<usecase>``."""
    pages = APIRouter(prefix="/cost", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def overview(view: ViewDep) -> HTMLResponse:
        lines = [line(spec, view.reader) for spec in specifications().good.values()]
        lines.sort(key=lambda one: -one["spent"].cpu_seconds)
        return view.page("costs.html", lines=lines, picture=_by_usecase(view, lines), **_prices(view.reader))

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            cost = shown(spec, view.reader)
        return view.page("cost.html", spec, cost=cost, pictures=drawn(view, cost), **_prices(view.reader))

    return pages


def _prices(reader: Reader) -> dict[str, Any]:
    prices = reader.services.settings.prices
    return {
        "prices": prices, "priced": spending.priced(prices), "price": partial(spending.price, prices=prices),
        "storage_price": partial(spending.storage_price, prices=prices), "duration": duration, "size": size,
        "shared": SHARED, "of_version": OF_VERSION, "total": lambda families: spending.total(families.values()),
    }  # fmt: skip


def costs(spec: UseCase, reader: Reader) -> list[TaskSum]:
    """Sums of every attempt of a task that is shown."""
    known = reader.records.task_costs(spec, newest=MONTHS) or TaskSums()
    return known.plus(reader.records.fresh_costs(spec))


def _spent(found: Sequence[TaskSum]) -> dict[str, Any]:
    """All of it, and from when to when."""
    return {
        "spent": spending.total(one.spent for one in found),
        "since": min((one.since for one in found), default=None),
        "until": max((one.until for one in found), default=None),
    }


def line(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """A use case on the page of all."""
    sizes = spending.newest_sizes(reader.records.storage(spec, newest=1))
    stored = sum(one.size_bytes for one in sizes if one.place != SHARED)
    return {"spec": spec, "stored": stored, **_spent(costs(spec, reader))}


def shown(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What the template needs."""
    found = costs(spec, reader)
    stored = reader.records.storage(spec, newest=MONTHS)
    of_version = {one.model_version: one.name for one in reader.services.adapters.releases.all(spec.name)}
    families = spending.summed((one.family, one.spent) for one in found)
    serving, unreachable = _serving(spec, reader)
    return {
        **_spent(found),
        "families": families,
        "tasks": spending.summed((f"{one.family}.{one.task}", one.spent) for one in found),
        "versions": dict(islice(task_sums.of_versions(found, of_version, _proofs(spec, reader)).items(), VERSIONS)),
        "releases": spending.summed((task_sums.release_of(one, of_version), one.spent) for one in found),
        "over_time": task_sums.by_time(found, list(families)[:LARGEST], spending.OTHERS),
        "sizes": spending.newest_sizes(stored),
        "trend": spending.size_trend(stored, without=SHARED),
        "serving": serving,
        "unreachable": unreachable,
    }


def _proofs(spec: UseCase, reader: Reader) -> dict[int, int]:
    """Version → the one that it is the refit of, as the signed record has it."""
    registered = reader.records.some_approvals(spec, event="registered", newest=2 * VERSIONS)
    named = ((entry.version, entry.facts.get(approval.PROOF)) for entry in registered)
    return {version: proof["version"] for version, proof in named if proof}


def _serving(spec: UseCase, reader: Reader) -> tuple[spending.Serving | None, str]:
    try:
        return serving_costs.read(spec, reader.services.adapters.metrics_server), ""
    except ServiceError as error:
        return None, str(error)


# -- words for amounts
def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    if 0 < seconds < 1:
        return f"{1000 * seconds:,.3g} ms"
    if seconds < 120:
        return f"{seconds:,.1f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def size(count: float) -> str:
    """Bytes in the unit that reads best, of 10³ each."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit in ("B", "kB") else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


# -- pictures
def drawn(view: View, cost: dict[str, Any]) -> dict[str, Any]:
    """The pictures of the page of a use case; '' where there is nothing to draw."""
    text = view.text
    names = {"": text(NO_RELEASE)}
    return {
        "time": _over_time(view, cost["over_time"]),
        "stages": _bars(view, cost["families"], text("CPU time of each stage")),
        "releases": _bars(
            view, {names.get(name, name): one for name, one in cost["releases"].items()},
            text("CPU time of the runs of each release"),
        ),
        "storage": _storage(view, cost["sizes"]),
        "trend": _trend(view, cost["trend"]),
    }  # fmt: skip


def _over_time(view: View, found: Sequence[tuple[str, str, Spent]]) -> Any:
    if not found:
        return ""
    names = {spending.OTHERS: view.text(OTHER_STAGES)}
    points = [
        {
            "at": at, "part": names.get(family, family), "value": spent.cpu_seconds / 60,
            "said": f"{at}, {names.get(family, family)}: {duration(spent.cpu_seconds)} CPU, {duration(spent.seconds)}",
        }
        for at, family, spent in found
    ]  # fmt: skip
    title = view.text("CPU minutes")
    return view.picture(lambda width: bars.stacked(points, width, title), view.text("CPU time by stage over time"))


def _bars(view: View, sums: dict[str, Spent], label: str) -> Any:
    rows = [
        {
            "name": name, "value": one.cpu_seconds, "shown": duration(one.cpu_seconds),
            "said": f"{name}: {duration(one.cpu_seconds)} CPU, {duration(one.seconds)}, {size(one.peak_bytes)}",
        }
        for name, one in sums.items()
    ]  # fmt: skip
    return view.picture(lambda width: bars.by_name(rows, width), label) if rows else ""


def _storage(view: View, sizes: Sequence[Any]) -> Any:
    rows = [
        {
            "name": name, "value": one.size_bytes / MEGABYTE, "shown": size(one.size_bytes),
            "said": f"{name}: {size(one.size_bytes)}, {one.files:,}",
        }
        for one in sizes
        for name in [translated(one.place, view.text) or one.place]
        if one.size_bytes
    ]  # fmt: skip
    return view.picture(lambda width: bars.by_name(rows, width), view.text("Storage by place")) if rows else ""


def _trend(view: View, trend: Sequence[Any]) -> Any:
    if len(trend) < 2:
        return ""
    points = [{"at": f"{at:%Y-%m-%d}", "value": n / MEGABYTE, "said": f"{at:%Y-%m-%d}: {size(n)}"} for at, n in trend]
    return view.small_picture(sparkline(points), view.text("Storage over time"))


def _by_usecase(view: View, lines: Sequence[dict[str, Any]]) -> Any:
    sums = {one["spec"].title: one["spent"] for one in lines if one["spent"].attempts}
    return _bars(view, sums, view.text("CPU time of each use case"))
