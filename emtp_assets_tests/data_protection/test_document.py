"""`docs/proteccion_datos.md` is up to date: its generated parts are current, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emtp_assets.assets.classified import CLASSIFIED
from emtp_assets.cli import app
from emtp_assets.contracts import Classification, all_contracts
from emtp_assets.data_protection import DOCUMENT, PARTS, DocumentError, renewed, renewed_parts
from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.privacy.plans.review import reviewed
from emtp_assets.publication.catalogue import published_tables
from emtp_assets.settings import HOME
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.settings.test_env_example import FIELDS

TEXT = DOCUMENT.read_text(encoding="utf-8")
DOCS = HOME / "docs"


def test_its_generated_parts_are_current() -> None:
    assert renewed(TEXT) == TEXT, "ejecute: emtp data-protection"


def test_renewing_twice_is_renewing_once() -> None:
    assert renewed(renewed(TEXT)) == renewed(TEXT)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_not_current_is_noticed(name: str) -> None:
    """The control: one word changed in a part is not what renewing gives."""
    part = renewed_parts()[name]
    assert part in TEXT
    stale = TEXT.replace(part, part.replace(part.split()[-2], "otra", 1), 1)
    assert stale != TEXT and renewed(stale) == TEXT


def test_every_column_that_comes_near_a_person_is_told_with_its_class() -> None:
    told = renewed_parts()["categorias"]
    for contract in all_contracts():
        for column in contract.columns:
            named = f"`{column.official}`" in told
            assert named or column.classification is Classification.PUBLIC, (contract.dataset, column.official)


def test_every_table_that_leaves_and_every_column_reviewed_is_told() -> None:
    parts = renewed_parts()
    for name in [*(t.name for t in published_tables()), *(t.name for _, t in public_plan().tables)]:
        assert f"| `{name}` |" in parts["salidas"]
    for entry in reviewed():
        assert f"| `{entry.official}` | {entry.reason} |" in parts["revision"]


def test_an_instance_is_told_as_it_is_set(tmp_path: Path) -> None:
    settings = isolated_settings(
        data_dir=tmp_path, suppression_minimum=15, retention_days=730, retention_replaced_days=90
    )
    text = renewed(TEXT, settings)
    assert "730 días (`EMTP_RETENTION_DAYS`)" in text and "90 días (`EMTP_RETENTION_REPLACED_DAYS`)" in text
    assert "entre 1 y 14" in text and "promedios de 15 personas" in text
    assert "Sin plazo: falta fijarlo" in TEXT and "Sin plazo: falta fijarlo" not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    "spoiled",
    [
        TEXT.replace("<!-- fin: medidas -->", ""),
        TEXT.replace("<!-- generado: medidas -->", "<!-- generado: remedios -->"),
        TEXT.replace("<!-- fin: medidas -->", "<!-- fin: salidas -->"),
        TEXT + "\n<!-- generado: medidas -->\n<!-- fin: medidas -->\n",
        "",
    ],
)
def test_markers_that_do_not_agree_are_refused(spoiled: str) -> None:
    with pytest.raises(DocumentError, match="marcas"):
        renewed(spoiled)


def test_the_command_says_that_it_is_current_and_writes_an_instances_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMTP_SUPPRESSION_MINIMUM", "12")
    assert "al día" in CliRunner().invoke(app, ["data-protection"]).output, (
        "an instance's values are not the document's"
    )
    copy = tmp_path / "proteccion.md"
    done = CliRunner().invoke(app, ["data-protection", "--instancia", str(copy)])
    assert done.exit_code == 0, done.output
    assert "entre 1 y 11" in copy.read_text(encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == TEXT


# What people wrote.


def test_each_variable_and_command_it_names_exists() -> None:
    variables = {variable for names, _ in FIELDS for variable in names}
    assert set(re.findall(r"\bEMTP_[A-Z_]*[A-Z]\b", TEXT)) - variables == set()
    commands = {
        c.name or (c.callback.__name__ if c.callback else "").replace("_", "-") for c in app.registered_commands
    } | {group.name for group in app.registered_groups}
    assert set(re.findall(r"`emtp ([a-z-]+)", TEXT)) - commands == set()
    assert f"`{CLASSIFIED}`" in TEXT


def test_its_links_and_files_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert (DOCS / file).resolve().is_file() if file else anchor in anchors, target
    for path in re.findall(r"`(emtp_assets/[\w/.]+)`", TEXT):
        assert (HOME / path).is_file(), path


def test_no_article_is_cited_as_certain_unless_it_was_read() -> None:
    """Article 3 and 4 of Law 19.628 were read in its text of 1 December 2026; all others are for lawyers to confirm."""
    for article, after in re.findall(r"artículo (\d+(?: [a-zñáéíóú]+)?(?: del texto anterior)?)([^).;]{0,40})", TEXT):
        assert article.split()[0] in {"3", "4"} or "jurídica" in after, article
