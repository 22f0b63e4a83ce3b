"""The REST facade as a process: ``python -m include.processes.facade``."""

import uvicorn

from include.adapters.inference import AsyncInference
from include.gateway.facade import application
from include.settings import load_settings


def main() -> None:
    settings = load_settings()
    address, limit = f"127.0.0.1:{settings.gateway_inner_port}", settings.gateway_body_limit
    app = application(lambda: AsyncInference(address, settings.serving_timeout, limit), limit)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=settings.facade_port,
        log_level="warning",
        access_log=False,  # the gateway's is the one
        timeout_keep_alive=75,  # longer than the gateway keeps a connection that is idle
        server_header=False,
    )


if __name__ == "__main__":
    main()
