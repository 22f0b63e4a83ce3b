"""Addresses for the pages: where they are mounted, and where they lead outside of themselves."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlencode

from fastapi import Request

from include.contracts.runs import OpenRun, RequiredAction


@dataclass(frozen=True)
class Links:
    """Made from a request; ``airflow`` and ``moebius`` are path prefixes as the browser sees them.

    A link of a template that leads out of the Moebius pages carries ``data-outside``: ``static/frame.js`` has it
    followed by the page around, since the sandbox of Airflow's frame lets no link leave it.
    """

    moebius: str

    @classmethod
    def of(cls, request: Request) -> Self:
        return cls(str(request.scope.get("root_path", "")))

    @property
    def airflow(self) -> str:
        return self.moebius.rpartition("/")[0]

    def dag(self, usecase: str, family: str) -> str:
        return f"{self.airflow}/dags/{usecase}.{family}"

    def runs(self, usecase: str, family: str) -> str:
        return f"{self.dag(usecase, family)}/runs"

    def work(self, work: OpenRun | RequiredAction) -> str:
        """A run, or the form of a question."""
        run = f"{self.runs(work.usecase, work.family)}/{quote(work.run, safe='')}"
        if isinstance(work, OpenRun):
            return run
        return f"{run}/tasks/{quote(work.task, safe='')}/required_actions?map_index={work.map_index}"

    def run_named(self, usecase: str, family: str, key: str) -> str:
        """The runs of the DAG whose id is like a name made by ``identity.in_paths``: as a rule the one that made it.

        The name has a hyphen for each letter that is none of a path, and then eight digits at its end; Airflow's search
        takes an underscore for any letter.
        """
        pattern = re.sub("-[0-9a-f]{8}$", "", key).replace("-", "_")
        return f"{self.runs(usecase, family)}?{urlencode({'run_id_pattern': pattern})}"
