"""Trainers by name; a new one is a module here and a line in ``registry.py``."""
