"""A secret is made once, whole, and nobody else can read it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emtp_assets.storage.secret_files import made_once


def test_of_many_who_ask_at_once_one_makes_it_and_all_find_the_same(tmp_path: Path) -> None:
    secret = tmp_path / "of its own" / "secret"

    def asked(_: int) -> tuple[bool, str]:
        return made_once(secret, 32), secret.read_text(encoding="ascii")

    with ThreadPoolExecutor(16) as several:
        answers = list(several.map(asked, range(64)))
    assert [made for made, _ in answers].count(True) == 1
    assert len({text for _, text in answers}) == 1
    assert len(bytes.fromhex(answers[0][1])) == 32
    assert [file.name for file in secret.parent.iterdir()] == ["secret"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    secret = tmp_path / "of its own" / "secret"
    made_once(secret, 32)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700


def test_what_is_there_stays(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    assert not made_once(secret, 32)
    assert secret.read_text() == "mine"
