"""Mounts the Moebius page into the Airflow UI."""

from airflow.plugins_manager import AirflowPlugin

from include.ui.mounted import Pages, WarmPages


class MoebiusPages(AirflowPlugin):
    name = "moebius_pages"
    fastapi_apps = [{"app": Pages(), "url_prefix": "/moebius", "name": "Moebius"}]  # noqa: RUF012 - Airflow's form
    fastapi_root_middlewares = [  # noqa: RUF012 - Airflow's form
        {"middleware": WarmPages, "args": [], "kwargs": {}, "name": "warm pages"}
    ]
    external_views = [  # noqa: RUF012 - Airflow's form
        {"name": "Moebius", "href": "/moebius/", "destination": "nav", "url_route": "moebius", "nav_top_level": True}
    ]
