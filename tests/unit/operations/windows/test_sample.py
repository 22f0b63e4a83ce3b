import numpy as np
import pandas as pd

from include.operations.windows.sample import drawn


def test_a_sample_has_all_answers_about_an_event_or_none_and_is_the_same_each_time() -> None:
    ids = pd.Series([f"e{number}" for number in range(20_000)])
    chosen = drawn(ids, 1000)
    assert 850 < chosen.sum() < 1150
    twice = drawn(pd.concat([ids, ids], ignore_index=True), 2000)
    assert (twice == np.append(chosen, chosen)).all()
    assert drawn(ids, 20_000).all()
    assert (chosen <= drawn(ids, 3000)).all(), "a smaller sample is part of a larger one"
