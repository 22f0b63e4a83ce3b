"""The whole loop at reduced size: a real airflow standalone, Triton, MLflow, Feast, Delta and Prometheus."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from include.settings import Settings, load_settings
from tests.integration.pipeline_fixtures import free_ports

pytestmark = pytest.mark.e2e
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state root of its own, every service on a free port; everything is stopped at the end."""
    from include.platform.embedded import Platform

    monkeypatch.setenv("MOEBIUS_HOME", str(tmp_path / "var"))
    for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
        monkeypatch.setenv(f"MOEBIUS_{name.upper()}", str(port))
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    load_settings.cache_clear()
    platform = Platform(load_settings())
    try:
        yield load_settings().home
    finally:
        platform.down()
        left = [s.name for s in platform.services if platform.supervisor.process(s.name)]
        load_settings.cache_clear()
        assert not left, f"still running after down: {left}"


def test_a_decayed_model_is_replaced_by_a_better_one(home: Path) -> None:
    from include.demo.__main__ import run
    from include.demo.scenario import Script

    script = Script("flight_delay", sample=int(os.environ.get("MOEBIUS_E2E_SAMPLE", "8000")))
    with (home.parent / "demo.log").open("w") as log:
        summary = run(script, Console(file=log, width=160))
    assert json.loads((home / "demo" / "summary.json").read_text()) == summary

    first, *later = summary["verdicts"]
    assert first["champion"] is None
    retrained = later[-1]
    assert retrained["decision"] in ("promote", "canary")
    assert {c["name"] for c in retrained["cells"]} == {"A", "B", "C", "D"}
    assert retrained["differences"]["D-C roc_auc"]["low"] > 0

    served = {row["month"]: row for row in summary["months"] if row["served"]}
    last = max(served)
    replaced = next(row for row in summary["months"] if row["month"] == last and not row["served"])
    assert served[last]["release"] != replaced["release"]
    assert served[last]["value"] > replaced["value"], (
        "the retrained release must beat the decayed one on the same requests"
    )
    assert any(d["decision"] == "retrain" for d in summary["decisions"])
    assert summary["requests_during_swap"]["failed"] == 0
    assert summary["requests_during_swap"]["sent"] > 0
