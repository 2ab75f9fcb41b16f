"""The same bytes are other words in each code page; which words they are decides, or leaves it open."""

from __future__ import annotations

import pytest

from emtp_assets.intake.code_pages import Spelling, spelling
from emtp_assets_tests.intake.spanish import WORDS


def of(*words: str, codec: str = "cp1252") -> Spelling:
    """What a column of words spells, written in a code page."""
    return spelling("".join(f"{word}\n" for word in words).encode(codec), utf8=codec == "utf-8")


@pytest.mark.parametrize("word", [word for word in WORDS if not word.isascii() and word != "época"])
def test_a_single_word_in_windows_1252_is_enough(word: str) -> None:
    assert of(word).likelier() is None


@pytest.mark.parametrize("word", ["é", "JOSé", "MÖLLER", "MéSICA", "época"])
def test_what_another_page_explains_as_well_is_left_open(word: str) -> None:
    assert of(word).likelier() == "cp850"


def test_more_words_settle_it() -> None:
    assert of("MÖLLER", "JOSé", "ÑUÑOA", "Peñalolén", "BIOBÍO").likelier() is None


@pytest.mark.parametrize(("codec", "page"), [("cp850", "cp850"), ("cp437", "cp850"), ("mac_roman", "mac_roman")])
def test_each_page_is_known_by_its_words(codec: str, page: str) -> None:
    words = [word for word in WORDS if word.encode(codec, "ignore").decode(codec) == word]
    assert of(*words, codec=codec).likelier() == page


def test_what_is_spanish_in_no_page_is_called_so() -> None:
    assert of("a±b", "c¶d").likelier() == ""


def test_text_without_accents_says_nothing() -> None:
    assert of("LICEO").likelier() is None
    assert not of("LICEO", codec="utf-8").rubbish


def test_two_of_ours_add_up_to_their_whole() -> None:
    both = of("ÑUÑOA") + of("BIOBÍO")
    assert (both.counts == of("ÑUÑOA", "BIOBÍO").counts).all()
    assert int(both.counts.sum()) == 3


@pytest.mark.parametrize("word", [word for word in WORDS if not word.isascii()])
def test_utf8_and_windows_1252_spell_the_same(word: str) -> None:
    assert (of(word, codec="utf-8").counts == of(word).counts).all()


def test_box_drawing_and_controls_are_rubbish() -> None:
    assert of("├æU├æOA", "\x91UÑOA", codec="utf-8").foreign == 3
    assert of("├æU├æOA", "BIOB├ìO", codec="utf-8").rubbish
