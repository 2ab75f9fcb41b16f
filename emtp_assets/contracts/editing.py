"""Edits of a contract's YAML as text, at the places where the parser says that each part stands.

What to change is `proposal`'s business. Comments, order and form of everything else stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import yaml


class ContractText:
    """The text of one contract, and the edits of its properties asked for so far."""

    def __init__(self, text: str) -> None:
        """Read the text's structure.

        Raises:
            ValueError: it is not the YAML of a contract with one table.
        """
        self._text = text if text.endswith("\n") else f"{text}\n"
        self._edits: list[tuple[int, int, int, str]] = []
        self._begun: set[str] = set()
        root = yaml.compose(self._text, Loader=yaml.SafeLoader)
        tables = _entry(root, "schema")
        first = tables.value[0] if isinstance(tables, yaml.SequenceNode) and tables.value else None
        properties = _entry(first, "properties")
        if not isinstance(properties, yaml.SequenceNode) or properties.flow_style or not properties.value:
            raise ValueError("el texto no es el de un contrato con una tabla y sus propiedades, una bajo otra")
        self._first = self._line_start(properties.start_mark.index)
        self._properties = {_text_of(_entry(node, "name")): node for node in properties.value}

    @property
    def edited(self) -> str:
        """The text with every edit made."""
        text = self._text
        ordered = sorted(enumerate(self._edits), key=lambda each: (each[1][0], each[1][1], each[0]), reverse=True)
        for _, (begin, _, end, put) in ordered:
            text = text[:begin] + put + text[end:]
        return text

    def insert(self, after: str | None, lines: Iterable[str]) -> None:
        """Put a property below another, or first of all; of several below the same, in the order asked for."""
        at = self._first if after is None else self._end(self._properties[after])
        self._put(at, at, "".join(f"{line}\n" for line in lines), rank=1)

    def add_alias(self, name: str, header: str) -> None:
        """One more name under which a property's column may come; ``header`` is a YAML scalar."""
        value = self._custom_value(name, "aliases")
        if value is None:
            self._add_custom(name, f"{{property: aliases, value: [{header}]}}")
        elif isinstance(value, yaml.SequenceNode) and value.flow_style:
            last = value.end_mark.index - 1
            self._put(last, last, f", {header}" if value.value else header)
        else:
            at = self._end(value)
            self._put(at, at, f"{' ' * value.start_mark.column}- {header}\n")

    def set_years(self, name: str, years: str) -> None:
        """The years in which the official file has a property's column."""
        value = self._custom_value(name, "years")
        if value is None:
            self._add_custom(name, f'{{property: years, value: "{years}"}}')
        else:
            self._put(value.start_mark.index, value.end_mark.index, f'"{years}"')

    def _add_custom(self, name: str, entry: str) -> None:
        node = self._properties[name]
        entries = _entry(node, "customProperties")
        if isinstance(entries, yaml.SequenceNode) and entries.flow_style:
            at = entries.start_mark.index + 1
            self._put(at, at, f"{entry}, " if entries.value else entry)
        elif isinstance(entries, yaml.SequenceNode):
            at = self._line_start(entries.start_mark.index)
            self._put(at, at, f"{' ' * entries.start_mark.column}- {entry}\n")
        else:
            at, indent = self._end(node), " " * node.start_mark.column
            head = "" if name in self._begun else f"{indent}customProperties:\n"
            self._begun.add(name)
            self._put(at, at, f"{head}{indent}  - {entry}\n")

    def _custom_value(self, name: str, key: str) -> yaml.Node | None:
        entries = _entry(self._properties[name], "customProperties")
        for entry in entries.value if isinstance(entries, yaml.SequenceNode) else ():
            if _text_of(_entry(entry, "property")) == key:
                return _entry(entry, "value")
        return None

    def _put(self, begin: int, end: int, text: str, *, rank: int = 0) -> None:
        """Of two texts put at one place, that of the lower rank stands first: a property ends, another begins."""
        self._edits.append((begin, rank, end, text))

    def _end(self, node: yaml.Node) -> int:
        """Where the line after a node's last begins. Of folded text the parser also counts the blank lines below."""
        last = len(self._text[: _last(node)].rstrip())
        return self._text.index("\n", last) + 1

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1


def _entry(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs: Sequence[tuple[yaml.Node, yaml.Node]] = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _text_of(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _last(node: yaml.Node) -> int:
    """Where a node's last leaf ends: a block collection's own end is the beginning of what follows it."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last(node.value[-1])
    return node.end_mark.index
