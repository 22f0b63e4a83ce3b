"""Sentences that Moebius recorded are in the reader's language; those of people are marked as they are."""

import re
from functools import reduce

import pytest

from include.operations.alerts.platform_alerts import of_platform
from include.operations.alerts.usecase_alerts import of_usecase
from include.operations.retraining.causes import Cause
from include.specification.loader import load_usecase, usecase_names
from include.ui import lengths, recorded_words
from include.ui.charts import alerts, approvals, monitoring
from include.ui.language import translations

KOREAN = translations("ko").gettext


def shown(text: str) -> str:
    return str(recorded_words.shown("ko", KOREAN, text))


@pytest.mark.parametrize(("recorded", "korean"), [
    (Cause("staleness", [], []).sentence, "모델 노후화"),
    (Cause("covariate shift", [], ["dewp", "temp"]).sentence, "공변량 이동: dewp, temp"),
    ("2013-10 (1 month) by the prediction log", "2013-10(1개월), 예측 로그 기준"),
    ("r0002 promoted", "r0002 승격"), ("MLflow (all use cases)", "MLflow(전체 유스케이스)"),
    ("trained on 2013-03-8972ac0f, the refit of version 1", "2013-03-8972ac0f(으)로 훈련, 버전 1의 재적합"),
    (
        "keep the champion: check the drifted features, drift alone does not retrain; the roc_auc loss of r0002 in "
        "2013-11 is -0.023 [-0.076, +0.035] on 2964 rows: not above the limit 0.03, no breach",
        "챔피언 유지: 드리프트된 특성을 확인할 것, 드리프트만으로는 재훈련하지 않음; 2013-11 r0002의 roc_auc 손실 "
        "-0.023 [-0.076, +0.035](행 2964개): 한계값 0.03 이하, 위반 아님",
    ),
    (
        "retrain xgboost on 2013-01 to 2013-09 (all periods so far), test on 2013-10; with the same features and "
        "parameters",
        "xgboost를 2013-01 to 2013-09(지금까지의 모든 기간)로 재훈련, 2013-10로 시험; 특성과 파라미터는 동일",
    ),
    ("with the features and parameters of usecase.yaml", "특성과 파라미터는 usecase.yaml을 따름"),
    ("staleness: keep the champion: no alert", "모델 노후화: 챔피언 유지: 알림 없음"),
])  # fmt: skip
def test_what_moebius_composed_is_in_the_language_of_the_page(recorded: str, korean: str) -> None:
    assert shown(recorded) == korean
    assert recorded_words.shown("en", KOREAN, recorded) == recorded


FILLED = (
    (r"\{\{ with query .*?\{\{ end \}\}", "2013-05-31 00:00 UTC"), (r"\{\{ \$labels\.release \}\}", "r0003"),
    (r"\{\{ \$labels\.what \}\}", "died"), (r"\{\{ or \$labels\.view .*?\}\}", "of requests"), (r"\{\{.*?\}\}", "7"),
)  # fmt: skip
"""What stands in the text of a rule → what Prometheus may make of it."""


@pytest.mark.parametrize("name", usecase_names())
def test_every_alert_and_what_to_do_is_in_the_language_of_the_page(name: str) -> None:
    for rule in [*of_usecase(load_usecase(name)), *of_platform()]:
        for written in (rule.summary, rule.action):
            text = reduce(lambda filled, by: re.sub(*by, filled), FILLED, written)
            korean = recorded_words.translated(text, KOREAN)
            assert korean, f"{rule.name}: {text} needs a sentence in include/ui/alert_words.py and a translation"
            assert re.search("[가-힣]", korean)
            assert recorded_words.translated(text, str) == text


def test_the_stream_of_requests_has_a_name() -> None:
    assert shown("12 entries wait in stream of requests of flights") == "flights의 스트림 요청에서 항목 12개가 대기 중"


def test_what_people_wrote_stays_and_is_marked_also_where_a_part_is_known() -> None:
    assert shown("my <b>reason</b>") == '<span lang="en">my &lt;b&gt;reason&lt;/b&gt;</span>'
    assert shown("no alert; and more") == '<span lang="en">no alert; and more</span>'
    assert shown("keep the champion: I say so") == '<span lang="en">keep the champion: I say so</span>'


def test_a_time_of_an_alert_is_written_as_all_pages_do() -> None:
    said = "in the window that ends 2013-12-01 05:00:00 +0000 UTC (release r0002)"
    assert "ends 2013-12-01 05:00 UTC (release" in recorded_words.shown("en", str, said)


@pytest.mark.parametrize(("wait", "english", "korean"), [
    ("0s", "0 seconds", "0초"), ("5m", "5 minutes", "5분"), ("1h", "1 hour", "1시간"),
])  # fmt: skip
def test_the_wait_of_a_rule_is_in_words(wait: str, english: str, korean: str) -> None:
    assert (lengths.wait("en", wait), lengths.wait("ko", wait)) == (english, korean)


def test_time_axes_name_no_month_in_a_language() -> None:
    at = "2026-11-29T13:00:00Z"
    row = {"at": at, "version": 1, "kind": "registered", "said": "x", "loss": 1.0}
    bar = {"name": "Drift", "since": at, "until": at, "severity": "look", "firing": True, "said": "x"}
    drawn = [
        alerts.timeline([bar], [], at, at, 600), approvals.record([row], ["registered"], 600),
        monitoring.losses([row], 600),
    ]  # fmt: skip
    assert all("'%H:%M'" in str(picture) for picture in drawn)
    assert "%b" not in str(drawn)
