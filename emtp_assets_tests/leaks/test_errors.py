"""An error of the database may quote the value that it met: neither what is raised nor what is printed does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.transformation import Input, TransformationError, run_models
from emtp_assets_tests.leaks.people import name_of
from emtp_assets_tests.leaks.search import found_in
from emtp_assets_tests.lineage.conftest import copy_of_project


@pytest.mark.parametrize("value", [name_of(1), "12345678999"])
def test_a_model_that_fails_on_a_value_does_not_say_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], value: str
) -> None:
    settings = copy_of_project(tmp_path)
    model = settings.dbt_dir / "models" / "aggregated" / "aggregated_proyectos.sql"
    sql = model.read_text(encoding="utf-8")
    model.write_text(sql.replace("p.tipo_proyecto,", "cast(p.tipo_proyecto as integer) as tipo_proyecto,"), "utf-8")
    assert model.read_text(encoding="utf-8") != sql
    cleaned = tmp_path / "academic_year=2025" / "part.parquet"
    cleaned.parent.mkdir()
    columns = contract_for("proyectos").cleaned_columns
    pq.write_table(pa.table({c.name: [value if c.name == "tipo_proyecto" else None] for c in columns}), cleaned)
    staging = tmp_path / "salida"
    staging.mkdir()
    with pytest.raises(TransformationError, match=r"aggregated_proyectos: .*Error") as raised:
        run_models(
            settings,
            ["aggregated_proyectos"],
            years=[2025],
            inputs={"cleaned_proyectos": Input([cleaned])},
            output=staging,
            footers={},
        )
    printed = capfd.readouterr()
    told = [str(raised.value), str(raised.value.__cause__ or ""), printed.out, printed.err]
    assert "convert" in told[0].lower()
    assert list(found_in(told, {"12345678999"})) == []
