"""The templates of the pages, in every language: filters for numbers and times, and what is absent and why."""

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from include.contracts.period import periods_text
from include.evaluation import report
from include.evaluation.wording import percent as percent_rounded_down
from include.ui import acting, form_words, lengths, prose, recorded_words, static
from include.ui.access import absent
from include.ui.language import LANGUAGES, translations

NONE = "–"


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals; a dash for none."""
    return NONE if value is None else f"{value:,.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference: its sign is always there."""
    return NONE if value is None else f"{value:+,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share as percent."""
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """The two bounds of an interval."""
    return NONE if low is None or high is None else f"[{number(low, digits)}, {number(high, digits)}]"


def moment(at: datetime | None) -> Markup | str:
    """A time to the minute, in UTC; machines read it to the second."""
    if at is None:
        return NONE
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M} UTC")


FILTERS = {
    "periods": periods_text, "figures_in_words": report.figures_in_words, "result": report.result,
    "number": number, "signed": signed, "percent": percent, "probability": percent_rounded_down, "interval": interval,
    "moment": moment, "question": prose.question,
}  # fmt: skip


@cache
def templates(language: str) -> Environment:
    """The templates with their texts in this language."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters |= FILTERS | {
        "span": partial(lengths.span, language), "counted": partial(lengths.counted, language),
        "recorded": partial(recorded_words.shown, language, translations(language).gettext),
        "wait": partial(lengths.wait, language),
        "worded": partial(form_words.translated, translate=translations(language).gettext),
    }  # fmt: skip
    environment.globals |= {
        "absent": absent, "languages": LANGUAGES, "static": static.address, "language": language,
        "action_address": acting.action_address, "action_labels": acting.LABELS, "severe": acting.SEVERE,
    }  # fmt: skip
    return environment
