"""Which rows are EMTP: a scope column holds one of the contract's codes, leading zeros and blanks aside."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from emtp_assets.contracts import Contract, read_codes
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.plain_lines import Plain, unpacked
from emtp_assets.intake.recognition import Header


def scope_codes(contract: Contract) -> frozenset[str]:
    """The codes, without leading zeros, one of which a row of EMTP has in a scope column."""
    if contract.scope is None:
        return frozenset()
    return frozenset(code.strip().lstrip("0") for code in read_codes(contract.scope.code_list, contract.scope.where))


class Scope:
    """The scope of one file: its columns at the places where they stand."""

    def __init__(self, header: Header) -> None:
        scope = header.contract.scope
        self._codes = scope_codes(header.contract)
        listed = read_codes(scope.code_list) if scope else ()
        self._listed = frozenset(code.strip().lstrip("0") for code in listed) - {""}
        self._at = None if scope is None else [p for name in scope.columns if (p := header.position(name)) is not None]

    @property
    def everything(self) -> bool:
        """Whether every row is in scope."""
        return self._at is None

    @property
    def fingerprint(self) -> str:
        """Changes when other rows would be chosen of the same file."""
        return hashlib.sha256(repr((sorted(self._codes), self._at)).encode()).hexdigest()

    def of(self, plain: Plain) -> NDArray[np.bool_]:
        """Whether each line is in scope."""
        if self._at is None:
            return np.ones(len(plain), bool)
        inside = np.zeros(len(plain), bool)
        for column in plain.codes:
            for key in column.distinct:
                if Layout.code(unpacked(key) or "") in self._codes:
                    inside |= column.keys == key
        return inside

    def has(self, fields: list[str]) -> bool:
        """Whether a row is in scope, by its fields."""
        return self._at is None or any(Layout.code(fields[at]) in self._codes for at in self._at)

    def unknown(self, plain: Plain, odd: Iterable[list[str]]) -> Counter[str]:
        """Rows none of whose scope columns has a listed code, by what the first that is filled says ("" for none)."""
        found: Counter[str] = Counter()
        if self._at is None:
            return found
        for row in odd:
            codes = [Layout.code(row[at]) or "" for at in self._at]
            if self._listed.isdisjoint(codes):
                found[next(filter(None, codes), "")] += 1
        codes = [{key: Layout.code(unpacked(key) or "") or "" for key in column.distinct} for column in plain.codes]
        if any(self._listed.issuperset(each.values()) for each in codes):
            return found
        left = np.ones(len(plain), bool)
        for column, each in zip(plain.codes, codes, strict=True):
            for key, code in each.items():
                if code in self._listed:
                    left &= column.keys != key
        for column, each in zip(plain.codes, codes, strict=True):
            for key, code in each.items():
                if code and code not in self._listed:
                    here = left & (column.keys == key)
                    found[code] += int(np.count_nonzero(here))
                    left &= ~here
        found[""] += int(np.count_nonzero(left))
        return +found
