"""Any column in any one notation reads as it was meant, or is counted as unreadable: never as another value.

``EMTP_NIGHTLY=1`` draws 10,000 columns instead of 330.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.transformation.columns import UNREADABLE, Who, pseudonyms, read
from emtp_assets_tests.transformation.notations import COLUMNS, Written, columns

NIGHTLY = os.environ.get("EMTP_NIGHTLY") == "1"
OF_EACH = 3
AT_ONCE = OF_EACH * len(COLUMNS)
DRAWN: Counter[str] = Counter()
READ: Counter[str] = Counter()


@pytest.mark.timeout(7200)
@settings(
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
                DRAWN[one.notation.name] += value is not None
                READ[one.notation.name] += got == value and value is not None


def test_and_most_notations_can_be_read_where_the_column_proves_them() -> None:
    """Else the property above would hold of a reader that reads nothing."""
    assert READ, "run with the test above"
    proved = {
        "plain", "padded", "formula", "no-break spaces", "entity", "point zero", "comma zeros", "thousands with '.'",
        "thousands with ','", "thousands with ' '", "comma", "point", "point and comma", "comma and point", "AAAAMMDD",
        "AAAA-MM-DD", "with time", "day first -", "day first /", "AAAAMM", "RUN", "RUN with points",
    }  # fmt: skip
    # Which are drawn changes with any code: Hypothesis also draws from the constants of what is loaded.
    drawn = {name for name in proved if DRAWN[name]}
    assert len(drawn) > len(proved) / 2
    assert {name for name in drawn if not READ[name]} == set()
