"""A question of the keeper whether this very process answers: a request with a mark in place of rows.

Every release that may get traffic answers a sample that was packaged with it, by the same code as a request, without
the online store: a store that is away is no reason to load a model again. Nothing of it is counted or logged, and
nothing that the request holds is read, so the mark answers nobody who wants an answer without a trace.
"""

import numpy as np
import triton_python_backend_utils as pb_utils

ID = "moebius-probe"
"""The id of a request that is a probe; ``include/adapters/model_control.py`` sends it."""


class Probe:
    """Of the process ``name``; ``router`` says who may get traffic."""

    def __init__(self, name: str, router) -> None:
        self.name, self.router = name, router

    @staticmethod
    def marks(requests: list) -> list:
        """Which of the requests are probes; [] when none is, as usual."""
        marked = [request.request_id() == ID for request in requests]
        return marked if True in marked else []

    def response(self):
        """The names of the process and of the releases that answered; an error that begins with the mark otherwise."""
        try:
            releases = self.router.releases()
            for release in releases:
                release.prove()
        except Exception as error:
            words = f"{ID}: {self.name}: {type(error).__name__}: {error}"
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(words))
        names = {"request_id": self.name, "release": " ".join(release.name for release in releases)}
        return pb_utils.InferenceResponse([_text(output, text) for output, text in names.items()])


def _text(output: str, text: str):
    return pb_utils.Tensor(output, np.array([[text.encode()]], dtype=object))
