"""One Triton server as its keeper sees it, over HTTP: signs of life, loaded models, loading again."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from include.errors import ServiceError
from include.settings import Settings

ALIVE = "moebius_alive_timestamp_seconds"
LOAD_SECONDS = 120.0


class TritonControl:
    """Raises ServiceError when the server does not answer, or refuses."""

    def __init__(self, settings: Settings) -> None:
        self._metrics = f"http://{settings.host}:{settings.triton_metrics_port}/metrics"
        self._repository = f"http://{settings.triton_http}/v2/repository"
        self._models = settings.triton_repository

    def beats(self) -> dict[tuple[str, str], float]:
        """The last sign of life (epoch seconds) of each process, by its model and name."""
        text = _answer("GET", self._metrics).text
        samples = (s for family in text_string_to_metric_families(text) for s in family.samples if s.name == ALIVE)
        return {(s.labels["model"], s.labels["process"]): s.value for s in samples}

    def loaded(self) -> set[str]:
        models = _answer("POST", f"{self._repository}/index", {"ready": True}).json()
        return {model["name"] for model in models if model.get("state") == "READY"}

    def load(self, model: str) -> None:
        """New processes take over; what still answers is not interrupted.

        The server loads nothing again that is unchanged, and says that all is well: so its code is touched first.
        """
        for file in (self._models / model).glob("*/model.py"):
            file.touch()
        _answer("POST", f"{self._repository}/models/{model}/load", {}, LOAD_SECONDS)


def _answer(verb: str, url: str, content: dict[str, bool] | None = None, seconds: float = 5.0) -> httpx.Response:
    try:
        return httpx.request(verb, url, json=content, timeout=seconds, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise ServiceError(f"{url}: {type(error).__name__}: {error}") from error
