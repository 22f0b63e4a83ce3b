"""The documentation: every relative link, anchor, file name and import in it exists."""

import importlib
import re
from pathlib import Path

import pytest

from include.operations.alerts.alert_rule import RUNBOOK
from include.operations.alerts.alerts import groups
from include.platform.topology import TOPOLOGY
from include.specification.loader import load_usecase, usecase_names

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PLACE = re.compile(
    r"`((?:include|dags|plugins|docker|docs|feature_repo|great_expectations|tests|triton_models)/[^`\s]*)`"
)
MENTION = re.compile(r"docs/[\w/]+\.md")


def pages() -> list[Path]:
    rooms = [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "include").rglob("README.md"),
        *(ROOT / "tests").rglob("README.md"),
    ]
    return sorted([*ROOT.glob("*.md"), *rooms])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = FENCED.sub("", page.read_text())
    headings = re.findall(r"^#{1,6} +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Relative links of a page whose file or anchor does not exist."""
    broken = []
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        outside = re.match(r"[a-z]+:", link)
        if not outside and (not target.exists() or (anchor and anchor not in anchors(target))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_relative_link_and_anchor_exists(page: Path) -> None:
    assert broken_links(page) == []


def test_the_services_that_operators_are_told_to_stop_exist() -> None:
    told = re.findall(r"moebius down ((?:[a-z-]+ ?)+)", (ROOT / "docs" / "operations.md").read_text())
    names = {service for line in told for service in line.split()}
    assert {"airflow-scheduler", "consumer"} <= names
    assert names <= {declared.name for declared in TOPOLOGY}


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One heading\n[a](#one-heading) [b](#other) [c](gone.md) [d](https://example.org/x)\n")
    assert broken_links(page) == ["#other", "gone.md"]


@pytest.mark.parametrize("page", [p for p in pages() if p.name != "CHANGELOG.md"], ids=name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {place for place in PLACE.findall(page.read_text()) if not set(place) & set("<*{…")}
    own = {place for place in named if "rain_soon" in place}  # the tutorial makes these
    assert {place for place in named - own if not (ROOT / place).exists()} == set()


def test_the_architecture_page_names_files() -> None:
    named = set(PLACE.findall((ROOT / "docs/architecture.md").read_text()))
    rooms = {f"include/{p.name}/" for p in (ROOT / "include").iterdir() if (p / "__init__.py").exists()}
    assert not rooms - named, "each room has a line in docs/architecture.md"


def test_every_page_is_reached_from_the_index() -> None:
    reached, wanted = {ROOT / "README.md"}, [ROOT / "README.md"]
    while wanted:
        page = wanted.pop()
        links = {(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text())}
        new = {link for link in links if link.suffix == ".md" and link.exists()} - reached
        reached |= new
        wanted += new
    assert not [name(page) for page in (ROOT / "docs").rglob("*.md") if page not in reached]


def test_the_first_page_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 6 * 1024


def test_every_page_that_the_code_names_exists() -> None:
    sources = [p for room in ("include", "dags", "plugins", "tests", "docker") for p in (ROOT / room).rglob("*")]
    texts = [p for p in sources if p.suffix in {".py", ".yaml", ".html", ".cfg"}]
    named = {mention for path in texts for mention in MENTION.findall(path.read_text())}
    assert {mention for mention in named if not (ROOT / mention).exists()} == set()


def imports_of(page: Path) -> list[tuple[str, str]]:
    """(module, name) of every ``from include… import`` in the page's Python examples."""
    blocks = "".join(body for language, body in FENCED.findall(page.read_text()) if language == "python")
    lines = re.findall(r"^from (include[\w.]*) import (.+)$", blocks, re.MULTILINE)
    return [(module, each.strip()) for module, names in lines for each in names.split(",")]


@pytest.mark.parametrize("page", [p for p in pages() if imports_of(p)], ids=name)
def test_examples_import_what_exists(page: Path) -> None:
    missing = [
        (module, what) for module, what in imports_of(page) if not hasattr(importlib.import_module(module), what)
    ]
    assert not missing


def quoted_messages(page: Path) -> list[str]:
    """First cells of the tables of messages."""
    tables = re.findall(r"^\| message \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    return [line.strip("|").split(" | ")[0].strip() for table in tables for line in table.splitlines()]


def exists(message: str, code: str) -> bool:
    """Whether a part of the message between its placeholders and values is in the code."""
    parts = [part.strip() for part in re.split(r"…|\[[^\]]*\]|'[^']*'|`|\d[\d-]*|[(),:]", message)]
    return any(len(part) >= 10 and part in code for part in parts)


@pytest.mark.parametrize("page", [p for p in pages() if quoted_messages(p)], ids=name)
def test_every_message_that_a_page_quotes_exists(page: Path) -> None:
    files = [file for room in ("include", "dags", "triton_models") for file in (ROOT / room).rglob("*.py")]
    code = re.sub(r"\"\s*\n\s*f?\"", "", "".join(file.read_text() for file in files))
    assert [message for message in quoted_messages(page) if not exists(message, code)] == []


def alert_names() -> set[str]:
    """Every alert that the platform and the use cases raise."""
    specs = [load_usecase(usecase) for usecase in usecase_names()]
    return {rule.name for rules in groups(specs).values() for rule in rules}


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    headings = re.findall(r"^## (Moebius\w+)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(alert_names())


def test_every_runbook_link_of_an_alert_leads_to_a_section() -> None:
    links = {rule.runbook for rules in groups([load_usecase("flight_delay")]).values() for rule in rules}
    pages_and_anchors = [link.split("#") for link in links]
    assert [link for link in pages_and_anchors if link[1] not in anchors(ROOT / link[0])] == []
