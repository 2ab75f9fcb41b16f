"""A simulated file has exactly the form of the official one of its year."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emtp_assets.contracts import DATASETS, contract_for
from emtp_assets.sources.simulated import NothingToSimulateError, file_name, generate
from emtp_assets.sources.simulated.datasets import SELECTIONS

YEARS = (2012, 2017, 2025)
ALWAYS_BLANK = {"establecimientos": {"MRUN"}}
"""Columns left blank. The directorio's MRUN is the mask of an owner's RUN; the official file of
2025 has it blank in every row."""


def existing(dataset: str, year: int) -> bool:
    return bool(contract_for(dataset).official_columns(year))


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("year", [2005, 2008, *YEARS, 2026])
def test_every_official_column_has_an_expression(dataset: str, year: int) -> None:
    official = {column.official for column in contract_for(dataset).official_columns(year)}
    assert official - SELECTIONS[dataset].columns <= ALWAYS_BLANK.get(dataset, set())


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("year", YEARS)
def test_header_byte_order_mark_encoding_and_line_ends(dataset: str, year: int, simulated: Callable[..., Path]) -> None:
    if not existing(dataset, year):
        pytest.skip(f"{dataset} no tuvo archivo oficial en {year}")
    content = simulated(dataset, year).read_bytes()
    has_mark = content.startswith(b"\xef\xbb\xbf")
    assert has_mark == (year >= 2018)
    line_end = b"\r\n" if dataset == "establecimientos" else b"\n"
    header, *rows, after = content.removeprefix(b"\xef\xbb\xbf").split(line_end)
    assert after == b""
    assert rows
    names = ";".join(column.official for column in contract_for(dataset).official_columns(year))
    assert header.decode("ascii") == (names.lower() if year <= 2016 else names)
    assert (b"\r" in content) == (dataset == "establecimientos")
    content.decode("utf-8" if year >= 2018 else "cp1252")
    if dataset not in {"proyectos", "egresados"}:
        assert ("Ñ".encode() if year >= 2018 else "Ñ".encode("cp1252")) in content


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("year", YEARS)
def test_no_field_is_empty_or_quoted(dataset: str, year: int, simulated: Callable[..., Path]) -> None:
    """A blank is one space. Only a latitude with an HTML entity is in quotes, as in the official file."""
    if not existing(dataset, year):
        pytest.skip(f"{dataset} no tuvo archivo oficial en {year}")
    lines = simulated(dataset, year).read_bytes().splitlines()
    fields = len(contract_for(dataset).official_columns(year))
    quoted = [line for line in lines if b'"' in line]
    assert len(quoted) == (1 if dataset == "establecimientos" and year >= 2014 else 0)
    assert all(b'"& 65279;-' in line and line.count(b";") == fields for line in quoted)
    plain = [line for line in lines if b'"' not in line]
    assert {line.count(b";") for line in plain} == {fields - 1}
    assert not any(b";;" in line or line.startswith(b";") or line.endswith(b";") for line in plain)


@pytest.mark.parametrize("dataset", DATASETS)
def test_same_arguments_same_bytes(dataset: str, simulated: Callable[..., Path], tmp_path: Path) -> None:
    again = generate(contract_for(dataset), 2025, tmp_path, scale=0.05, seed=20260301)
    assert again.read_bytes() == simulated(dataset, 2025).read_bytes()
    assert again.name == file_name(contract_for(dataset), 2025)
    assert again.name.startswith("SIMULADO_")
    assert list(tmp_path.iterdir()) == [again], "nothing is left beside the file"


def test_another_seed_other_people_same_form(simulated: Callable[..., Path], tmp_path: Path) -> None:
    other = generate(contract_for("egresados"), 2025, tmp_path, scale=0.05, seed=7)
    assert other.read_bytes() != simulated("egresados", 2025).read_bytes()


@pytest.mark.parametrize("scale", [0, -0.1, 1.5])
def test_impossible_scale_is_refused_and_leaves_nothing(scale: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="escala"):
        generate(contract_for("proyectos"), 2025, tmp_path, scale=scale, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_a_year_without_official_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingToSimulateError, match="2012"):
        generate(contract_for("titulacion"), 2012, tmp_path, scale=0.05, seed=1)


def test_official_quirks_are_there(read: Callable) -> None:
    marks = {row[0] for row in read("egresados", 2025).select("PROM_NOTAS_ALU").distinct().fetchall()}
    assert {"6", "6,1", None} <= marks or {"6", "6,1", " "} <= marks
    assert not any("." in mark or ",0" in mark for mark in marks if mark)
    digits = read("titulacion", 2025).aggregate(
        "min(length(ID_PRACTICA)), max(length(ID_PRACTICA)), count(DISTINCT ID_PRACTICA), count(*),"
        " min(length(COD_PLAN_EST)), max(length(COD_PLAN_EST))"
    )
    shortest, longest, distinct, rows, shortest_plan, longest_plan = digits.fetchall()[0]
    assert (shortest, longest, shortest_plan, longest_plan) == (26, 26, 26, 26)
    assert distinct == rows
    (natural,) = read("titulacion", 2025).aggregate("avg((RUT_EMPRESA::BIGINT < 50000000)::INT)").fetchall()[0]
    assert 0.05 < natural < 0.15
    (provisional,) = read("egresados", 2025).aggregate("avg((trim(MRUN_IPE) <> '')::INT)").fetchall()[0]
    assert 0.04 < provisional < 0.1
    months = read("matricula", 2025).aggregate("min(length(FEC_NAC_ALU)), max(length(FEC_NAC_ALU))").fetchall()[0]
    assert months == (6, 6)
