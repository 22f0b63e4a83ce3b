"""The program of the training container: one order below the state root is fitted; it talks to no service.

``python -m include.processes.fit <use case> <key>`` does what ``<home>/training/<use case>/<key>/order.json`` says and
leaves ``model.zip`` and ``fit.json`` beside it.
"""

import argparse
import json
import os
import sys

from include.development.environment import FIT_ENVIRONMENT, environment
from include.development.order import Workspace
from include.errors import MoebiusError
from include.process_environment import default_environment
from include.services.adapters import Adapters
from include.settings import load_settings
from include.specification.loader import load_usecase


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m include.processes.fit", description=__doc__)
    parser.add_argument("usecase", help="name of the use case")
    parser.add_argument("key", help="the order: a directory below <home>/training/<use case>")
    given = parser.parse_args(arguments)
    os.umask(0o077)  # in a container too: what a fit writes is readable by its owner only
    default_environment(FIT_ENVIRONMENT)
    from include.development.training import train

    try:
        settings = load_settings()
        place = Workspace(settings.training / given.usecase / given.key, Adapters(settings, str).locks)
        fit = train(load_usecase(given.usecase), place, settings.train_threads, environment(settings.revision))
    except MoebiusError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"key": given.key, "artifact_hash": fit.artifact_hash}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
