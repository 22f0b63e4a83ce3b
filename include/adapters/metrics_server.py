"""Prometheus: its HTTP API, its configuration and how it is started."""

import json
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
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
RETENTION = "400d"  # a year of monthly figures and a little more


def query_fault(query: str) -> str:
    """Why a query with placeholders is no PromQL, in Prometheus' words; '' when it is, or promtool is not installed."""
    if (promtool := shutil.which("promtool")) is None:
        return ""
    filled = Template(query).safe_substitute(usecase="u", champion="r0001", challenger="r0002", window="30s")
    rules = {"groups": [{"name": "query", "rules": [{"record": "query", "expr": filled}]}]}
    with NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(json.dumps(rules))
        file.flush()
        checked = subprocess.run([promtool, "check", "rules", file.name], capture_output=True, text=True, check=False)
    if checked.returncode == 0:
        return ""
    return next((line.rpartition("parse error: ")[2] for line in checked.stderr.splitlines() if "parse" in line), "")


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
        alerts = self._get("/api/v1/alerts", {}, seconds)["alerts"]
        ours = [
            _firing_alert(a) for a in alerts if a["state"] == "firing" and a["labels"].get("severity") in SEVERITIES
        ]
        return sorted(ours, key=lambda a: (a.usecase, a.name, a.release))

    def fired(self, usecase: str, since: datetime, until: datetime, step: timedelta) -> list[FiredAlert]:
        """Every alert on the use case ('': on the platform) that fired in this time, to the step, oldest first.

        Raises ServiceError when Prometheus does not answer.
        """
        which, seconds = f'ALERTS{{alertstate="firing",usecase="{usecase}"}}', max(1, round(step.total_seconds()))
        now = [frozenset(labels.items()) for labels, _ in self.query(which)]
        asked = {"query": f"max_over_time({which}[{seconds}s])", "step": str(seconds)}
        bounds = {name: f"{at.timestamp():.0f}" for name, at in (("start", since), ("end", until))}
        series = self._get("/api/v1/query_range", asked | bounds)["result"]
        still = {labels - {("__name__", "ALERTS")} for labels in now}
        found = [
            one
            for each in series
            for one in _spans(each["metric"], [float(at) for at, _ in each["values"]], seconds, still)
        ]
        return sorted(found, key=lambda one: (one.since, one.name))

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


def _spans(
    labels: Mapping[str, str], at: list[float], step: int, firing: Collection[frozenset[tuple[str, str]]]
) -> Iterator[FiredAlert]:
    """One for each run of neighbouring steps ``at`` in which a series of alerts had a sample."""
    own = {"alertname", "alertstate", "usecase", "severity", "release", "asks", "__name__"}
    about = {name: value for name, value in labels.items() if name not in own}
    breaks = [k for k in range(1, len(at)) if at[k] - at[k - 1] > 1.5 * step]
    for first, end in pairwise([0, *breaks, len(at)]):
        last = end == len(at) and frozenset(labels.items()) - {("__name__", "ALERTS")} in firing
        yield FiredAlert(
            name=labels["alertname"], severity=_severity(labels), release=labels.get("release", ""), about=about,
            since=datetime.fromtimestamp(at[first] - step, UTC),
            until=None if last else datetime.fromtimestamp(at[end - 1], UTC),
        )  # fmt: skip


def _severity(labels: Mapping[str, str]) -> Severity:
    """Of a rule that is not ours: somebody has to look."""
    known: dict[str, Severity] = {"repair": "repair", "retrain": "retrain"}
    return known.get(labels.get("severity", ""), "look")


def _firing(data: Mapping[str, Any]) -> list[Alert]:
    """Alerts of Moebius' own rules that ask the retrain trigger; those of the platform belong to no use case."""
    ours = (a for a in data["alerts"] if a["state"] == "firing" and a["labels"].get("asks") == "retrain_trigger")
    return sorted((_alert(a) for a in ours), key=lambda a: (a.usecase, a.name, a.release, a.period))


def _firing_alert(alert: Mapping[str, Any]) -> FiringAlert:
    labels, notes = {"usecase": "", "release": "", **alert["labels"]}, alert["annotations"]
    named = {name: labels[name] for name in ("usecase", "severity", "release")}
    said = {name: notes.get(name, "") for name in ("summary", "action")}
    asks = labels.get("asks") == "retrain_trigger"
    return FiringAlert(name=labels["alertname"], **named, **said, since=alert.get("activeAt"), asks=asks)


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
