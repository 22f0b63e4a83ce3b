"""Secrets of Airflow's secrets backend, handed on to what runs without Airflow."""

from airflow.sdk import Variable


def secret(name: str) -> str:
    """The Airflow variable ``moebius_<name>``, from whichever backend has it; '' when none does."""
    return Variable.get(f"moebius_{name}", default="") or ""
