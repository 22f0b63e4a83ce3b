"""How many releases a year gain nothing in truth: what the rule of release lets through, at most."""

from include.contracts.calendar import Span
from include.contracts.evaluation import UselessReleases
from include.specification.usecase import UseCase

YEAR = Span("12 months")


def useless_releases(spec: UseCase) -> UselessReleases:
    """Each evaluation of a useless candidate releases it with a chance of at most 1 - ``comparison.probability``.

    A retrain comes every ``retrain.every``; where the spec names none, each new period may bring one. No more are
    released than ``retrain.budget`` allows. Of candidates that gain something in truth, there are fewer.
    """
    chance, budget = 1 - spec.comparison.probability, spec.retrain.budget
    every = spec.retrain.every or Span(f"1 {spec.calendar.every}")
    evaluations, allowed = YEAR.hours / every.hours, budget.retrains * YEAR.hours / budget.per.hours
    often = f"{evaluations:.0f} evaluations a year, one every {every.removeprefix('1 ')}"
    arithmetic = f"(1 - {spec.comparison.probability:g}) x {often}"
    if allowed < chance * evaluations:
        arithmetic += f", is {chance * evaluations:.1f}, but the budget is {budget.retrains} releases in {budget.per}"
    return UselessReleases(a_year=round(min(chance * evaluations, allowed), 2), arithmetic=arithmetic)
