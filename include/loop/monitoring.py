"""Predictions meet the truth: figures per month and release."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts import Figure, Period, ReleaseRef
from include.operations import monitoring
from include.services import Services
from include.usecase import UseCase


def ship_predictions(spec: UseCase, services: Services) -> int:
    """Move what the model server logged into the lake's ``predictions``; rows shipped."""
    log = services.prediction_log(spec)
    shipped = 0
    for batch in log.unshipped():
        rows = batch.rows.assign(period=batch.rows[spec.event.time].dt.strftime("%Y-%m"))
        services.lake.append(spec.name, "predictions", pa.Table.from_pandas(rows, preserve_index=False))
        log.acknowledge(batch)
        shipped += len(rows)
    return shipped
