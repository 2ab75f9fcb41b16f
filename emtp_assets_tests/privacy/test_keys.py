"""Where the pseudonym key comes from, and what happens when there is none that will do."""

from __future__ import annotations

import hmac
import logging
import re
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from emtp_assets.privacy.keys import (
    PseudonymKeyError,
    accepted_key,
    key_id,
    next_key,
    pseudonym_key,
    release_key,
    same_key,
)
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
    file.chmod(0o600)
    settings = instance(tmp_path, pseudonym_key=GOOD, pseudonym_key_file=file)
    assert pseudonym_key(settings).get_secret_value() == GOOD


def test_the_file_is_read_without_its_line_end_and_an_empty_setting_is_none(tmp_path: Path) -> None:
    file = tmp_path / "clave"
    file.write_text(GOOD + "\n")
    file.chmod(0o400)
    settings = instance(tmp_path, pseudonym_key="", pseudonym_key_file=file)
    assert pseudonym_key(settings).get_secret_value() == GOOD


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o700])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "clave"
    file.write_text(GOOD)
    file.chmod(mode)
    with pytest.raises(PseudonymKeyError, match="chmod 600") as error:
        pseudonym_key(instance(tmp_path, pseudonym_key_file=file))
    assert GOOD not in str(error.value)
    with pytest.raises(PseudonymKeyError, match="chmod 600"):
        next_key(instance(tmp_path, pseudonym_key_next_file=file))


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


def test_an_id_tells_keys_and_the_form_of_pseudonyms_apart_and_holds_nothing_of_them() -> None:
    ids = {key_id(SecretStr(GOOD + suffix)) for suffix in "abc"}
    assert len(ids) == 3
    assert all(re.fullmatch(r"v1-[0-9a-f]{12}", each) and each[3:] not in GOOD for each in ids)
    assert key_id(SecretStr(GOOD)) == key_id(SecretStr(f" {GOOD}\n"))


def test_the_same_key_is_known_under_the_id_that_it_had_before_pseudonyms_had_a_form() -> None:
    mine = key_id(SecretStr(GOOD))
    assert same_key(mine.removeprefix("v1-"), mine)
    assert not same_key(key_id(SecretStr(GOOD + "a")), mine)


def test_the_next_key_is_read_from_its_file_and_none_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "clave"
    file.write_text(GOOD + "\n")
    file.chmod(0o600)
    assert next_key(instance(tmp_path)) is None
    assert next_key(instance(tmp_path, pseudonym_key_next_file=file)) == SecretStr(GOOD)
    with pytest.raises(PseudonymKeyError, match="no_existe"):
        next_key(instance(tmp_path, pseudonym_key_next_file=tmp_path / "no_existe"))


def by_rfc_5869(key: str, info: str) -> str:
    """HKDF-SHA256 of 32 bytes without salt, with nothing but the standard library: one block of the expansion."""
    extracted = hmac.new(bytes(32), key.encode(), "sha256").digest()
    return hmac.new(extracted, info.encode() + b"\x01", "sha256").hexdigest()


def test_a_recipient_has_a_key_of_its_own_in_each_release() -> None:
    made = release_key(SecretStr(GOOD), "Universidad de Chile", "2026-04-30.1")
    assert made.get_secret_value() == by_rfc_5869(GOOD, "v1|entrega|Universidad de Chile|2026-04-30.1")
    others = {
        release_key(SecretStr(key), who, what).get_secret_value()
        for key in (GOOD, GOOD + "a")
        for who in ("Universidad de Chile", "PUC")
        for what in ("2026-04-30.1", "2026-04-30.2")
    }
    assert len(others) == 8
    assert GOOD not in repr(made)


@pytest.mark.parametrize(("who", "what"), [("", "x"), ("x", " "), ("a|b", "c"), ("a", "b|c")])
def test_two_deliveries_can_never_share_a_key(who: str, what: str) -> None:
    with pytest.raises(ValueError, match="no sirve"):
        release_key(SecretStr(GOOD), who, what)
