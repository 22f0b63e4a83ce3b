"""The parts of a use-case spec; ``include.usecase`` puts them together and loads them."""
