"""The words that the standard is declared in: terms, what plays a part, components, layers, groups, mapping rows.

A probe is named ``<kind>:<subject>``:

``service:<name>``           a service of the platform, asked now
``dag:<family>``             the family's DAGs in Airflow's database, and how their newest runs ended
``form:<family>.<f>=<value>``  a choice that the family's form offers, in Airflow's database
``table:<name>``             a table of records in the lake, and when it was last written
``metric:<name>``            a series that Prometheus has now
``spec:<fact>``              which use cases declare it; where none does, nothing else is evidence
``check:<name>``             another look at the platform: files, settings, the machine
"""

from typing import NamedTuple


class Term(NamedTuple):
    """What the standard calls something, in each language of the pages."""

    en: str
    ko: str


class Component(NamedTuple):
    """A component of the standard: what plays its part, how it is probed, which pages show it.

    ``modules`` are files or rooms of the project; of ``pages`` the first that the reader is served is offered.
    ``points`` of the checklist are the same thing there, as ``<item>.<point>`` or ``<item>`` for all of its points:
    their evidence says whether the component was used.
    """

    term: Term
    probes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


class Layer(NamedTuple):
    """A layer of an ML-based AI system, built on the one below it."""

    key: str
    term: Term
    role: Term
    components: tuple[Component, ...]


class Group(NamedTuple):
    """A functional group."""

    key: str
    term: Term
    components: tuple[Component, ...]


class Function(NamedTuple):
    """Detailed functions of one kind: each of ``parts`` is a component of its own."""

    term: Term
    parts: tuple[Component, ...]


class Row(NamedTuple):
    """A row of the component mapping. It is probed by what its functions are probed by."""

    group: Term
    component: Component
    functions: tuple[Function, ...]


class LearningType(NamedTuple):
    """A type of machine learning; ``kinds`` are its forms, ``uses`` what it is used for."""

    key: str
    term: Term
    uses: Term
    kinds: tuple["Kind", ...]


class Kind(NamedTuple):
    """A form of a type, and the name of the fact of a spec that a use case of this form has; '' for none here."""

    term: Term
    fact: str = ""


class Stage(NamedTuple):
    """A stage of a pipeline: the tasks that do it, as ``<family>.<task>``; what its rows are counted by; its modules.

    ``probes`` are of what runs all the time and therefore has no task.
    """

    key: str
    term: Term
    tasks: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    rows: str = ""
    parts: tuple[Component, ...] = ()


class Pipeline(NamedTuple):
    """A pipeline: its stages in order, the kinds that it comes in, the parts that it is made of."""

    key: str
    term: Term
    stages: tuple[Stage, ...]
    kinds: tuple[Component, ...] = ()
    parts: tuple[Component, ...] = ()
