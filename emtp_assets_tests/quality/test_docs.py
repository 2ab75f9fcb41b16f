"""The Data Docs: latest page of each dataset and year, nothing personal, nothing from outside, never half."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emtp_assets.contracts import Contract
from emtp_assets.quality import docs as module
from emtp_assets.quality.docs import DataDocs
from emtp_assets.quality.validation import validate, validate_years
from emtp_assets.settings import Settings
from emtp_assets_tests.quality.conftest import Write


@pytest.fixture
def docs(tmp_path: Path) -> DataDocs:
    return DataDocs(Settings(data_dir=tmp_path / "data"))


def test_pages_show_rules_in_spanish_with_what_was_observed(docs: DataDocs, contract: Contract, cleaned: Write) -> None:
    validate(contract, cleaned((0, "letra", "zz")), 2025, docs)
    index = docs.build()
    page = docs.page("prueba", 2025).read_text(encoding="utf-8")
    assert "La práctica no termina antes de empezar." in page
    assert "1 filas fuera" in page
    assert "zz" in page
    assert 'href="prueba/2025.html"' in index.read_text(encoding="utf-8")


def test_no_personal_value_reaches_a_page(docs: DataDocs, contract: Contract, cleaned: Write) -> None:
    same = "00000000000000000000000000000000"
    validate(contract, cleaned((0, "nota", 123.25), (1, "cod_sexo", 7654), (1, "id_persona", same)), 2025, docs)
    docs.build()
    page = docs.page("prueba", 2025).read_text(encoding="utf-8")
    assert "123.25" not in page
    assert "7654" not in page
    assert same not in page


def test_nothing_is_loaded_from_outside(docs: DataDocs, contract: Contract, cleaned: Write) -> None:
    validate(contract, cleaned((0, "letra", "zz")), 2025, docs)
    docs.build()
    for path in docs.folder.rglob("*.html"):
        assert not re.search(r"(src|href)=\"(https?:)?//", path.read_text(encoding="utf-8")), path


def test_what_a_delivery_holds_is_shown_as_text(docs: DataDocs, contract: Contract, cleaned: Write) -> None:
    validate(contract, cleaned((0, "letra", "<script>alert(1)</script>")), 2025, docs)
    docs.build()
    page = docs.page("prueba", 2025).read_text(encoding="utf-8")
    assert "<script>alert" not in page and "<AAAAAA>" not in page
    assert "&lt;AAAAAA&gt;AAAAA(9)&lt;/AA" in page, "its shape, as text"


def test_pages_of_earlier_runs_stay_and_the_latest_counts(
    docs: DataDocs, contract: Contract, cleaned: Write, tmp_path: Path
) -> None:
    validate_years(contract, {2024: cleaned(year=2024), 2025: cleaned((0, "letra", "zz"))}, docs)
    docs.build()
    later = DataDocs(Settings(data_dir=tmp_path / "data"))
    validate(contract, cleaned(), 2025, later)
    index = later.build().read_text(encoding="utf-8")
    assert index.count("<tr>") == 3
    assert "prueba/2024.html" in index
    assert "zz" not in later.page("prueba", 2025).read_text(encoding="utf-8")


def test_an_interrupted_build_leaves_the_site_as_it_was(
    docs: DataDocs, contract: Contract, cleaned: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate(contract, cleaned(), 2025, docs)
    docs.build()
    before = {p: p.read_bytes() for p in docs.folder.rglob("*.*ml")}
    validate(contract, cleaned(year=2024), 2024, docs)

    def full(_: Path) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "_index", full)
    with pytest.raises(OSError, match="space"):
        docs.build()
    assert {p: p.read_bytes() for p in before} == before
    assert not list((docs.folder.parent / ".staging").iterdir())
    monkeypatch.undo()
    assert "2024" in docs.build().read_text(encoding="utf-8")
