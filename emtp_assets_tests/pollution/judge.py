"""What a reading is worth against the truth: right, rows set aside, refused, or wrong in silence. Nothing is read here.

A reading is right when it holds the rows of the truth, each value equal once surrounding blanks are taken off (a
blank and nothing are the same, and so are two spellings of one accented letter in Unicode), in order, and nothing more.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from emtp_assets.contracts import Contract, LogicalType
from emtp_assets_tests.pollution.corpus import Polluted
from emtp_assets_tests.pollution.official import Official
from emtp_assets_tests.pollution.readers import Reading, Refused


class Verdict(StrEnum):
    """``ASIDE``: every row that could be known was read, and those that were struck were set aside and told."""

    RIGHT = "right"
    ASIDE = "right, struck rows set aside"
    REFUSED = "refused"
    SILENT = "wrong in silence"


@dataclass(frozen=True)
class Judgement:
    """A verdict, with the code of the refusal or in what the reading is wrong."""

    verdict: Verdict
    why: str = ""

    @property
    def shown(self) -> str:
        """As it is pinned: a refusal with its code, a silent error without its detail."""
        return f"refused: {self.why}" if self.verdict is Verdict.REFUSED else str(self.verdict)


def _wrong(why: str) -> Judgement:
    return Judgement(Verdict.SILENT, why)


def bare(value: Any) -> str:
    """A value as it is compared."""
    return "" if value is None else unicodedata.normalize("NFC", str(value)).strip()


def visible(text: str) -> str:
    """A text without the characters that nobody sees: they may be kept as sent in a name, or taken out."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc")).strip()


def _name(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip().strip("\ufeff").strip()).upper()


def judge(polluted: Polluted, form: Official, reading: Reading | Refused) -> Judgement:
    """The verdict on the text of a reading."""
    if isinstance(reading, Refused):
        return Judgement(Verdict.REFUSED, reading.code)
    if (wrong := _misread_dataset(form, reading)) or (wrong := _unaccounted(polluted, reading)):
        return wrong
    truth = [tuple(map(bare, row)) for row in polluted.truth.rows]
    if polluted.headless:
        read = [tuple(map(bare, row)) for row in reading.rows]
    else:
        at = _positions(polluted, form.contract, reading)
        if isinstance(at, Judgement):
            return at
        read = [tuple("" if i is None else bare(row[i]) for i in at) for row in reading.rows]
    missing, taken = [], 0
    for i, row in enumerate(truth):
        if taken < len(read) and read[taken] == row:
            taken += 1
        else:
            missing.append(i)
    if taken < len(read):
        return _wrong(f"row {taken + 1} as read is no row of the truth")
    return _with_missing(polluted, form, reading, missing)


def _misread_dataset(form: Official, reading: Reading) -> Judgement | None:
    if reading.dataset and reading.dataset != form.contract.dataset:
        return _wrong(f"taken for {reading.dataset}")
    if reading.out_of_scope:
        return _wrong(f"{reading.out_of_scope} rows left out as no EMTP")
    return None


def _unaccounted(polluted: Polluted, reading: Reading) -> Judgement | None:
    if reading.lines and polluted.lines is not None and sum(reading.lines.values()) != polluted.lines:
        return _wrong(f"{sum(reading.lines.values())} lines accounted for of {polluted.lines}")
    return None


def _positions(polluted: Polluted, contract: Contract, reading: Reading) -> list[int | None] | Judgement:
    """Where each column of the truth stands in the reading: under its official name or the one that the file gives it.

    None for a column of blanks that was left out. A column of the dataset that was not sent is an error.
    """

    def identity(name: str) -> str:
        column = contract.column_spelled(_name(name))
        return column.official.upper() if column else _name(name)

    names = [identity(name) for name in reading.names]
    wanted = [identity(name) for name in polluted.truth.names]
    sent = [_name(name) for name in polluted.named] or wanted
    for at, name in enumerate(names):
        known = contract.column_spelled(name) is not None and name not in wanted and name not in sent
        if known and any(bare(row[at]) for row in reading.rows):
            return _wrong(f"column {name} was not sent")
    nameless = [at for at, name in enumerate(names) if name not in wanted and name not in sent]
    found: list[int | None] = []
    for at, name in enumerate(wanted):
        if name in names:
            found.append(names.index(name))
        elif sent[at] in names:
            found.append(names.index(sent[at]))
        elif not sent[at] and len(nameless) == 1:
            found.append(nameless[0])
        elif any(bare(row[at]) for row in polluted.truth.rows):
            return _wrong(f"column {name} is lost")
        else:
            found.append(None)
    return found


def _with_missing(polluted: Polluted, form: Official, reading: Reading, missing: Sequence[int]) -> Judgement:
    if not missing:
        return _both(polluted, form, reading, range(len(polluted.truth.rows))) or Judgement(Verdict.RIGHT)
    untouched = [i for i in missing if i not in polluted.hit]
    if untouched:
        return _wrong(f"{len(untouched)} untouched rows are not there")
    told = len(reading.aside) + reading.unknown
    if not told:
        return _wrong(f"{len(missing)} rows are not there")
    if told < len(missing) and not all(_aside(polluted, form, reading, i) for i in missing):
        return _wrong(f"{len(missing)} rows are missing, {told} were set aside or told")
    present = [i for i in range(len(polluted.truth.rows)) if i not in missing]
    return _both(polluted, form, reading, present) or Judgement(Verdict.ASIDE)


