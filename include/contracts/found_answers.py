"""The answers that releases gave about one entity, event or request, as a role may see them."""

from typing import Any, Literal

from include.contracts.record import Moment, Record

TruthState = Literal["known", "not_due", "never_came", "no_label", "hidden"]
"""``never_came``: the label is due and is not there; ``no_label``: the use case has none; ``hidden``: the role may not
read it."""


class Truth(Record):
    """What became known of the event; ``value`` as it was published, None unless ``known``.

    ``met``: whether the answer was this class; None unless a class is answered, and the role reads it.
    """

    state: TruthState
    value: Any = None
    met: bool | None = None


class Explanation(Record):
    """SHAP values of one answer: what each feature moved it by, from the ``reference`` answer to the ``answer``.

    ``of`` is what the answer is of: the score, or the class whose score it is; ``hidden`` is the sum of the features
    that the role may not read. ``why_not`` says why there is none.
    """

    method: str = ""
    of: str = ""
    reference: float | None = None
    answer: float | None = None
    effects: dict[str, float] = {}
    hidden: float = 0.0
    why_not: str = ""


class FoundAnswer(Record):
    """One answer: ``columns`` has whatever the role may read of its row (keys, request fields, features, scores)."""

    source: Literal["served", "batch"]
    release: str
    request_id: str | None = None
    answered_at: Moment | None = None
    columns: dict[str, Any]
    truth: Truth
    explanation: Explanation | None = None


class FoundAnswers(Record):
    """Newest events first; ``more``: there are older ones than were asked for. ``hidden``: columns that the role may
    not read, by table. ``threshold``: the probability from which on the answer is class 1, for binary tasks."""

    usecase: str
    role: str
    answers: list[FoundAnswer]
    more: bool
    hidden: dict[str, list[str]] = {}
    threshold: float | None = None
