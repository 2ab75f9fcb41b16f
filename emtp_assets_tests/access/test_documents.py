"""The two pages that people read about sources say what the code does: variables, causes, counts, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emtp_assets.access import views
from emtp_assets.contracts import all_contracts, read_codes
from emtp_assets.settings import HOME
from emtp_assets.sources.failure import Cause
from emtp_assets_tests.settings.test_env_example import FIELDS

DOCS = HOME / "docs"
SOURCES = (DOCS / "fuentes.md").read_text(encoding="utf-8")
REQUEST = (DOCS / "solicitud_acceso.md").read_text(encoding="utf-8")
BOTH = pytest.mark.parametrize("page", [SOURCES, REQUEST], ids=["fuentes", "solicitud_acceso"])


@pytest.mark.parametrize("cause", list(Cause), ids=str)
def test_each_cause_has_its_row_with_an_anchor_a_meaning_and_what_to_do(cause: Cause) -> None:
    row = re.search(rf'^\| <a id="causa-{cause}"></a>`{cause}` \| (.+) \| (.+) \| (.+) \|$', SOURCES, re.MULTILINE)
    assert row is not None
    assert row[2].startswith(("Sí", "No"))


def test_no_row_is_about_a_cause_that_does_not_exist() -> None:
    assert re.findall(r'<a id="causa-(\w+)">', SOURCES) == [str(cause) for cause in Cause]


@BOTH
def test_each_variable_it_names_exists(page: str) -> None:
    known = {variable for variables, _ in FIELDS for variable in variables}
    named = set(re.findall(r"\b(?:EMTP|SIGE_DB|SHAREPOINT|S?FTP|MINEDUC_API)_[A-Z_]*[A-Z]\b", page))
    assert named
    assert named - known == set()


@BOTH
def test_its_links_lead_somewhere(page: str) -> None:
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", page):
        file, _, anchor = target.partition("#")
        if file:
            assert (DOCS / Path(file)).resolve().is_file(), target
        else:
            assert anchor in anchors, target


def test_each_of_the_ten_questions_has_an_answer_for_when_nobody_answers() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", REQUEST, re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 11))


def test_the_request_counts_the_columns_it_asks_for() -> None:
    asked = sum(len(view.columns) for view in views(all_contracts()).values())
    described = sum(len(contract.columns) for contract in all_contracts())
    assert f"De {described} columnas descritas en los contratos, el anexo pide {asked}." in REQUEST


def test_the_request_names_every_emtp_code_and_says_that_310_is_none() -> None:
    codes = ", ".join(read_codes("tipo_ensenanza", "es_emtp"))
    assert f"EMTP es {codes}:" in REQUEST
    assert "**310 es enseñanza media humanístico-científica**" in REQUEST
    assert "310" not in read_codes("tipo_ensenanza", "es_emtp")


def test_files_are_named_as_the_contracts_look_for_them() -> None:
    for contract in all_contracts():
        row = next(line for line in SOURCES.splitlines() if line.startswith(f"| `{contract.dataset}` |"))
        shown = re.findall(r"`([^`]+)`", row)[1:]
        expected = [contract.locations[source].format(year=2026) for source in ("sharepoint", "sftp")]
        assert shown == [*expected, f"{contract.locations['rest']}?ano=2026"]


def test_the_five_ways_stand_in_the_order_of_the_contracts() -> None:
    shown = re.findall(r"^\| \d \| `(\w+)` \|", SOURCES, re.MULTILINE)
    for contract in all_contracts():
        assert [name for name in contract.sources if name != "simulado"] == shown


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
