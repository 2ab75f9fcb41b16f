"""Any column in any one notation reads as it was meant, or is counted as unreadable: never as another value.

``EMTP_NIGHTLY=1`` draws 10,000 columns instead of 330.
"""

from __future__ import annotations

import os
import tempfile
from datetime import date
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import settings as drawing

from emtp_assets.settings import Settings
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.transformation.columns import UNREADABLE, Case, Who, pseudonyms, read
from emtp_assets_tests.transformation.notations import COLUMNS, Written, columns

NIGHTLY = os.environ.get("EMTP_NIGHTLY") == "1"
OF_EACH = 3
AT_ONCE = OF_EACH * len(COLUMNS)


@pytest.mark.timeout(7200)
@drawing(
    max_examples=(10_000 if NIGHTLY else 330) // AT_ONCE + 1,
    deadline=None,
    derandomize=not NIGHTLY,
    # A column is small enough to be understood as drawn, and shrinking so many takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(columns(OF_EACH))
def test_a_column_in_any_one_notation_is_read_as_meant_or_not_at_all(written: tuple[Written, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own = isolated_settings(data_dir=Path(folder))
        answers = read(own, [one.case for one in written])
        for one, values in zip(written, answers, strict=True):
            people = [value for value in one.meant if isinstance(value, Who)]
            known = dict(zip(people, pseudonyms(own, one.case.official, people), strict=True))
            meant = [known.get(value, value) if isinstance(value, Who) else value for value in one.meant]
            note(f"{one.case.official}, {one.notation.name}: {list(zip(one.case.sent, meant, values, strict=True))}")
            for value, got in zip(meant, values, strict=True):
                assert got == value or (got is UNREADABLE and value is not None and not one.notation.certain)


# The columns in which each notation proves itself by these values, so that all of them are read.
PROVED: dict[tuple[str, ...], tuple[tuple[Any, ...], set[str]]] = {
    ("RBD_INSCRIPCION_PRACTICA", "COD_ESPE", "COD_COM_EMPRESA"): (
        (1234, 560, 16_001, 7),
        {"plain", "padded", "formula", "no-break spaces", "entity", "point zero", "comma zeros", "thousands with '.'",
         "thousands with ','", "thousands with ' '"},
    ),
    ("HORAS_TOTALES", "HORAS_MINIMAS_PP"): (
        (Decimal("1234.5"), Decimal("6.1"), Decimal(44)),
        {"comma", "point", "point and comma", "comma and point", "space and comma"},
    ),
    ("FECHA_INICIO", "FECHA_TERMINO", "FECHA_ESTADO_PRACTICA"): (
        (date(2024, 3, 15), date(2024, 3, 1)),
        {"AAAAMMDD", "AAAA-MM-DD", "with time", "day first -", "day first /", "AAAAMMDD.0"},
    ),
    ("FEC_NAC_ALU",): ((date(2008, 3, 15), date(2008, 12, 1)), {"AAAAMM", "AAAAMM,0", "AAAAMMDD.0"}),
    ("MRUN",): ((12_345_678, 19_654_321), {"RUN", "RUN with points", "point zero", "thousands with '.'"}),
}  # fmt: skip


def test_and_most_notations_are_read_where_the_column_proves_them(settings: Settings) -> None:
    """Else the property above would hold of a reader that reads nothing."""
    known = {official: ({n.name: n for n in notations}, means) for official, _, notations, means in COLUMNS}
    cases, meant = [], []
    for officials, (values, names) in PROVED.items():
        for official, name in zip(cycle(officials), sorted(names)):
            notations, means = known[official]
            cases.append(Case("titulacion", official, tuple(notations[name].write(value) for value in values)))
            meant.append([(notations[name].means or means)(value) for value in values])
    people = [value for values in meant for value in values if isinstance(value, Who)]
    by_person = dict(zip(people, pseudonyms(settings, "MRUN", people), strict=True))
    expected = [[by_person[v] if isinstance(v, Who) else v for v in values] for values in meant]
    found = read(settings, cases)
    assert list(zip(cases, found, strict=True)) == list(zip(cases, expected, strict=True))
