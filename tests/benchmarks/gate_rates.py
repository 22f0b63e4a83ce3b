"""How often the gates err, and what they can find: by rows, and by whole days of rows that are not independent.

``useless_releases``: candidates as good as the champion, one a month for 200 simulated years, by the rule of release.
``coverage``: how often intervals of 95 % miss the truth. ``false_refusals``: unharmed slices and equal groups.
``power``: the true effect that each gate finds with 80 %. All tables go to ``var/bench/gate_rates.md``.
"""

from typing import Any

import numpy as np

from include.evaluation import net_value
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.contrasts import Contrasts, holm_levels, pairs
from include.evaluation.difference import Difference
from include.evaluation.group_rates import Cells
from include.evaluation.net_value import Balance
from include.evaluation.power import POWER, detectable, quantiles, standard_error
from include.formats.atomic_file import write_atomically
from include.formats.plain_text import markdown_table
from include.settings import load_settings
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.evaluation.simulated_metrics import Known

YEARS, MONTHS, ROWS_OF_MONTH, DAYS, RESAMPLES = 200, 12, 600, 30, 200
SKILL, OF_DAY, SHARED = 0.75, 0.2, 0.8
RUNS = 200
SLICES, GROUPS, LEVEL = 20, 5, 0.05
SIZES = (200, 500, 1000, 5000, 28_000)
KNOWN = {
    "roc_auc": (0.75, 0.95, 0.99), "accuracy": (0.7, 0.98, 0.995), "log_loss": (0.8, 2.0), "mae": (0.5, 1.0),
}  # fmt: skip
SHAPES = ((200, 0), (1000, 0), (300, 10), (420, 14), (900, 30))


def bench() -> list[dict[str, Any]]:
    useless = {
        f"{metric}, {unit}": _useless(metric, unit) for metric in ("roc_auc", "brier") for unit in ("row", "day")
    }
    missed = {
        (m, truth, *shape): Known(m, truth, *shape).missed(RUNS)
        for m in KNOWN
        for truth in KNOWN[m]
        for shape in SHAPES
    }
    refused = {f"{gate}, {unit}": _refused(gate, unit) for gate in ("slices", "groups") for unit in ("row", "day")}
    power = {(unit, n): _found(n, unit) for unit in ("row", "day") for n in SIZES}
    report = "\n\n".join([_of_useless(useless), _of_missed(missed), _of_refused(refused), _of_power(power)])
    write_atomically(load_settings().home / "bench" / "gate_rates.md", report + "\n")
    print(report)
    stated = 1 - small_spec().comparison.probability
    worst = {n: max(a + b for key, (a, b) in missed.items() if key[2:] == n) for n in SHAPES}
    return [
        _figure("useless_releases", max(useless.values()), {"stated": stated}, YEARS * MONTHS, useless),
        _figure("coverage_missed", max(worst.values()), {"stated": 0.05}, RUNS, [[*k, *v] for k, v in missed.items()]),
        _figure("false_refusals", max(refused.values()), {"stated": LEVEL}, RUNS, refused),
        _figure("gate_power", power["day", 28_000]["gain"], {}, 28_000, [[*k, v] for k, v in power.items()]),
    ]  # fmt: skip


def _figure(name: str, ours: float, against: dict[str, float], n: int, samples: Any) -> dict[str, Any]:
    what = {
        "useless_releases": "share of evaluations that release a candidate as good as the champion, the largest",
        "coverage_missed": "share of 95 % intervals that miss the truth, the largest",
        "false_refusals": "share of evaluations that refuse although no slice or group is harmed, the largest",
        "gate_power": "gain in AUC that is found with 80 % in 30 days of 28,000 rows",
    }
    return {
        "name": name, "what": what[name], "ours": ours, "against": against, "unit": "AUC" if name == "gate_power" else
        "share", "n": n, "samples": samples,
    }  # fmt: skip


def _models(n: int, unit: str, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray], Blocks]:
    """Two equally good models; by days each has its own good and bad ones."""
    random = np.random.default_rng(seed)
    day = np.arange(n) * DAYS // n
    blocks = Blocks("day", day, DAYS) if unit == "day" else Blocks("row", np.arange(n), n)
    y = random.random(n) < 0.25
    shared, own = SHARED * random.normal(size=n), np.sqrt(1 - SHARED**2)
    models = {}
    for who in ("champion", "candidate"):
        skill = SKILL + (OF_DAY * random.normal(size=DAYS)[day] if unit == "day" else 0.0)
        models[who] = 1 / (1 + np.exp(-(shared + own * random.normal(size=n) + skill * y - 1.3)))
    return y, models, blocks


def _gain(metric: str, n: int, unit: str, seed: int, resamples: int = RESAMPLES) -> Difference:
    y, models, blocks = _models(n, unit, seed)
    drawn = paired(y, models, [metric], resamples, seed=seed, blocks=blocks)
    return Difference(drawn.gain(metric, "candidate", "champion"), drawn.gains(metric, "candidate", "champion"), blocks)


