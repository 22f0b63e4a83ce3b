"""Finds answers with their explanations, for a page: what explains a model is too heavy for Airflow's API server."""

import json
import sys

from include.errors import MoebiusError
from include.services.composition import services
from include.services.found_answers import Looker, find
from include.specification.loader import load_usecase


def main() -> None:
    """Reads ``{"usecase", "login", "role", "asked", "most"}``; writes the answers, or ``{"refused"}`` with why."""
    given = json.load(sys.stdin.buffer)
    looker = Looker(given["login"], [given["role"]], "page")
    try:
        spec = load_usecase(given["usecase"])
        found = find(spec, services(), looker, given["asked"], explain=True, most=given["most"])
    except MoebiusError as error:
        sys.stdout.write(json.dumps({"refused": str(error)}))
        return
    sys.stdout.write(found.model_dump_json())


if __name__ == "__main__":
    main()
