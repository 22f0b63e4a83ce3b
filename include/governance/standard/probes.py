"""Every probe that some component names, each once."""

from collections.abc import Iterator

from include.governance.standard.groups import GROUPS
from include.governance.standard.layers import LAYERS
from include.governance.standard.mapping import ROWS
from include.governance.standard.model import Component
from include.governance.standard.pipelines import PIPELINES, SERVING


def components() -> Iterator[Component]:
    """Every component, row, detailed function and part of a pipeline."""
    for of in (*LAYERS, *GROUPS):
        yield from of.components
    for row in ROWS:
        yield row.component
        yield from (part for function in row.functions for part in function.parts)
    for pipeline in PIPELINES:
        yield from (*pipeline.kinds, *pipeline.parts)
        yield from (part for stage in pipeline.stages for part in stage.parts)
    yield from SERVING


def _names() -> Iterator[str]:
    for component in components():
        yield from component.probes
    for pipeline in PIPELINES:
        for stage in pipeline.stages:
            yield from stage.probes


NAMES = tuple(dict.fromkeys(_names()))
