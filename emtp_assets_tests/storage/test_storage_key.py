"""Where the key of what is kept comes from, and what happens when there is none that will do."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets.settings import Mode, Settings
from emtp_assets.storage.storage_key import Purpose, StorageKeyError, storage_key, storage_key_fingerprint, subkey

GOOD = "c0ffee-0123456789-abcdefghijklmnopqrstuvwxyz"


def instance(tmp_path: Path, **given: object) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path / "data", **given})


def in_a_file(tmp_path: Path, mode: int, text: str = GOOD + "\n") -> Path:
    file = tmp_path / "clave"
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_of_its_owner_alone_is_read_without_its_line_end(tmp_path: Path, mode: int) -> None:
    settings = instance(tmp_path, storage_key_file=in_a_file(tmp_path, mode))
    assert storage_key(settings).get_secret_value() == GOOD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o700, 0o620])
def test_a_file_that_is_open_wider_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    file = in_a_file(tmp_path, mode)
    with pytest.raises(StorageKeyError, match=f"chmod 600 {file}") as refused:
        storage_key(instance(tmp_path, storage_key_file=file))
    assert GOOD not in str(refused.value)


def test_production_without_a_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StorageKeyError, match=r"EMTP_STORAGE_KEY_FILE.*token_hex"):
        storage_key(instance(tmp_path, mode=Mode.PRODUCTION))
    assert not (tmp_path / "data").exists()


def test_a_demonstration_makes_one_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = instance(tmp_path)
    assert storage_key(settings) == storage_key(settings)
    file = tmp_path / "data" / ".secrets" / "clave_almacenamiento_demo"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("weak", ["corta", "x" * 40])
def test_a_key_that_can_be_guessed_is_refused_without_showing_it(tmp_path: Path, weak: str) -> None:
    with pytest.raises(StorageKeyError, match="demasiado débil") as refused:
        storage_key(instance(tmp_path, storage_key=weak))
    assert weak not in str(refused.value)


def test_each_purpose_has_a_key_of_its_own_and_the_fingerprint_is_none_of_them(tmp_path: Path) -> None:
    settings = instance(tmp_path, storage_key=GOOD)
    keys = {subkey(settings, purpose) for purpose in Purpose}
    assert len(keys) == len(Purpose)
    assert {len(key) for key in keys} == {32}
    assert not any(storage_key_fingerprint(settings) in key.hex() for key in keys)
    assert subkey(settings, Purpose.RAW) == subkey(instance(tmp_path / "x", storage_key=GOOD + "\n"), Purpose.RAW)


def test_the_key_is_in_no_text_of_the_settings(tmp_path: Path) -> None:
    settings = instance(tmp_path, storage_key=GOOD)
    assert GOOD not in repr(settings)
    assert GOOD not in settings.model_dump_json()
