"""All faults of processes, in waves: what is in one wave is done at once, and no part of it is about another."""

from tests.chaos.faults import (
    HANGING_SECONDS,
    MODEL_SECONDS,
    SERVER_SECONDS,
    Fault,
    killed,
    model_killed,
    model_stopped,
    stopped,
    together,
)
from tests.chaos.surroundings import full_disk, full_disk_and, locked_store

Waves = tuple[tuple[Fault, ...], ...]

REDUCED: Waves = (
    (killed("triton", seconds=SERVER_SECONDS),),
    (model_killed("after the server was started again"),),
    (killed("redis"), killed("consumer"), killed("prometheus"), stopped("exporter"), stopped("triton-second")),
    (together(["keeper", "supervisord"]),),
)
"""One of each sort."""

SERVING: Waves = (
    (killed("triton", seconds=SERVER_SECONDS),),
    (model_killed("after the server was started again"),),
    (model_killed("again", seconds=MODEL_SECONDS),),
    (stopped("triton", seconds=HANGING_SECONDS),),
    (model_stopped(),),
    (killed("triton", "again", seconds=SERVER_SECONDS),),
    (killed("triton-second"),),
    (stopped("triton-second"),),
    (killed("facade"),),
    (stopped("facade"),),
    (killed("gateway"),),
    (stopped("gateway"),),
)
OTHERS: Waves = (
    (killed("redis"), killed("exporter"), killed("prometheus")),
    (killed("consumer"),),
    (killed("keeper"),),
    (killed("supervisord"),),
    (killed("consumer", "after redis was started again"),),
    (stopped("exporter"), stopped("consumer")),
    (stopped("prometheus"),),
    (stopped("redis"),),
    (stopped("keeper"),),
    (stopped("supervisord"),),
)
TOGETHER: Waves = (
    (together(["keeper", "supervisord"]),),
    (together(["supervisord", "exporter"]),),
    (together(["keeper", "triton"], SERVER_SECONDS),),
    (together(["triton", "triton-second"], SERVER_SECONDS),),
    (together(["redis", "consumer", "exporter", "prometheus"]),),
)
AROUND: Waves = (
    (full_disk(lasts=300),),
    (full_disk_and(killed("triton", seconds=SERVER_SECONDS), lasts=300),),
    (locked_store(lasts=300),),
)
LATER: Waves = (
    (killed("mlflow"), killed("airflow-api")),
    (killed("airflow-scheduler"), killed("airflow-dag-processor"), killed("airflow-triggerer")),
    (stopped("mlflow"), stopped("airflow-triggerer")),
    (stopped("airflow-api"),),
    (stopped("airflow-scheduler"), stopped("airflow-dag-processor")),
)
"""MLflow and Airflow: of the whole variant only."""
WHOLE: Waves = (*SERVING, *OTHERS, *LATER, *AROUND, *TOGETHER)
