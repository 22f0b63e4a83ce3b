"""Trainers by name; a new one is a module here and a line in ``registry.py``."""

from include.development.trainers.trained_model import TrainedModel, load

__all__ = ["TrainedModel", "load"]
