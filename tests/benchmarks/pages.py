"""Server time of every page of the matrix of routes, on a year of daily history of ten use cases, and on two years.

A page is asked for as often as ``REPEATS`` says with its pictures drawn anew, and as often with everything forgotten
that pages remember between requests: so is the first request after a change of each table. A page that shows less than
it should, or a route without an address, fails the bench.
"""

import logging
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from tests.benchmarks import _page_history
from tests.benchmarks._page_addresses import Address, addresses, unasked

USECASES, DAYS, REPEATS, ANEW = 10, 365, 5, 3
LONGER = 2
"""So many times the history, against which a page is held."""
AsRole = Callable[[str], None]
PICTURE = '<div class="picture '
"""Begins a picture; one of a page is there twice, for wide and for narrow screens."""
OLDER = 50
"""Days before the end of the history of an older window."""


class Taken(NamedTuple):
    """Milliseconds of a page: on the clock, and of the CPU in the process that serves it."""

    clock: float
    cpu: float


def bench(count: int = USECASES, days: int = DAYS) -> dict[str, Any]:
    if missing := unasked():
        raise AssertionError(f"no address is known for {missing}: add them to tests/benchmarks/_page_addresses.py")
    with tempfile.TemporaryDirectory() as directory:
        homes = {length: Path(directory) / str(length) for length in (days, LONGER * days)}
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            for made in [pool.submit(_page_history.made, home, count, length) for length, home in homes.items()]:
                made.result()
        known, anew = measured(homes[days], count, days)
        longer, longer_anew = measured(homes[LONGER * days], count, LONGER * days)
    slowest = max(known, key=lambda name: known[name].clock)
    return {
        "name": "pages",
        "what": f"the slowest page, {slowest}, its pictures drawn anew: {count} use cases of {days} days",
        "ours": known[slowest].clock,
        "against": {},
        "unit": "ms",
        "n": REPEATS,
        "samples": {name: taken.clock for name, taken in known.items()},
        "cpu": {name: taken.cpu for name, taken in known.items()},
        "after_a_change": {name: taken.clock for name, taken in anew.items()},
        "after_a_change_cpu": {name: taken.cpu for name, taken in anew.items()},
        f"times_with_{LONGER}_times_the_history": {name: longer[name].clock / known[name].clock for name in known},
        f"times_after_a_change_with_{LONGER}_times_the_history": {
            name: longer_anew[name].cpu / anew[name].cpu for name in anew
        },
    }


def measured(
    home: Path, count: int, days: int, only: str = "", repeats: int = REPEATS, anew: int = ANEW
) -> tuple[dict[str, Taken], dict[str, Taken]]:
    """Page → medians of what it took, as it is asked for again and again, and with all forgotten."""
    last = _page_history.history(_page_history.use(home, count, days)[0], days)[-1].period
    places = {"older": str(last.shift(-OLDER)), "later": str(last.shift(14 - OLDER))}
    wanted = {name: address for name, address in addresses().items() if re.search(only, name)}
    known, forgotten = {}, {}
    with client_of(home / "state") as (client, as_role):
        client.get("/")  # starts the process that draws, and loads what the pages need
        for name, address in wanted.items():
            asked = address._replace(path=address.path.format(**places))
            ask = _asking(client, as_role, asked)
            require_shown(name, asked, ask())
            known[name] = _median(ask, _drawn_anew, repeats)
            forgotten[name] = _median(ask, _forget, anew)
    return known, forgotten


@contextmanager
def client_of(home: Path) -> Iterator[tuple[Any, AsRole]]:
    """Asks for the pages, each time with services of its own, as a request has them; by the role that was said last."""
    from fastapi.testclient import TestClient

    from include.contracts.period import Period
    from include.settings import Settings
    from include.ui import sending
    from include.ui.access import Reader, reader_of, services_of_pages
    from tests.benchmarks import _page_servers
    from tests.benchmarks._page_addresses import U
    from tests.unit.fakes.page_client import pages_of

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # its lines are as many as the requests
    experiments = _page_servers.Experiments(Period("2026-01-01"))
    with _page_servers.prometheus(U) as port:
        settings = Settings(home=home, prometheus_port=port)

        def reader(role: str) -> Reader:
            services = services_of_pages(settings)
            services.adapters.experiment_reader = experiments
            return Reader(services, "ada", role)

        app = pages_of(services_of_pages(settings))
        app.dependency_overrides |= {sending.airflow_of: _page_servers.airflow, reader_of: lambda: reader("auditor")}
        secret = SimpleNamespace(get=lambda *_, fallback="": "a secret of Airflow")
        with (
            patch.object(sending, "conf", secret),
            patch("include.ui.pages.catalog.load_settings", lambda: settings),
            TestClient(app) as client,
        ):
            yield client, lambda role: app.dependency_overrides.update({reader_of: lambda: reader(role)})


def _asking(client: Any, as_role: AsRole, address: Address) -> Callable[[], Any]:
    """Asks for the page, by its form where it has one."""
    as_role(address.role)
    if not address.form:
        return lambda: client.get(address.path)
    signature = re.search('name="signature" value="([^"]+)"', client.get(address.path).text)
    assert signature, f"{address.path} has no form"
    form = {**dict(address.form), "signature": signature[1]}
    return lambda: client.post(address.path, data=form, headers={"Origin": "http://testserver"})


def require_shown(name: str, address: Address, response: Any) -> None:
    """A page that shows less than it should is measured empty: the bench fails."""
    assert response.status_code == 200, f"{name}: {response.status_code} {response.text[:500]}"
    pictures, rows = response.text.count(PICTURE), response.text.count("<tr")
    assert pictures >= address.pictures, f"{name} has {pictures} pictures, not {address.pictures}"
    assert rows >= address.rows, f"{name} has {rows} rows, not {address.rows}"
    assert address.words in response.text, f"{name} does not say {address.words!r}"


def _drawn_anew() -> None:
    from include.ui.charts import drawing

    drawing._drawn.cache_clear()


def _forget() -> None:
    """What a page remembers until a table changes, as if each had changed."""
    from include.catalog import files
    from include.services import checklist_records
    from include.ui.memory import MEMORY

    _drawn_anew()
    files._written.cache_clear()
    MEMORY._read.clear()
    checklist_records._once.cache_clear()


def _median(ask: Callable[[], Any], before: Callable[[], None], repeats: int) -> Taken:
    taken = []
    for _ in range(repeats):
        before()
        begun, cpu = time.perf_counter(), time.process_time()
        assert ask().status_code == 200
        taken.append((1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - cpu)))
    clock, of_cpu = (round(statistics.median(each), 1) for each in zip(*taken, strict=True))
    return Taken(clock, of_cpu)
