"""The ministry's own files: every school read, none shifted; what is no dataset refused as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets_tests.intake.conftest import Instance


@pytest.mark.parametrize(("year", "schools", "columns"), [(2024, 16_694, 50), (2025, 16_768, 58)])
def test_every_school_of_a_directory_is_read(
    instance: Instance, official_samples: Path, year: int, schools: int, columns: int
) -> None:
    content = (official_samples / f"directorio_oficial_ee_{year}.csv").read_bytes()
    delivery = instance.accepted(content, "directorio.csv")
    assert (delivery.dataset, delivery.years) == ("establecimientos", {year: schools})
    assert (len(delivery.columns), delivery.unknown_columns, delivery.simulated) == (columns, (), False)
    rows = instance.raw(delivery, year)
    assert [row["_row"] for row in rows] == list(range(1, schools + 1))
    assert len({row["RBD"] for row in rows}) == schools
    assert all(row["ESTADO_ESTAB"].strip().isdigit() for row in rows)


def test_a_quoted_separator_shifts_no_column(instance: Instance, official_samples: Path) -> None:
    content = (official_samples / "directorio_oficial_ee_2024.csv").read_bytes()
    delivery = instance.accepted(content, "directorio.csv")
    (school,) = [row for row in instance.raw(delivery, 2024) if row["RBD"] == "42235"]
    assert school["LATITUD"] == "& 65279;-27,11944"
    assert (school["LONGITUD"], school["CONVENIO_PIE"], school["PAGO_MENSUAL"]) == (
        "-109,35472",
        "0",
        "SIN INFORMACION",
    )


def test_the_enrolment_summary_is_refused_as_what_it_is(instance: Instance, official_samples: Path) -> None:
    rejection = instance.refused((official_samples / "resumen_matricula_ee_2022.csv").read_bytes())
    assert rejection.code == "otro_archivo"
    assert "Resumen de matrícula" in rejection.what
