"""Prometheus: its HTTP API, its configuration and how it is started."""

import json
import math
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from tempfile import NamedTemporaryFile
from typing import Any, Literal, get_args

import httpx

from include.contracts.calendar import Calendar
from include.contracts.operations import Alert, FiredAlert, FiringAlert, Severity
from include.contracts.period import Period
from include.errors import ServiceError, SettingsError
from include.formats import certificates
from include.formats.atomic_file import write_atomically
from include.settings import ROOT, Settings

TEMPLATE = ROOT / "docker" / "prometheus" / "prometheus.yml"
GATEWAY_TARGETS = "gateway.json"
SEVERITIES = get_args(Severity)
STEPS, MOST_STEPS = (60, 300, 1200, 3600, 21600, 43200), 1100
"""Seconds of the coarse steps of a history of alerts: the shortest that are no more than these over the whole time."""
FINER, BLOCK, LOOKS = 1200, 3, 48
"""Where an alert began or ended, ``BLOCK`` coarse steps are read again, each in ``FINER`` ones of a second or more."""
STATE = frozenset({("__name__", "ALERTS"), ("alertstate", "firing")})
BINARY, SAMPLES = "binary expression must contain", "the answer must have"
"""What Prometheus says of a factor of a product, and what is meant of a whole query."""
Labels = frozenset[tuple[str, str]]
Spans = dict[Labels, dict[float, tuple[float, float]]]
"""Labels of an alert → since when it is active → first and last second in which it fired."""
RETENTION = "400d"  # a year of monthly figures and a little more


def query_fault(query: str) -> str:
    """Why a query with placeholders cannot be asked, in Prometheus' words; '' when it can, or without promtool.

    Its answer must be samples or one number: a text or a range of samples would fail when it is asked.
    """
    if (promtool := shutil.which("promtool")) is None:
        return ""
    filled = Template(query).safe_substitute(usecase="u", champion="r0001", challenger="r0002", window="30s")
    numbers = f"(\n{filled}\n) * 1"  # on lines of its own: it may end with a comment
    rules = {"groups": [{"name": "query", "rules": [{"record": "query", "expr": each} for each in (filled, numbers)]}]}
    with NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(json.dumps(rules))
        file.flush()
        checked = subprocess.run([promtool, "check", "rules", file.name], capture_output=True, text=True, check=False)
    if checked.returncode == 0:
        return ""
    words = [line.strip() for line in checked.stderr.splitlines() if line.strip()]
    said = next((line for line in words if "parse" in line), words[-1] if words else "promtool refuses it")
    return said.rpartition("parse error: ")[2].replace(BINARY, SAMPLES)


