"""What the task and the trainer of a spec can do."""

from collections.abc import Iterator

from include.specification.declaration import Declaration
from include.specification.part import Fault
from include.specification.task import TASKS
from include.specification.trainers import ESTIMATORS, TRAINERS
from include.specification.wording import not_among


def task_faults(spec: Declaration) -> Iterator[Fault]:
    """What the task needs: a label or none, its classes, metrics that it has."""
    facts = TASKS[spec.task]
    if facts.labelled != (spec.event.label is not None):
        needed = "needs a label" if facts.labelled else "has no label"
        yield Fault("event.label", f"{spec.event.label!r}: {spec.task} {needed}")
    if facts.names_classes != (len(spec.event.classes) > 2):
        needed = "needs three or more" if facts.names_classes else "has none"
        yield Fault("event.classes", f"{spec.event.classes}: {spec.task} {needed}")
    used = {"metrics.primary": spec.metrics.primary}
    used |= {f"metrics.secondary.{place}": name for place, name in enumerate(spec.metrics.secondary)}
    used |= {f"acceptance.{place}.metric": criterion.metric for place, criterion in enumerate(spec.acceptance)}
    for key, metric in used.items():
        if metric not in facts.metrics:
            yield Fault(key, not_among(metric, facts.metrics, f"a metric of {spec.task}"))
    yield from _weight_faults(spec)
    yield from _labelling_faults(spec)
    seasonal = spec.trainer.baseline.feature
    if seasonal is not None and seasonal not in spec.feature_names:
        yield Fault("trainer.baseline.feature", not_among(seasonal, spec.feature_names, "a feature"))


def _weight_faults(spec: Declaration) -> Iterator[Fault]:
    """A weight is of something that each evaluation measures; the primary metric is what it is converted to."""
    weighed = [name for name in spec.metrics.secondary if name != spec.metrics.primary]
    allowed = [*weighed, *(["calibration"] if TASKS[spec.task].probabilities else [])]
    for name in spec.comparison.weights:
        if name not in allowed:
            yield Fault(f"comparison.weights.{name}", not_among(name, allowed, "a metric of metrics.secondary"))


def _labelling_faults(spec: Declaration) -> Iterator[Fault]:
    if spec.labelling is None:
        return
    allowed, strategy = TASKS[spec.task].labelling, spec.labelling.strategy
    if not allowed:
        yield Fault("labelling", f"{spec.task} has no labels to ask for; leave it out")
    elif strategy not in allowed:
        yield Fault("labelling.strategy", not_among(strategy, allowed, f"a strategy of {spec.task}"))


def trainer_faults(spec: Declaration) -> Iterator[Fault]:
    """The trainer can learn the task, and read the inputs."""
    if spec.training.refit == "after_proof" and spec.split.by != "time":
        text = f"'after_proof': a split by {spec.split.by} has no newest rows to learn from; leave it out"
        yield Fault("training.refit", text)
    name, predicts = spec.trainer.name, TASKS[spec.task].predicts
    if (facts := TRAINERS.get(name)) is None:
        return
    if predicts not in facts.predicts:
        able = [trainer for trainer, other in TRAINERS.items() if predicts in other.predicts]
        yield Fault("trainer.name", not_among(name, [*able, "own"], f"a trainer that can do {spec.task}"))
    estimator = str(spec.trainer.parameters.get("estimator", "auto"))
    if name == "sklearn" and predicts not in ESTIMATORS.get(estimator, {predicts}):
        able = ["auto", *(other for other, kinds in ESTIMATORS.items() if predicts in kinds)]
        key = "trainer.parameters.estimator"
        yield Fault(key, not_among(estimator, able, f"an estimator that can do {spec.task}"))
    yield from _input_faults(spec, name)


def _input_faults(spec: Declaration, trainer: str) -> Iterator[Fault]:
    texts = [feature.name for feature in spec.features if feature.kind == "text"]
    ranks = {feature.tensor: len(feature.shape) for feature in spec.features if feature.tensor}
    images, series = ([name for name, rank in ranks.items() if rank == wanted] for wanted in (2, 1))
    if trainer == "sklearn" and texts:
        text = f"sklearn reads numbers and categories, {texts} are text; use torch_text or torch_tabular"
        yield Fault("trainer.name", text)
    known = {**TRAINERS[trainer].defaults, **spec.trainer.parameters}
    if trainer == "torch_text" and int(known["width"]) % int(known["heads"]):
        text = f"{known['heads']} heads cannot share width {known['width']}; the width must be a multiple of them"
        yield Fault("trainer.parameters.heads", text)
    if trainer == "torch_text" and len(texts) != 1:
        yield Fault("trainer.name", f"torch_text needs one text feature; there are {texts}")
    if trainer == "torch_image" and len(images) != 1:
        text = f"torch_image needs one numeric feature with a shape like [8, 8]; there are {images}"
        yield Fault("trainer.name", text)
    if trainer == "torch_sequence" and not series:
        text = "torch_sequence needs a numeric feature with a shape like [24]; there is none"
        yield Fault("trainer.name", text)
