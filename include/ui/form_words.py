"""Texts of forms, in the reader's language: those that the DAGs write in English, with their own values inside."""

import re
from collections.abc import Callable
from functools import cache

from include.ui.language import marked

RHYTHMS = {"hour": marked("hour"), "day": marked("day"), "week": marked("week"), "month": marked("month")}
TITLES = (
    marked("Reason"), marked("Confirm"), marked("Release"), marked("Replacement"), marked("Model version"),
    marked("Length"), marked("Alert"), marked("Gate"), marked("Table"), marked("Snapshot"), marked("Subject"),
    marked("First {every}"), marked("Last {every}"), marked("{Every}"), marked("As of"), marked("Explain"),
    marked("Found by"), marked("Value"), marked("Hand-over"), marked("Tuning minutes"), marked("Tuning trials"),
    marked("Sampler"), marked("Recalibrate only"), marked("Recipient"), marked("Start from"), marked("Test from"),
    marked("Test to"), marked("Train from"), marked("Train to"), marked("Where the fit runs"), marked("Stream"),
)  # fmt: skip
DESCRIPTIONS = (
    marked("Why; it is recorded, and whoever approves reads it."),
    marked("Why you approve or reject, in {least} letters or more; kept with your answer."),
    marked("This cannot be undone: type the use case's name."),
    marked("Name of a release, like r0002; what an empty field does is in the runbook."),
    marked("The release that takes the place of one that serves."),
    marked("A registered version, like 2."),
    marked("Name of an alert, like MoebiusPerformanceLoss."),
    marked("How long, like 12 hours or 2 days."),
    marked("{Every}, like {first}, or a range, like {range}."),
    marked("First {every}, like {first}."),
    marked("Last {every}, like {first}."),
    marked("Name of a table, like events."),
    marked("The gate that holds the rows."),
    marked("Its name, like {name}; `list` shows them."),
    marked("For expire: count up to this day."),
    marked("The subject's reference, like k01-…; never the value itself."),
    marked("What each feature moved the answers by."),
    marked("What the value is."),
    marked(
        "The id of the request or event, or the key of the entity; a pseudonymised one as its reference, like k01-…"
    ),
    marked("Its name in the exchange; empty: all new ones."),
    marked("A name of MOEBIUS_RECIPIENTS."),
    marked("Feature view that it feeds, or requests to score."),
    marked("Time limit of the search; empty: none."),
    marked("Parameter sets to try, the spec's first; 0: none."),
    marked("How the next parameters are chosen; grid needs lists."),
    marked("The serving model stays as it is; only its calibrator is fitted, on the rows from Train from to Train to."),
    marked("champion: from the serving model's weights."),
    marked("docker: in the image of docker/training, same model."),
    marked("First {every} to train on; empty: as retrain.window says."),
    marked("Last {every} to train on; empty: the {every} before the test."),
    marked("First {every} held out to evaluate; empty: as split.test says."),
    marked("Last {every} held out; empty: the newest with most labels due."),
    marked("{release} says {answer}"),
)
QUESTIONS = (
    marked("{title}: may the candidate replace the serving model?"),
    marked("{title}: may these answers leave?"),
    marked("{title}: may these releases end?"),
    marked("{title}: may this table leave?"),
    marked("{title}: may this data leave prod for dev?"),
    marked("{title}: which release should serve?"),
    marked("{title}: which labels are right?"),
)
GROUPS = {
    "every": "(?P<every>hour|day|week|month)",
    "Every": "(?P<Every>Hour|Day|Week|Month)",
    "release": r"(?P<release>r\d{4,})",
    "least": r"(?P<least>\d+)",
}
"""Name of a value → what it may be; any other is any text."""
Translate = Callable[[str], str]


def translated(text: str, translate: Translate) -> str:
    """The text in the reader's language; as it is when the DAG wrote one that is not here."""
    for words, pattern in _patterns().items():
        if found := pattern.fullmatch(text):
            return translate(words).format_map({n: _value(n, v, translate) for n, v in found.groupdict().items()})
    return text


def _value(name: str, value: str, translate: Translate) -> str:
    """A rhythm in the reader's language; whatever else the DAG put in as it is."""
    if value.lower() not in RHYTHMS or name not in GROUPS:
        return value
    word = translate(RHYTHMS[value.lower()])
    return word.capitalize() if name == "Every" else word


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {words: re.compile(_pattern(words)) for words in (*TITLES, *DESCRIPTIONS, *QUESTIONS)}


def _pattern(words: str) -> str:
    """A value that stands twice is the same both times."""
    pattern, known = "", set[str]()
    for text, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", words):
        group = GROUPS.get(name, f"(?P<{name}>.+?)") if name not in known else f"(?P={name})"
        pattern += re.escape(text) + (group if name else "")
        known.add(name)
    return pattern
