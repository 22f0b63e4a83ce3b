"""Starts a network from another one's weights: matching weights are copied, the rest starts from scratch."""

import torch
from torch import Tensor, nn

from include.contracts.encoding import FIRST_WORD
from include.development.trainers.protocol import Input, Problem


def take_over(scoring: nn.Module, problem: Problem, state: dict[str, Tensor], of: Problem) -> list[str]:
    """Copy the weights ``state`` of a model of the problem ``of``; the names of those taken, sorted.

    Weights of the same name and shape are copied. A vector of a category or word goes to the code that it has now,
    whatever its old one; new categories and words keep their fresh vectors.
    """
    own, taken = scoring.state_dict(), []
    now, before = _by_name(problem), _by_name(of)
    for name, value in state.items():
        feature = _embedded(name, now)
        if name not in own or own[name].shape[1:] != value.shape[1:]:
            continue
        if feature in before:
            _rows(own[name], value, now[feature], before[feature])
        elif own[name].shape == value.shape:
            own[name].copy_(value)
        else:
            continue
        taken.append(name)
    return sorted(taken)


def _by_name(problem: Problem) -> dict[str, Input]:
    return {one.name: one for one in problem.inputs}


def _embedded(weight: str, inputs: dict[str, Input]) -> str:
    """The feature whose codes are the rows of this weight; empty when they are none's."""
    parts = weight.split(".")
    if parts[-2:] != ["embedding", "weight"]:
        return ""
    return next((part[3:] for part in parts if part.startswith("of_") and part[3:] in inputs), "")


@torch.no_grad()
def _rows(own: Tensor, other: Tensor, now: Input, before: Input) -> None:
    known = _positions(before)
    for value, row in _positions(now).items():
        if value in known:
            own[row].copy_(other[known[value]])


def _positions(one: Input) -> dict[str | int, int]:
    """Row by category or word; the rows that stand for no known one by number."""
    special = FIRST_WORD if one.kind == "text" else 1
    return {**{row: row for row in range(special)}, **{v: special + i for i, v in enumerate(one.values)}}
