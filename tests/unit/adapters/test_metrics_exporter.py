import threading

from include.adapters.metrics_exporter import FigureCollector, newest
from include.contracts import Figure


def figure(usecase: str, period: str, value: float, release: str = "r0001") -> Figure:
    return Figure(usecase=usecase, release=release, period=period, name="roc_auc", value=value)


def samples(collector: FigureCollector) -> dict[str, list[float]]:
    return {metric.name: [s.value for s in metric.samples] for metric in collector.collect()}


def test_only_the_newest_period_of_each_use_case_is_exposed() -> None:
    old, new, again = figure("a", "2013-05", 0.1), figure("a", "2013-06", 0.2), figure("a", "2013-06", 0.3)
    other = figure("b", "2013-01", 0.4)
    assert newest([old, new, other, again]) == [again, other]
    assert newest([]) == []


def test_a_reader_that_fails_exposes_nothing_and_says_so() -> None:
    fault = [True]

    def read() -> list[Figure]:
        if fault:
            raise OSError("away")
        return [figure("a", "2013-06", 0.2)]

    collector = FigureCollector(read, cache_seconds=0, patience=5)
    assert samples(collector) == {"moebius_exporter_up": [0], "moebius_figure": []}
    fault.clear()
    assert samples(collector) == {"moebius_exporter_up": [1], "moebius_figure": [0.2]}


def test_a_slow_reader_does_not_hold_up_the_scrape_and_a_hung_one_is_said() -> None:
    go_on = threading.Event()
    go_on.set()

    def read() -> list[Figure]:
        go_on.wait(10)
        return [figure("a", "2013-06", 0.2)]

    collector = FigureCollector(read, cache_seconds=0, patience=5)
    assert samples(collector)["moebius_exporter_up"] == [1]
    go_on.clear()
    collector.patience = 0.01
    assert samples(collector)["moebius_figure"] == [0.2]
    collector.stale_seconds = 0
    assert samples(collector) == {"moebius_exporter_up": [0], "moebius_figure": []}
    go_on.set()
