"""A small contract with one rule of each kind, and the tiny cleaned tables that it describes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from emtp_assets.contracts.model import Contract, contract_from_odcs

ODCS = """
apiVersion: v3.1.0
kind: DataContract
id: emtp-prueba
name: prueba
version: 1.0.0
status: active
schema:
  - name: prueba
    businessName: Prueba
    properties:
      - {name: agno, physicalName: AGNO, logicalType: integer, description: Año, required: true,
         primaryKey: true}
      - {name: id_persona, physicalName: MRUN, logicalType: string, description: Persona, required: true,
         primaryKey: true, classification: direct_identifier,
         logicalTypeOptions: {pattern: '^[0-9]+$'},
         customProperties: [{property: treatment, value: pseudonym}]}
      - {name: rbd, physicalName: RBD, logicalType: integer, description: Escuela, required: true,
         logicalTypeOptions: {minimum: 1, maximum: 99999}}
      - {name: cod_sexo, physicalName: GEN_ALU, logicalType: integer, description: Sexo,
         classification: quasi_identifier, customProperties: [{property: codeList, value: sexo}]}
      - {name: cod_ruralidad, physicalName: RURAL_RBD, logicalType: integer, description: Ruralidad,
         customProperties: [{property: codeList, value: ruralidad}]}
      - {name: letra, physicalName: LET_CUR, logicalType: string, description: Letra,
         logicalTypeOptions: {pattern: '^[A-Z]$'}}
      - {name: inicio, physicalName: FECHA_INICIO, logicalType: date, description: Inicio}
      - {name: termino, physicalName: FECHA_TERMINO, logicalType: date, description: Término}
      - {name: nota, physicalName: PROM, logicalType: number, description: Nota, classification: sensitive,
         logicalTypeOptions: {minimum: 1, maximum: 7}}
      - {name: nivel, physicalName: ENS, logicalType: integer, description: Nivel, required: true,
         customProperties: [{property: years, value: "2024-"}]}
    quality:
      - name: termino_tras_inicio
        description: La práctica no termina antes de empezar.
        severity: warning
        type: custom
        engine: greatExpectations
        implementation:
          type: expect_column_pair_values_a_to_be_greater_than_b
          kwargs: {column_A: termino, column_B: inicio, or_equal: true}
      - name: nota_media_plausible
        description: La nota media está entre 4 y 6,5.
        severity: error
        type: custom
        engine: greatExpectations
        implementation:
          type: expect_column_mean_to_be_between
          kwargs: {column: nota, min_value: 4, max_value: 6.5}
      - name: letra_casi_siempre
        description: La letra viene en al menos la mitad de las filas.
        severity: warning
        type: custom
        engine: greatExpectations
        implementation:
          type: expect_column_values_to_not_be_null
          kwargs: {column: letra, mostly: 0.5}
      - name: letra_rural
        description: Las escuelas rurales de la prueba tienen curso A.
        severity: warning
        type: custom
        engine: greatExpectations
        implementation:
          type: expect_column_values_to_be_in_set
          kwargs: {column: letra, value_set: [A], row_condition: cod_ruralidad == 1}
    customProperties:
      - {property: yearColumn, value: AGNO}
      - {property: rowChangeTolerated, value: 0.3}
"""

SCHEMA = pa.schema(
    {
        "agno": pa.int64(),
        "id_persona": pa.string(),
        "rbd": pa.int64(),
        "cod_sexo": pa.int64(),
        "cod_ruralidad": pa.int64(),
        "letra": pa.string(),
        "inicio": pa.string(),
        "termino": pa.string(),
        "nota": pa.float64(),
        "nivel": pa.int64(),
    }
)
DATES = ("inicio", "termino")

Write = Callable[..., Path]


def contract_from(text: str) -> Contract:
    return contract_from_odcs(OpenDataContractStandard.from_string(text))


@pytest.fixture
def contract() -> Contract:
    return contract_from(ODCS)


@pytest.fixture
def contract_with() -> Callable[..., Contract]:
    """The contract with more quality entries, or other changes to its table."""

    def build(*quality: dict[str, Any]) -> Contract:
        document = yaml.safe_load(ODCS)
        document["schema"][0]["quality"].extend(quality)
        return contract_from(yaml.safe_dump(document, allow_unicode=True))

    return build


def good_row(n: int, year: int = 2025) -> dict[str, Any]:
    return {
        "agno": year,
        "id_persona": f"{n:032x}",
        "rbd": 90_000 + n,
        "cod_sexo": 1 + n % 2,
        "cod_ruralidad": n % 2,
        "letra": "A",
        "inicio": f"{year}-03-01",
        "termino": f"{year}-06-30",
        "nota": 5.5,
        "nivel": 2,
    }


@pytest.fixture
def cleaned(tmp_path: Path) -> Write:
    """A cleaned Parquet of good rows; ``changes`` are (row, column, value), ``drop`` takes columns out."""

    def write(
        *changes: tuple[int, str, Any],
        rows: int = 6,
        year: int = 2025,
        drop: tuple[str, ...] = (),
        name: str = "cleaned",
    ) -> Path:
        table = [good_row(n, year) for n in range(rows)]
        for row, column, value in changes:
            table[row][column] = value
        arrow = pa.Table.from_pylist(table, schema=SCHEMA)
        for column in DATES:
            position = arrow.column_names.index(column)
            arrow = arrow.set_column(position, column, arrow.column(column).cast(pa.date32()))
        path = tmp_path / f"{name}-{year}.parquet"
        pq.write_table(arrow.drop_columns(list(drop)), path)
        return path

    return write
