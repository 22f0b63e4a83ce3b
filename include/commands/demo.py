"""``moebius demo``."""

import os
import sys
from typing import Annotated, Literal

import typer

from include.commands.failure import report
from include.demo import DEFAULT_USECASE
from include.errors import MoebiusError


def demo(
    usecase: Annotated[str, typer.Option(help="the use case to play")] = DEFAULT_USECASE,
    sample: Annotated[int, typer.Option(help="the most live requests per step: a month, a week of days")] = 4000,
    approve: Annotated[Literal["demo", "me"], typer.Option(help="who approves; me: you, in the UI")] = "demo",
    last: Annotated[str | None, typer.Option(help="the last period to play, like 2013-09")] = None,
) -> None:
    """Start the platform and play the whole loop: training, release, live traffic, decay, retraining, promotion.

    The platform keeps running afterwards. An interrupted demo continues where it stopped.
    """
    try:
        _play(usecase, sample, approve, last)
        code = 0
    except MoebiusError as error:
        code = report(error)
        print("`make demo` continues from here; `make status` shows the services; `make clean` starts over.")
    except KeyboardInterrupt:
        code = 130
        print("\nInterrupted. `make demo` continues from here; `make down` stops the platform.")
    sys.stdout.flush()
    os._exit(code)  # gRPC's background threads must not hold the process after the last line


def _play(usecase: str, sample: int, approve: str, last: str | None) -> None:
    from rich.console import Console

    from include.contracts.period import Period
    from include.demo.play import play
    from include.demo.scenario import Script
    from include.platform import requirements
    from include.settings import load_settings

    requirements.ensure(load_settings())
    until = Period(last) if last else None
    play(Script(usecase, sample=sample, approve=approve, last=until), Console())
