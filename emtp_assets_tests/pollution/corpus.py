"""What a pollution is, and the list of all of them. Each is defined in the module of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from emtp_assets_tests.pollution.official import FORMS, Official, Table, official


@dataclass(frozen=True, repr=False)
class Polluted:
    """A polluted file and its truth.

    ``truth``: the rows that should come out, under official names; ``named``: the names that the file itself gives to
    them, which are as right; ``hit``: positions of the rows that the pollution itself struck, which a reader may set
    aside; ``file``: its name; ``headless``: the names are not in the file; ``values``: the text is as it was sent, and
    what counts is the typed value; ``lines``: lines of the text.
    """

    content: bytes
    truth: Table
    named: tuple[str, ...] = ()
    hit: frozenset[int] = frozenset()
    file: str = "entrega.csv"
    headless: bool = False
    values: bool = False
    lines: int | None = None


Cases = Iterable[tuple[str, Polluted]]


@dataclass(frozen=True)
class Pollution:
    """A way of spoiling a file. ``group``: its class in the table; ``pollock``: one of Pollock's own.

    ``forms``: the official forms it makes sense for; ``rows``: how many rows of data it needs.
    """

    name: str
    group: str
    spoil: Callable[[Official], Polluted | Cases]
    forms: tuple[str, ...] = FORMS
    rows: int = 12
    pollock: bool = False

    def cases(self, form: str, *, first: int = 0) -> Iterator[tuple[str, Polluted]]:
        """(label, polluted file) of each place where it can strike."""
        made = self.spoil(official(form, self.rows, first=first))
        if isinstance(made, Polluted):
            yield "", made
        else:
            yield from made


@dataclass
class Corpus:
    """All pollutions by name, in the order of their definition."""

    by_name: dict[str, Pollution] = field(default_factory=dict)

    def add(self, name: str, group: str, spoil: Callable[[Official], Polluted | Cases], **more: object) -> None:
        """
        Raises:
            ValueError: a name given twice.
        """
        if name in self.by_name:
            raise ValueError(name)
        self.by_name[name] = Pollution(name, group, spoil, **more)  # type: ignore[arg-type]

    def __call__(
        self, name: str, group: str, **more: object
    ) -> Callable[[Callable[[Official], Polluted | Cases]], Callable[[Official], Polluted | Cases]]:
        """As a decorator of the function that spoils."""

        def added(spoil: Callable[[Official], Polluted | Cases]) -> Callable[[Official], Polluted | Cases]:
            self.add(name, group, spoil, **more)
            return spoil

        return added


CORPUS = Corpus()


def of_text(form: Official, text: str, *, encoding: str | None = None, **more: Any) -> Polluted:
    """A polluted file of text; the truth is the form's own table unless given."""
    content = form.encoded(text) if encoding is None else text.encode(encoding)
    given = {"truth": form.table, "lines": _lines(text), **more}
    return Polluted(content, **given)  # type: ignore[arg-type]


def _lines(text: str) -> int | None:
    """Lines of a text that ends them in one way; None where people would count differently."""
    if "\r" in text.replace("\r\n", ""):
        return None
    return text.count("\n") + (not text.endswith("\n"))


def everything() -> dict[str, Pollution]:
    """The whole corpus."""
    from emtp_assets_tests.pollution import (  # noqa: F401
        containers,
        dialects,
        encodings,
        headers,
        lines,
        pollock,
        programs,
        rows,
        values,
        workbooks,
    )

    return CORPUS.by_name
