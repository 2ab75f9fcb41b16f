"""Provenance travels in the file's own footer and adds up when files meet."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from emtp_assets.storage.provenance import MixedKeysError, Origin, Provenance

OFFICIAL = Provenance(("b" * 64,), Origin.OFFICIAL, "1")
SIMULATED = Provenance(("a" * 64,), Origin.SIMULATED, "1")


def test_it_comes_back_from_the_file_it_was_written_with(tmp_path: Path) -> None:
    duckdb.sql(f"copy (select 1 as x) to '{tmp_path / 'f'}' (format parquet, {OFFICIAL.copy_option})")
    assert Provenance.of(tmp_path / "f") == OFFICIAL


def test_simulated_and_official_together_are_mixed() -> None:
    merged = Provenance.merge([OFFICIAL, SIMULATED])
    assert merged.origin is Origin.MIXED
    assert merged.deliveries == ("a" * 64, "b" * 64)
    assert Provenance.merge([OFFICIAL, OFFICIAL]).origin is Origin.OFFICIAL


def test_pseudonyms_of_two_keys_never_meet() -> None:
    with pytest.raises(MixedKeysError, match="claves distintas"):
        Provenance.merge([OFFICIAL.with_key("one"), OFFICIAL.with_key("two")])
    assert Provenance.merge([OFFICIAL.with_key("one"), SIMULATED]).key == "one"


def test_a_file_of_somebody_else_has_none(tmp_path: Path) -> None:
    duckdb.sql(f"copy (select 1 as x) to '{tmp_path / 'f'}' (format parquet)")
    with pytest.raises(KeyError):
        Provenance.of(tmp_path / "f")