class Prometheus:
    """Queries and firing alerts of one Prometheus, by its HTTP API."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self.url, self.timeout = url, timeout

    def query(self, promql: str, seconds: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample of an instant query; a scalar has no labels. ``seconds``: a time-out.

        Raises
        ------
        ServiceError
            Prometheus does not answer, or refuses the query.
        """
        data = self._get("/api/v1/query", {"query": promql}, seconds)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(dict(sample["metric"]), float(sample["value"][1])) for sample in data["result"]]

    def lives(self) -> bool:
        """Whether it answers at all, be it ready or not."""
        try:
            httpx.get(f"{self.url}/-/healthy", timeout=self.timeout, verify=certificates.needed(self.url))
        except httpx.HTTPError:
            return False
        return True

    def rules(self) -> int:
        """How many alert rules it evaluates; raises ServiceError when it does not answer."""
        return sum(len(group["rules"]) for group in self._get("/api/v1/rules", {"type": "alert"})["groups"])

    def series(
        self, promql: str, start: datetime, end: datetime, step: float, patience: float
    ) -> list[tuple[dict[str, str], list[tuple[datetime, float]]]]:
        """Labels and samples of each series of a range query; raises ServiceError as ``query`` does."""
        wanted = {"query": promql, "start": f"{start.timestamp():.3f}", "end": f"{end.timestamp():.3f}"}
        data = self._get("/api/v1/query_range", {**wanted, "step": f"{step:g}"}, patience)
        return [
            (dict(one["metric"]), [(datetime.fromtimestamp(at, UTC), float(value)) for at, value in one["values"]])
            for one in data["result"]
        ]

    def alerts(self, usecase: str) -> list[Alert]:
        """The firing alerts that concern one use case, those of the platform among them.

        Raises ServiceError when Prometheus does not answer.
        """
        firing = _firing(self._get("/api/v1/alerts", {}))
        return [alert.model_copy(update={"usecase": usecase}) for alert in firing if alert.usecase in ("", usecase)]

    def all_firing(self, seconds: float) -> list[FiringAlert]:
        """Every alert of our rules that fires now; raises ServiceError when Prometheus does not answer in time."""
        groups = self._get("/api/v1/rules", {"type": "alert"}, seconds)["groups"]
        ours = [
            _firing_alert(alert, timedelta(seconds=rule["duration"]))
            for group in groups
            for rule in group["rules"]
            for alert in rule["alerts"]
            if alert["state"] == "firing" and alert["labels"].get("severity") in SEVERITIES
        ]
        return sorted(ours, key=lambda a: (a.usecase, a.name, a.release))

    def fired(self, usecase: str, since: datetime, until: datetime) -> list[FiredAlert]:
        """Every alert on the use case ('': on the platform) that fired in this time, oldest first.

        Two looks at steps that lie at multiples of their length, so that the past reads the same whenever it is asked
        for: coarse ones over the whole time, then fine ones where an alert began or ended, the newest ``LOOKS`` times.
        Raises ServiceError when Prometheus does not answer.
        """
        step = next((s for s in STEPS if (until - since).total_seconds() <= MOST_STEPS * s), STEPS[-1])
        seen, length = self._active(usecase, since.timestamp(), until.timestamp(), step), BLOCK * step
        edges = {at // length * length for times in seen.values() for at in _edges(times, step)}
        looked, fine = sorted(edges)[-LOOKS:], max(1, step // FINER)
        spans: Spans = {}
        for start in looked:
            _extend(spans, self._active(usecase, start, start + length, fine), fine)
        unlooked = lambda times: {at: active for at, active in times.items() if at // length * length not in looked}  # noqa: E731
        _extend(spans, {labels: unlooked(times) for labels, times in seen.items()}, step)
        firing = {frozenset(labels.items()) - STATE for labels, _ in self.query(_firing_series(usecase))}
        found = [
            _fired(labels, span, still=labels in firing and active == max(of))
            for labels, of in spans.items()
            for active, span in of.items()
        ]
        return sorted(found, key=lambda one: (one.since, one.name))

    def _active(self, usecase: str, start: float, end: float, step: int) -> dict[Labels, dict[float, float]]:
        """Of each alert that fired: start of a step → since when the newest alert that fired in it is active."""
        fired = f"count_over_time({_firing_series(usecase)}[{step}s])"
        query = f'max_over_time(ALERTS_FOR_STATE{{usecase="{usecase}"}}[{step}s]) and ignoring(alertstate) {fired}'
        first, last = start // step * step + step, math.ceil(end / step) * step
        asked = {"query": query, "start": f"{first:.0f}", "end": f"{last:.0f}", "step": str(step)}
        series = self._get("/api/v1/query_range", asked)["result"]
        return {
            frozenset(one["metric"].items()): {float(at) - step: float(active) for at, active in one["values"]}
            for one in series
        }

    async def firing(self) -> list[Alert]:
        """The firing alerts of all use cases; raises ServiceError when Prometheus does not answer."""
        try:
            async with httpx.AsyncClient(timeout=self.timeout, verify=certificates.needed(self.url)) as client:
                answer = (await client.get(f"{self.url}/api/v1/alerts")).raise_for_status()
        except httpx.HTTPError as error:
            raise ServiceError(f"Prometheus at {self.url} did not answer: {error}; see `make status`") from error
        return _firing(answer.json()["data"])

    def _get(self, path: str, parameters: Mapping[str, str], seconds: float | None = None) -> dict[str, Any]:
        verify, timeout = certificates.needed(self.url), self.timeout if seconds is None else seconds
        try:
            body = httpx.get(f"{self.url}{path}", params=dict(parameters), timeout=timeout, verify=verify).json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServiceError(f"Prometheus at {self.url} did not answer {path}: {error}; see `make status`") from error
        if body.get("status") != "success":
            fault = f"{body.get('errorType')}: {body.get('error')}"
            raise ServiceError(f"Prometheus at {self.url} refused {path} {dict(parameters)}: {fault}")
        return dict(body["data"])


def _firing_series(usecase: str) -> str:
    return f'ALERTS{{alertstate="firing",usecase="{usecase}"}}'


def _edges(times: Mapping[float, float], step: int) -> Iterator[float]:
    """Steps in which an alert began or ended: beside one of them it is another alert, or none."""
    for at, active in times.items():
        if times.get(at - step) != active or times.get(at + step) != active:
            yield at


def _extend(spans: Spans, seen: Mapping[Labels, Mapping[float, float]], step: int) -> None:
    """Each alert, named by since when it is active, reaches over the steps in which it was seen."""
    for labels, times in seen.items():
        of = spans.setdefault(labels, {})
        for at, active in times.items():
            begin, end = of.get(active, (at, at + step))
            of[active] = (min(begin, at), max(end, at + step))


def _fired(labels: Labels, span: tuple[float, float], *, still: bool) -> FiredAlert:
    named = dict(labels)
    own = {"alertname", "alertstate", "usecase", "severity", "release", "asks", "__name__"}
    begin, end = (datetime.fromtimestamp(at, UTC) for at in span)
    return FiredAlert(
        name=named["alertname"], severity=_severity(named), release=named.get("release", ""),
        about={name: value for name, value in named.items() if name not in own},
        since=begin, until=None if still else end,
    )  # fmt: skip


def _severity(labels: Mapping[str, str]) -> Severity:
    """Of a rule that is not ours: somebody has to look."""
    known: dict[str, Severity] = {"repair": "repair", "retrain": "retrain"}
    return known.get(labels.get("severity", ""), "look")


def _firing(data: Mapping[str, Any]) -> list[Alert]:
    """Alerts of Moebius' own rules that ask the retrain trigger; those of the platform belong to no use case."""
    ours = (a for a in data["alerts"] if a["state"] == "firing" and a["labels"].get("asks") == "retrain_trigger")
    return sorted((_alert(a) for a in ours), key=lambda a: (a.usecase, a.name, a.release, a.period))


def _firing_alert(alert: Mapping[str, Any], wait: timedelta) -> FiringAlert:
    """It fires since its condition has held for the ``wait`` of its rule: the begin that ``fired`` tells, too."""
    labels, notes = {"usecase": "", "release": "", **alert["labels"]}, alert["annotations"]
    named = {name: labels[name] for name in ("usecase", "severity", "release")}
    said = {name: notes.get(name, "") for name in ("summary", "action")}
    asks = labels.get("asks") == "retrain_trigger"
    active = alert.get("activeAt")
    since = datetime.fromisoformat(active).astimezone(UTC) + wait if active else None
    return FiringAlert(name=labels["alertname"], **named, **said, since=since, asks=asks)


def _alert(alert: Mapping[str, Any]) -> Alert:
    labels, notes = {"usecase": "", "release": "", **alert["labels"]}, alert["annotations"]
    named = {name: labels[name] for name in ("usecase", "severity", "release")}
    value, summary = float(alert["value"]), notes.get("summary", "")
    return Alert(name=labels["alertname"], **named, period=_period(notes), value=value, summary=summary)


def _period(notes: Mapping[str, str]) -> Period | Literal[""]:
    """The last period of the window that the alert is about; '' when it is about none."""
    if not (end := notes.get("window_end")):
        return ""
    calendar = Calendar.model_validate({name: notes[name] for name in ("every", "timezone")})
    return calendar.of(datetime.fromtimestamp(float(end), UTC) - timedelta(microseconds=1))


def directory(settings: Settings) -> Path:
    """Where the embedded Prometheus keeps its configuration, rules and data."""
    return settings.home / "prometheus"


def rule_file(settings: Settings) -> Path:
    """Where its rules are written."""
    return directory(settings) / "moebius.rules.yml"


def configure(settings: Settings, rules: str, *, gateway: bool = False) -> Path:
    """Write ``prometheus.yml`` (from the template) and ``moebius.rules.yml``; returns the configuration file.

    Raises
    ------
    SettingsError
        the template names a setting that does not exist.
    """
    values = settings.model_dump() | {
        "triton_replicas": json.dumps([f"{server.host}:{server.metrics_port}" for server in settings.gateway_servers]),
    }
    try:
        text = Template(TEMPLATE.read_text()).substitute(values)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"{TEMPLATE}: {error}; settings that it may name: {', '.join(sorted(values))}") from error
    write_atomically(rule_file(settings), rules)
    scrape_gateway(settings, there=gateway)
    write_atomically(directory(settings) / "prometheus.yml", text)
    return directory(settings) / "prometheus.yml"


def scrape_gateway(settings: Settings, *, there: bool) -> None:
    """Say where the gateway tells its figures, or that it is not there; Prometheus sees it at once."""
    address = f"{settings.host}:{settings.gateway_metrics_port}"
    targets = [{"targets": [address]}] if there else []
    write_atomically(directory(settings) / GATEWAY_TARGETS, json.dumps(targets))


def command(settings: Settings) -> list[str]:
    """The arguments that start Prometheus in ``directory`` on what ``configure`` wrote; SIGHUP makes it read it again.

    Names in the configuration are patterns for Prometheus, and relative to its file: so no path stands there.
    """
    binary = settings.prometheus_binary
    return [
        str(Path(binary).absolute()) if "/" in binary else binary,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={settings.host}:{settings.prometheus_port}",
        "--log.level=warn",
    ]
