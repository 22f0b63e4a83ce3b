"""How MLflow, Triton, the exporter and Prometheus are started; each adapter knows its own server."""

import os
import sys

import httpx

from include.adapters import model_server
from include.platform.processes import Service
from include.settings import ROOT, Settings


def triton_service(settings: Settings) -> Service:
    argv, env = model_server.command(settings)
    return Service(
        name="triton",
        argv=argv,
        env=env,
        ports={
            "triton_http_port": settings.triton_http_port,
            "triton_grpc_port": settings.triton_grpc_port,
            "triton_metrics_port": settings.triton_metrics_port,
        },
        ready=lambda: _answers(f"http://{settings.triton_http}/v2/health/ready"),
        address=f"grpc {settings.triton_grpc}",
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