def _useless(metric: str, unit: str) -> float:
    spec = small_spec(comparison={"min_gain": 0.0})
    return float(
        np.mean(
            [
                all(gate.passed for gate in net_value.gates(spec, Balance(_gain(metric, ROWS_OF_MONTH, unit, month))))
                for month in range(YEARS * MONTHS)
            ]
        )
    )


def _refused(gate: str, unit: str) -> float:
    return float(np.mean([_harm(gate, unit, 4000, seed) for seed in range(RUNS)]))


def _harm(gate: str, unit: str, n: int, seed: int) -> bool:
    """Whether any slice or pair of groups is refused, without a margin or limit: by chance only."""
    if gate == "groups":
        p_values = _groups(n, unit, seed).p_values(0.0)
        return bool((p_values <= holm_levels(p_values, LEVEL)).any())
    y, models, blocks = _models(n, unit, seed)
    p_values = []
    for part in np.array_split(np.random.default_rng(seed).permutation(n), SLICES):
        drawn = paired(y, models, ["brier"], 100, seed=seed, rows=np.sort(part), blocks=blocks)
        gain, draws = drawn.gain("brier", "candidate", "champion"), drawn.gains("brier", "candidate", "champion")
        error = np.array([standard_error(draws, drawn.independent)])
        p_values.append(Contrasts(["slice"], np.array([-gain.value]), error, drawn.independent, error).p_values(0.0)[0])
    return bool((np.array(p_values) <= holm_levels(np.array(p_values), LEVEL)).any())


def _groups(n: int, unit: str, seed: int) -> Contrasts:
    """All pairs of equal groups, whose shares of positive answers have, by days, good and bad ones of their own."""
    random = np.random.default_rng(seed)
    member, day = np.arange(n) % GROUPS, np.arange(n) * DAYS // n
    shift = 0.1 * random.normal(size=(DAYS, GROUPS))[day, member] if unit == "day" else np.zeros(n)
    said = random.random(n) < np.clip(0.4 + shift, 0, 1)
    names = np.array([f"group {k}" for k in range(GROUPS)])[member]
    cells = Cells.count(names, random.random(n) < 0.4, said, day if unit == "day" else None)
    own = cells.variances("selection_rate")
    shares = cells.counts[..., 1].sum(axis=1) / cells.counts.sum(axis=(1, 2))
    draws = cells.resampled("selection_rate", RESAMPLES, seed)
    independent = DAYS if unit == "day" else n // GROUPS
    return pairs(cells.names, shares, draws, own[:, None] + own[None, :], independent)


def _found(n: int, unit: str) -> dict[str, float]:
    """Gate → true effect that is found with 80 %: mean of some test sets, slices being a tenth of the rows."""
    every = [_effects(n, unit, seed) for seed in range(8)]
    return {gate: float(np.mean([one[gate] for one in every])) for gate in every[0]}


def _effects(n: int, unit: str, seed: int) -> dict[str, float]:
    whole, part, groups = (
        _gain("roc_auc", n, unit, seed),
        _gain("roc_auc", max(60, n // 10), unit, seed),
        _groups(n, unit, seed),
    )
    release = 1 - small_spec().comparison.probability
    of_groups = float(groups.errors.mean()) * quantiles(groups.independent, LEVEL / len(groups.values), POWER)
    return {
        "gain": detectable(whole.draws, whole.blocks.count, release),
        "forgetting": detectable(whole.draws, whole.blocks.count, release),
        "slice": detectable(part.draws, part.blocks.count, LEVEL / SLICES),
        "groups": of_groups,
    }


def _unit(unit: str) -> str:
    return f"{DAYS} days" if unit == "day" else "rows"


def _of_useless(useless: dict[str, float]) -> str:
    rows = [(*name.split(", "), f"{rate:.1%}", f"{rate * MONTHS:.2f}") for name, rate in useless.items()]
    return markdown_table(("metric", "drawn by", "released", "a year, one candidate a month"), rows)


def _of_missed(missed: dict[tuple[str, float, int, int], tuple[float, float]]) -> str:
    shapes = [f"{n} rows" + (f" in {days} days" if days else "") for n, days in SHAPES]
    rows = [
        (metric, f"{truth:g}", *(f"{a:.1%} / {b:.1%}" for a, b in (missed[metric, truth, *shape] for shape in SHAPES)))
        for metric in KNOWN
        for truth in KNOWN[metric]
    ]
    return markdown_table(("metric", "truth", *shapes), rows)


def _of_refused(refused: dict[str, float]) -> str:
    return markdown_table(("gate", "drawn by", "refused"), [(*k.split(", "), f"{v:.1%}") for k, v in refused.items()])


def _of_power(power: dict[tuple[str, int], dict[str, float]]) -> str:
    rows = [
        (_unit(unit), f"{n:,}", *(f"{effect:.3f}" for effect in found.values())) for (unit, n), found in power.items()
    ]
    return markdown_table(("drawn by", "rows", "gain", "forgetting", "slice of a tenth", "groups"), rows)
