"""The parameters of the built-in trainers, declared: a spec is checked against them without their libraries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from include.specification.part import Fault
from include.specification.search import Choices, Range, Space
from include.specification.task import Predicts
from include.specification.wording import not_among

Value = int | float | str
Parameters = Mapping[str, Value]


@dataclass(frozen=True)
class TrainerFacts:
    """What a trainer can learn, and its parameters.

    ``defaults`` are all of them; a value is a number or a text as its default is, and whole where that is.
    ``least`` and ``most`` are limits of numbers, both allowed; ``words`` what a text may be; ``space`` what a search
    tries unless the spec says otherwise.
    """

    predicts: frozenset[Predicts]
    defaults: Parameters
    space: Space
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ABOVE_0, BELOW_1 = 1e-9, 1 - 1e-9
SUPERVISED: frozenset[Predicts] = frozenset({"class", "value"})
DEVICES = ("auto", "cpu", "cuda")
XGBOOST = TrainerFacts(
    predicts=SUPERVISED,
    defaults={
        "n_estimators": 200, "max_depth": 6, "learning_rate": 0.1, "min_child_weight": 1.0, "subsample": 1.0,
        "colsample_bytree": 1.0, "reg_lambda": 1.0, "reg_alpha": 0.0, "gamma": 0.0, "max_bin": 256,
        # auto is a proper score, log loss or RMSE: AUC on a short validation part stops after a handful of trees.
        "early_stopping_rounds": 30, "eval_metric": "auto", "device": "auto", "seed": 0,
    },
    space={
        "max_depth": Range(low=3, high=10, integer=True),
        "learning_rate": Range(low=0.02, high=0.3, log=True),
        "min_child_weight": Range(low=1, high=100, log=True),
        "subsample": Range(low=0.5, high=1),
        "colsample_bytree": Range(low=0.4, high=1),
        "reg_lambda": Range(low=0.1, high=100, log=True),
    },
    least={
        "n_estimators": 1, "max_depth": 0, "learning_rate": ABOVE_0, "min_child_weight": 0, "subsample": ABOVE_0,
        "colsample_bytree": ABOVE_0, "reg_lambda": 0, "reg_alpha": 0, "gamma": 0, "max_bin": 2,
        "early_stopping_rounds": 0,
    },
    most={"subsample": 1, "colsample_bytree": 1},
    words={  # of eval_metric less is better, and a label may be in standard deviations: no mape, no rmsle
        "eval_metric": ("auto", "logloss", "error", "mlogloss", "merror", "rmse", "mae"),
        "device": DEVICES,
    },
)  # fmt: skip

ESTIMATORS: Mapping[str, frozenset[Predicts]] = {
    "logistic_regression": frozenset({"class"}),
    "linear_regression": frozenset({"value"}),
    "ridge": frozenset({"value"}),
    "elastic_net": frozenset({"value"}),
    "random_forest": SUPERVISED,
    "extra_trees": SUPERVISED,
    "hist_gradient_boosting": SUPERVISED,
    "kmeans": frozenset({"cluster"}),
    "minibatch_kmeans": frozenset({"cluster"}),
    "gaussian_mixture": frozenset({"cluster"}),
}
"""What each estimator of the trainer ``sklearn`` can learn."""
SKLEARN = TrainerFacts(
    predicts=frozenset({"class", "value", "cluster"}),
    defaults={  # max_depth 0: no limit
        "estimator": "auto", "reduce": "none", "components": 2, "clusters": 4, "C": 1.0, "alpha": 1.0, "l1_ratio": 0.5,
        "n_estimators": 100, "max_depth": 0, "min_samples_leaf": 5, "learning_rate": 0.1, "max_iter": 500, "n_init": 10,
        "seed": 0,
    },
    space={
        "C": Range(low=1e-3, high=1e3, log=True),
        "alpha": Range(low=1e-4, high=1e3, log=True),
        "min_samples_leaf": Range(low=1, high=50, integer=True, log=True),
        "learning_rate": Range(low=0.02, high=0.3, log=True),
    },
    least={
        "components": 1, "clusters": 2, "C": 1e-12, "alpha": 0, "l1_ratio": 0, "n_estimators": 1, "max_depth": 0,
        "min_samples_leaf": 1, "learning_rate": ABOVE_0, "max_iter": 1, "n_init": 1,
    },
    most={"l1_ratio": 1},
    words={"estimator": ("auto", *ESTIMATORS), "reduce": ("none", "pca", "truncated_svd")},
)  # fmt: skip


def _torch(own: Parameters, space: Space, least: Mapping[str, float], **words: tuple[str, ...]) -> TrainerFacts:
    """A trainer of networks: what all of them have, and its own."""
    return TrainerFacts(
        predicts=SUPERVISED,
        defaults={
            "epochs": 40, "patience": 5, "batch_size": 256, "learning_rate": 2e-3, "weight_decay": 1e-4, "dropout": 0.1,
            "device": "auto", "seed": 0, **own,
        },
        space={
            "learning_rate": Range(low=3e-4, high=2e-2, log=True),
            "dropout": Range(low=0, high=0.4),
            "weight_decay": Range(low=1e-6, high=1e-2, log=True),
            **space,
        },
        least={
            "epochs": 1, "patience": 0, "batch_size": 1, "learning_rate": ABOVE_0, "weight_decay": 0, "dropout": 0,
            **least,
        },
        most={"dropout": BELOW_1},
        words={"device": DEVICES, **words},
    )  # fmt: skip


CELLS = ("gru", "lstm")
TRAINERS: Mapping[str, TrainerFacts] = {
    "xgboost": XGBOOST,
    "sklearn": SKLEARN,
    "torch_tabular": _torch(
        {"hidden": 64, "layers": 2},
        {"hidden": Range(low=16, high=256, integer=True, log=True), "layers": Range(low=1, high=3, integer=True)},
        {"hidden": 1, "layers": 0},
    ),
    "torch_image": _torch(
        {"channels": 16, "hidden": 64},
        {"channels": Range(low=8, high=64, integer=True, log=True)},
        {"channels": 1, "hidden": 1},
    ),
    "torch_sequence": _torch(
        {"cell": "gru", "hidden": 32, "layers": 1},
        {"hidden": Range(low=16, high=128, integer=True, log=True), "cell": list(CELLS)},
        {"hidden": 1, "layers": 1},
        cell=CELLS,
    ),
    "torch_text": _torch(
        {"width": 32, "heads": 2, "layers": 2},
        {"layers": Range(low=1, high=3, integer=True), "width": [16, 32, 64]},
        {"width": 1, "heads": 1, "layers": 1},
    ),
}


def parameter_faults(trainer: str, facts: TrainerFacts, given: Parameters) -> Iterator[Fault]:
    """What is wrong with these parameters: a name that is unknown, a value of another type or beyond its limits."""
    for name, value in given.items():
        if fault := _name_fault(trainer, facts, name) or value_fault(trainer, facts, name, value):
            yield Fault(f"parameters.{name}", fault)


def space_faults(trainer: str, facts: TrainerFacts, space: Space, sampler: str) -> Iterator[Fault]:
    """The same for what a search tries, of which a grid needs lists."""
    for name, tried in space.items():
        fault = _name_fault(trainer, facts, name) or _tried_fault(trainer, facts, name, tried)
        if fault:
            yield Fault(f"tuning.space.{name}", fault)
    if sampler == "grid" and not space and (ranges := [n for n, tried in facts.space.items() if _is_range(tried)]):
        text = f"a grid needs lists of choices, and {trainer}'s own space has the ranges {ranges}: give tuning.space"
        yield Fault("tuning.sampler", text)


def value_fault(trainer: str, facts: TrainerFacts, name: str, value: Value) -> str:
    """What is wrong with the value of a parameter; '' when nothing is."""
    default, shown = facts.defaults[name], f"{trainer} parameter {name} = {value!r}"
    if isinstance(value, bool) or isinstance(value, str) != isinstance(default, str):
        return f"{shown} must be like {default!r}"
    if isinstance(value, str) or isinstance(default, str):
        words = facts.words.get(name, ())
        return "" if not words or value in words else f"{shown}: {not_among(str(value), words, 'a value of ' + name)}"
    if isinstance(default, int) and not float(value).is_integer():
        return f"{shown} must be like {default!r}"
    if not facts.least.get(name, float("-inf")) <= value <= facts.most.get(name, float("inf")):
        return f"{shown} must be {_limits(facts, name)}"
    return ""


def _limits(facts: TrainerFacts, name: str) -> str:
    low, high = facts.least.get(name), facts.most.get(name)
    lower = None if low is None else "above 0" if low == ABOVE_0 else f"{low:g} or more"
    upper = None if high is None else "below 1" if high == BELOW_1 else f"{high:g} or less"
    return ", and ".join(limit for limit in (lower, upper) if limit)


def _name_fault(trainer: str, facts: TrainerFacts, name: str) -> str:
    return "" if name in facts.defaults else not_among(name, facts.defaults, f"a parameter of {trainer}")


def _tried_fault(trainer: str, facts: TrainerFacts, name: str, tried: Range | Choices) -> str:
    if not isinstance(tried, Range):
        return next((fault for value in tried if (fault := value_fault(trainer, facts, name, value))), "")
    default = facts.defaults[name]
    if isinstance(default, str):
        return f"{trainer} parameter {name} is a word and has no range; list choices"
    if isinstance(default, int) and not tried.integer:
        return f"{trainer} parameter {name} is a whole number; add integer: true to its range"
    return value_fault(trainer, facts, name, tried.low) or value_fault(trainer, facts, name, tried.high)


def _is_range(tried: Range | Choices) -> bool:
    return isinstance(tried, Range)
