"""What one Airflow task does: steps joined with services. One module per DAG family, same names.

``rollout`` are the tasks that ``orchestration/rollout.py`` adds to the DAG ``deployment``.
"""
