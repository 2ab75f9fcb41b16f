"""Where the pseudonym key comes from, and what happens when there is none that will do."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from emtp_assets.privacy.keys import PseudonymKeyError, accepted_key, key_fingerprint, pseudonym_key
from emtp_assets.settings import Mode, Settings

GOOD = "c0ffee-0123456789-abcdefghijklmnopqrstuvwxyz"


def instance(tmp_path: Path, **given: object) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path / "data", **given})


@pytest.fixture(autouse=True)
def no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMTP_PSEUDONYM_KEY", "EMTP_PSEUDONYM_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_the_setting_comes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "clave"
    file.write_text("another-" + GOOD)
    settings = instance(tmp_path, pseudonym_key=GOOD, pseudonym_key_file=file)
    assert pseudonym_key(settings).get_secret_value() == GOOD


def test_the_file_is_read_without_its_line_end_and_an_empty_setting_is_none(tmp_path: Path) -> None:
    file = tmp_path / "clave"
    file.write_text(GOOD + "\n")
    settings = instance(tmp_path, pseudonym_key="", pseudonym_key_file=file)
    assert pseudonym_key(settings).get_secret_value() == GOOD


def test_a_file_that_others_can_read_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "clave"
    file.write_text(GOOD)
    file.chmod(0o644)
    pseudonym_key(instance(tmp_path, pseudonym_key_file=file))
    assert "chmod 600" in caplog.text
    assert GOOD not in caplog.text


def test_a_file_that_is_not_there_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(PseudonymKeyError, match="no_existe"):
        pseudonym_key(instance(tmp_path, pseudonym_key_file=tmp_path / "no_existe"))


def test_production_without_a_key_says_what_to_define(tmp_path: Path) -> None:
    with pytest.raises(PseudonymKeyError, match="EMTP_PSEUDONYM_KEY_FILE"):
        pseudonym_key(instance(tmp_path, mode=Mode.PRODUCTION))
    assert not (tmp_path / "data").exists()


def test_a_demonstration_makes_its_own_key_once_for_its_owner_only_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = instance(tmp_path)
    with caplog.at_level(logging.WARNING):
        first = pseudonym_key(settings)
    again = pseudonym_key(settings)
    file = tmp_path / "data" / ".secrets" / "clave_demo"
    assert first == again == SecretStr(file.read_text().strip())
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["clave_demo"]
    assert caplog.text.count("clave de seudónimos de demostración") == 1
    assert first.get_secret_value() not in caplog.text


def test_many_who_ask_at_once_get_the_same_demonstration_key(tmp_path: Path) -> None:
    settings, keys, start = instance(tmp_path), [], threading.Barrier(8)

    def ask() -> None:
        start.wait()
        keys.append(pseudonym_key(settings).get_secret_value())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("weak", ["", "secreta", "x" * 31, "abcd" * 10], ids=["none", "word", "short", "uniform"])
def test_a_weak_key_is_refused_without_being_repeated(weak: str) -> None:
    with pytest.raises(PseudonymKeyError, match="demasiado débil") as error:
        accepted_key(SecretStr(weak))
    assert not weak or weak not in str(error.value)


def test_a_fingerprint_tells_keys_apart_and_holds_none_of_them() -> None:
    prints = {key_fingerprint(SecretStr(GOOD + suffix)) for suffix in "abc"}
    assert len(prints) == 3
    assert all(len(p) == 12 and p not in GOOD for p in prints)
    assert key_fingerprint(SecretStr(GOOD)) == key_fingerprint(SecretStr(f" {GOOD}\n"))
