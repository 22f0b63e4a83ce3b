"""What one Airflow task does: step rooms joined with services. One module per DAG family, same names."""