def _both(polluted: Polluted, form: Official, reading: Reading, present: Sequence[int]) -> Judgement | None:
    """A row that is in raw and also in quarantine would be counted twice."""
    if polluted.headless or form.identity not in {name.upper() for name in polluted.truth.names}:
        return None
    twice = [i for i in present if _aside(polluted, form, reading, i) and i in polluted.hit]
    return _wrong(f"{len(twice)} rows are both read and set aside") if twice else None


def _aside(polluted: Polluted, form: Official, reading: Reading, i: int) -> bool:
    identity = polluted.truth.rows[i][polluted.truth.column(form.identity)].encode()
    return any(identity in raw.replace(b"\0", b"") for raw in reading.aside)


def aligned(polluted: Polluted, form: Official, reading: Reading) -> list[int | None] | Judgement:
    """Which row of the truth each row of raw is, when their values cannot tell: by order, less those set aside.

    None for a row of raw that is none, which cleaning must reject.
    """
    if (wrong := _misread_dataset(form, reading)) or (wrong := _unaccounted(polluted, reading)):
        return wrong
    rows = range(len(polluted.truth.rows))
    if len(reading.rows) == len(rows):
        return list(rows)
    left = [i for i in rows if i not in polluted.hit or not _aside(polluted, form, reading, i)]
    if len(reading.rows) > len(rows):
        return _by_identity(polluted, form, reading)
    told = len(reading.aside) + reading.unknown
    if len(left) != len(reading.rows) and told == len(polluted.hit):
        left = [i for i in rows if i not in polluted.hit]
    if len(left) != len(reading.rows) or not told:
        return _wrong(f"{len(reading.rows)} rows of {len(rows)}, {told} set aside or told")
    return [*left]


def _by_identity(polluted: Polluted, form: Official, reading: Reading) -> list[int | None]:
    known = {row[polluted.truth.column(form.identity)]: i for i, row in enumerate(polluted.truth.rows)}
    at = [_name(name) for name in reading.names].index(form.identity)
    return [known.get(bare(row[at])) for row in reading.rows]


def typed(text: str, kind: LogicalType) -> Any:
    """What a value of the truth means, as its contract has it. Official files: decimal comma, AAAAMM, AAAAMMDD."""
    text = text.strip()
    if not text:
        return None
    if kind is LogicalType.INTEGER:
        return int(text)
    if kind is LogicalType.NUMBER:
        return float(text.replace(",", "."))
    if kind is LogicalType.YEAR_MONTH:
        return int(text[:6])
    if kind is LogicalType.DATE:
        return f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    return unicodedata.normalize("NFC", text)


def judge_others_values(polluted: Polluted, form: Official, reading: Reading | Refused) -> Judgement:
    """The verdict on the typed values of another reader. A number or date it left as text counts as told."""
    if isinstance(reading, Refused):
        return Judgement(Verdict.REFUSED, reading.code)
    if polluted.headless:
        return _wrong("the first row was taken for names") if _name(reading.names[0]) else _wrong("no names")
    at = _positions(polluted, form.contract, reading)
    if isinstance(at, Judgement):
        return at
    if len(reading.rows) != len(polluted.truth.rows):
        return _wrong(f"{len(reading.rows)} rows of {len(polluted.truth.rows)}")
    told = ""
    for said, row in zip(polluted.truth.rows, reading.rows, strict=True):
        for name, text, position in zip(polluted.truth.names, said, at, strict=True):
            column = form.contract.column_spelled(name)
            kind = column.type if column else LogicalType.STRING
            match = _same(typed(text, kind), None if position is None else row[position], kind)
            if match is None:
                told = told or f"{name} left as text"
            elif not match:
                return _wrong(f"a value of {name}")
    return Judgement(Verdict.REFUSED, told) if told else Judgement(Verdict.RIGHT)


def _same(truth: Any, value: Any, kind: LogicalType) -> bool | None:
    """Whether a value is the truth; None when it was left as a text that is visibly none of its kind."""
    if value is None or bare(value) == "":
        return truth is None
    if kind is LogicalType.STRING:
        shown = (
            str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else bare(value)
        )
        return visible(shown) == (truth or "")
    if isinstance(value, str):
        text = bare(value).replace(",", ".") if kind is LogicalType.NUMBER else bare(value)
        try:
            return (
                truth is not None and float(text) == truth
                if kind is not LogicalType.DATE
                else bare(value) == truth or None
            )
        except ValueError:
            return None
    if kind is LogicalType.DATE:
        return str(value)[:10].replace("-", "") == (truth or "").replace("-", "")
    if hasattr(value, "year") and kind is LogicalType.YEAR_MONTH:
        return value.year * 100 + value.month == truth
    return isinstance(value, int | float) and not isinstance(value, bool) and value == truth
