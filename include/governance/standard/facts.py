"""Facts of a spec that the standard asks for: which use cases do what."""

from collections.abc import Callable, Mapping

from include.specification.task import TASKS, Predicts
from include.specification.usecase import UseCase

Fact = Callable[[UseCase], bool]


def _sources(connector: str) -> Fact:
    return lambda spec: any(source.connector == connector for source in spec.sources.values())


def _predicts(what: Predicts) -> Fact:
    return lambda spec: TASKS[spec.task].predicts == what


def _trainer(name: str) -> Fact:
    return lambda spec: spec.trainer.name == name


def _strategy(name: str) -> Fact:
    return lambda spec: spec.rollout.strategy == name


def _split(by: str) -> Fact:
    return lambda spec: spec.split.by == by


FACTS: Mapping[str, Fact] = {
    "streams": lambda spec: bool(spec.streams),
    "stream_scoring": lambda spec: spec.scoring is not None,
    "http_source": _sources("http"),
    "sql_source": _sources("sql"),
    "file_source": lambda spec: _sources("file")(spec) or _sources("own")(spec),
    "labelling": lambda spec: spec.labelling is not None,
    "fairness": lambda spec: bool(spec.fairness.groups),
    "split_time": _split("time"),
    "split_group": _split("group"),
    "split_stratified": _split("stratified"),
    "blue_green": _strategy("blue_green"),
    "canary": _strategy("canary"),
    "ab_test": _strategy("ab_test"),
    "abort": lambda spec: spec.rollout.abort.max_p99_ms > 0,
    "retrain_schedule": lambda spec: spec.retrain.every is not None,
    "predicts_class": _predicts("class"),
    "predicts_value": _predicts("value"),
    "predicts_cluster": _predicts("cluster"),
    "dimension_reduction": lambda spec: spec.trainer.parameters.get("reduce", "none") != "none",
    "cnn": _trainer("torch_image"),
    "rnn": _trainer("torch_sequence"),
    "transformer": _trainer("torch_text"),
}
