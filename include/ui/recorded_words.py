"""Sentences that Moebius composed and recorded in English, in the reader's language; what people wrote stays so."""

import re
from collections.abc import Callable
from functools import cache

from markupsafe import Markup, escape

from include.ui.alert_words import ALERTS, OF_REQUESTS
from include.ui.language import marked

Translate = Callable[[str], str]
CAUSES = (
    marked("data fault"), marked("pipeline skew"), marked("serving fault"), marked("covariate shift"),
    marked("label shift"), marked("staleness"), marked("concept change"), marked("none"), marked("asked for"),
    marked("due by policy"),
)  # fmt: skip
"""Kinds of ``operations.retraining.causes.Cause``."""
SENTENCES = (
    *CAUSES,
    *ALERTS,
    marked("{cause} in {subjects}"),
    marked("check the drifted features, drift alone does not retrain"),
    marked("a release that is worse than the one it replaced is rolled back"),
    marked("the alert that starts a retrain does not fire yet"),
    marked("no release serves, so there is no loss to confirm"),
    marked("{release} has too few labelled answers in {window} to measure a loss"),
    marked("{release} has too few answers in {window} to measure a loss"),
    marked("the {metric} loss of {release} in {window} is {loss} on {rows} rows: {judged}"),
    marked("breached periods: {count} of the last {windows} ({measured} measured), a retrain needs {needed}"),
    marked("check the model server, its log and `make status`; a new model does not repair a server"),
    marked("no alert"),
    marked("the alerts are about {others}, {release} serves"),
    marked("plan {plan} already retrains for {window}"),
    marked("it brought {release}"),
    marked("no release came of it so far, and the same data teach the same"),
    marked("a person may force one"),
    marked("{count} released retrains in the last {span} have spent the budget of {budget}"),
    marked("{release} of plan {plan} serves since the end of {window}, and the cooldown is {span}"),
    marked("retrain {trainer} on {window} ({why}), test on {tested}"),
    marked("recalibrate what serves on {window} ({why}), test on {tested}"),
    marked("all periods so far"),
    marked("with the features and parameters of usecase.yaml"),
    marked("with the same features and parameters"),  # of earlier versions
    marked("the share of the classes has moved and the answers rank as before, so nothing is learned"),
    marked("not above the limit {limit}, no breach"),
    marked("above the limit {limit} but not confirmed, no breach (its interval includes 0, so chance may explain it)"),
    marked("confirmed, a breach (above the limit {limit}, the interval excludes 0)"),
    marked("first release"),
    marked("{release} promoted"),
    marked("{share} canary of {release}"),
    marked("all traffic to {release}, watched"),
    marked("{release} answered {rows} requests without a breach, p99 {time}"),
    marked("{share} of the requests copied to {release}"),
    marked("trained on {dataset}, the refit of version {version}"),
    marked("trained on {dataset}"),
    marked("the policy in usecase.yaml"),
    marked("MLflow (all use cases)"),
    marked("{stretch} by the prediction log"),
    marked("{stretch} by the published events and the offline store"),
    marked("{window} (1 hour)"),
    marked("{window} ({count} hours)"),
    marked("{window} (1 day)"),
    marked("{window} ({count} days)"),
    marked("{window} (1 week)"),
    marked("{window} ({count} weeks)"),
    marked("{window} (1 month)"),
    marked("{window} ({count} months)"),
)
PREFIXES = (marked("keep the champion: {text}"), marked("do not retrain: {text}"))
"""What begins a sentence of clauses."""
VALUES = {
    "cause": "(?P<cause>" + "|".join(CAUSES) + ")",
    "release": r"(?P<release>r\d{4,})",
    "version": r"(?P<version>\d+)",
    "dataset": r"(?P<dataset>[\w.-]+)",
    "rhythm": r"(?P<rhythm>hour|day|week|month)",
    "share": r"(?P<share>\d+%)",
    "window": r"(?P<window>[\dTW:.-]+(?: to [\dTW:.-]+)?)",
    "tested": r"(?P<tested>[\dTW:.-]+(?: to [\dTW:.-]+)?)",
}
"""Name of a value → what it may be; any other is any text."""
GO_TIME = re.compile(r"(\d\d:\d\d):\d\d(?:\.\d+)? \+0000 UTC")
"""A time as alerts of earlier versions say it."""
INNER = {"cause", "rhythm", "judged", "why", "stretch"}
"""Values that are sentences of ours themselves."""


def translated(text: str, translate: Translate) -> str | None:
    """The whole text in the reader's language; None when any part of it is not ours."""
    for words in PREFIXES:
        if found := _pattern(words).fullmatch(text):
            rest = translated(found["text"], translate)
            return None if rest is None else translate(words).format(text=rest)
    if (whole := _sentence(text, translate)) is not None:
        return whole
    cause, _, action = text.partition(": ")
    if action and (kind := _sentence(cause, translate)) and (rest := translated(action, translate)):
        return f"{kind}: {rest}"
    clauses = [_sentence(clause, translate) for clause in text.split("; ")]
    known = [clause for clause in clauses if clause is not None]
    return "; ".join(known) if len(known) == len(clauses) else None


def shown(language: str, translate: Translate, text: str) -> Markup:
    """The text in the language of the page, or marked as the English that it is; times as all pages have them."""
    text = GO_TIME.sub(r"\1 UTC", text)
    if language == "en":
        return escape(text)
    words = translated(text, translate)
    return Markup('<span lang="en">{}</span>').format(text) if words is None else escape(words)


def _sentence(text: str, translate: Translate) -> str | None:
    for words in SENTENCES:
        if found := _pattern(words).fullmatch(text):
            values = {name: _value(name, value, translate) for name, value in found.groupdict().items()}
            known = {name: value for name, value in values.items() if value is not None}
            return translate(words).format(**known) if len(known) == len(values) else None
    return None


def _value(name: str, value: str, translate: Translate) -> str | None:
    if value == OF_REQUESTS:
        return translate(value)
    return _sentence(value, translate) if name in INNER else value


@cache
def _pattern(words: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", words)
    names = parts[1::2]
    named = [
        f"(?P={name})" if name in names[:i] else VALUES.get(name, f"(?P<{name}>.+?)") for i, name in enumerate(names)
    ]
    return re.compile("".join(re.escape(text) + value for text, value in zip(parts[::2], [*named, ""], strict=True)))
