"""The typed view of a contract that the rest of the code reads. Parsing YAML is `registry`'s business."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty

from emtp_assets.contracts.values import IdentifierForm, LogicalType


class ContractError(ValueError):
    """A contract that contradicts itself or this reader; raised when the contracts are loaded."""


class Classification(StrEnum):
    """How near a column comes to a person (Ley 21.719, art. 2; the usual terms of disclosure control)."""

    DIRECT_IDENTIFIER = "direct_identifier"
    QUASI_IDENTIFIER = "quasi_identifier"
    SENSITIVE = "sensitive"
    PUBLIC = "public"


class Treatment(StrEnum):
    """What cleaning does with a column: keep it, replace it by a keyed pseudonym, or leave it in raw."""

    KEEP = "keep"
    PSEUDONYM = "pseudonym"
    RAW_ONLY = "raw_only"


class Severity(StrEnum):
    """``ERROR`` blocks everything downstream; ``WARNING`` is shown and counted."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Column:
    """One official column and the cleaned column it becomes.

    ``full_access_only``: a query does not even ask for it unless the instance works in privacy mode C.
    ``sentinels``: the values that the official dictionary gives for "no information", written as the type is.
    ``identifier``: the form of an identifier or code that is text; None for any other text. ``provisional``: the
    official column that has the provisional identifier of a person of whom this one says nothing yet. ``numbers``: its
    texts may be numbers as long as a person's, which in other texts are taken for one and not read.
    """

    name: str
    official: str
    aliases: tuple[str, ...]
    sige_view: str | None
    type: LogicalType
    description: str
    classification: Classification
    treatment: Treatment
    required: bool
    key: bool
    years: tuple[tuple[int, int], ...]
    minimum: float | None
    maximum: float | None
    pattern: str | None
    code_list: str | None
    full_access_only: bool
    sentinels: tuple[str, ...]
    identifier: IdentifierForm | None
    provisional: str | None = None
    numbers: bool = False

    def in_year(self, year: int) -> bool:
        """Whether the official record schema lists the column for that academic year."""
        return any(first <= year <= last for first, last in self.years)

    def asked_for(self, *, full_access: bool) -> bool:
        """Whether a query asks for the column.

        What ends in raw is not asked for at all; names and dates of birth only with full access (privacy mode C).
        Ley 19.628, art. 3 c as Ley 21.719 rewrites it (proportionality): only the data that the purpose needs.
        """
        if self.full_access_only:
            return full_access
        return self.treatment is not Treatment.RAW_ONLY

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every header, upper case, under which the column may arrive; the official name first."""
        names = [self.official, *self.aliases, *([self.sige_view] if self.sige_view else [])]
        return tuple(dict.fromkeys(name.upper() for name in names))


@dataclass(frozen=True)
class QualityRule:
    """A rule that the columns alone do not imply: a Great Expectations expectation with its severity.

    ``kwargs`` name cleaned columns.
    """

    id: str
    description: str
    severity: Severity
    expectation: str
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """Which rows are EMTP: one of ``columns`` (official) has a code of ``code_list`` flagged ``where``."""

    columns: tuple[str, ...]
    code_list: str
    where: str


@dataclass(frozen=True)
class Contract:
    """One dataset's contract. ``columns`` stand in the newest official order.

    ``sources``: in order of preference. ``fallback``: whether the next is asked when one fails. ``locations``: by
    source, the file (``{year}`` and ``*`` stand for themselves) or resource that it is asked for.
    ``fresh_within_days``: how old the newest data may be where files are issued once a year;
    ``fresh_within_days_live``: where a system is asked every week. ``sige_filter``: by official column, the values
    that a row of the view must have; the official files bring no others. ``row_change_tolerated`` and
    ``blank_change_tolerated``: how much of itself the number of rows may change from one year to the next, and how
    many points (as a share) the blanks of a column.
    """

    dataset: str
    title: str
    description: str
    limitations: str
    grain: str
    owner: str
    version: str
    columns: tuple[Column, ...]
    rules: tuple[QualityRule, ...]
    year_column: str
    signature: tuple[str, ...]
    scope: Scope | None
    sources: tuple[str, ...]
    fallback: bool
    locations: dict[str, str]
    cut: str
    fresh_within_days: int
    fresh_within_days_live: int
    available: tuple[int, int, int]
    live: tuple[int, int, int]
    row_change_tolerated: float
    blank_change_tolerated: float
    sige_view: str | None
    sige_filter: dict[str, tuple[str, ...]]
    odcs: OpenDataContractStandard = field(repr=False, compare=False)

    @property
    def key(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.key)

    @property
    def cleaned_columns(self) -> tuple[Column, ...]:
        """What the cleaned table carries: everything but what stays in raw."""
        return tuple(c for c in self.columns if c.treatment is not Treatment.RAW_ONLY)

    @property
    def direct_identifiers(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.classification is Classification.DIRECT_IDENTIFIER)

    def available_from(self, year: int) -> date:
        """From when that year's official file can be expected; before it, its absence is no failure."""
        month, day, years_after = self.available
        return date(year + years_after, month, day)

    def live_from(self, year: int) -> date:
        """From when a system that is asked (not a file that is issued) can be expected to know the year."""
        month, day, years_after = self.live
        return date(year + years_after, month, day)

    def official_columns(self, year: int) -> tuple[Column, ...]:
        """The columns of that year's official file, in order."""
        return tuple(c for c in self.columns if c.in_year(year))

    def column_spelled(self, header: str) -> Column | None:
        """The column that a header cell names, whatever its case; None when no column is so named."""
        return self._by_spelling.get(header.strip().upper())

    @property
    def _by_spelling(self) -> dict[str, Column]:
        cached = self.__dict__.get("_spellings")
        if cached is None:
            cached = {spelling: column for column in self.columns for spelling in column.spellings}
            object.__setattr__(self, "_spellings", cached)
        return cached


def _custom(element: Any) -> dict[str, Any]:
    return {p.property: p.value for p in (element.customProperties or []) if p.property}


def _years(spec: Any) -> tuple[tuple[int, int], ...]:
    """``"2004-2009, 2013-"`` → ((2004, 2009), (2013, 9999)); unsaid means every year, "none" no file."""
    if spec == "none":
        return ()
    if spec in (None, ""):
        return ((0, 9999),)
    ranges = []
    for part in str(spec).split(","):
        first, dash, last = part.strip().partition("-")
        ranges.append((int(first), int(last) if last.strip() else (9999 if dash else int(first))))
    return tuple(ranges)


def _available(spec: dict[str, Any]) -> tuple[int, int, int]:
    """``{day: "09-15", yearsAfter: 1}`` → (9, 15, 1); nothing said means the first day of the academic year."""
    month, day = (int(part) for part in str(spec.get("day", "03-01")).split("-"))
    return month, day, int(spec.get("yearsAfter", 0))


def _column(prop: SchemaProperty) -> Column:
    custom = _custom(prop)
    options = prop.logicalTypeOptions or {}
    if not prop.name or not prop.physicalName or not prop.description:
        raise ContractError(f"propiedad {prop.name!r}: faltan name, physicalName o description")
    logical = LogicalType("year_month" if custom.get("format") == "AAAAMM" else (prop.logicalType or "string"))
    treatment = Treatment(custom.get("treatment", "keep"))
    sentinels = tuple(str(value) for value in custom.get("sentinels", ()))
    if wrong := [value for value in sentinels if not logical.holds(value)]:
        raise ContractError(f"{prop.name}: centinelas que no son de tipo {logical}: {', '.join(wrong)}")
    form = custom.get("identifierForm", IdentifierForm.DIGITS if treatment is Treatment.PSEUDONYM else None)
    if form is not None and logical is not LogicalType.STRING:
        raise ContractError(f"{prop.name}: identifierForm es de columnas de texto, no de tipo {logical}")
    return Column(
        name=prop.name,
        official=prop.physicalName,
        aliases=tuple(custom.get("aliases", ())),
        sige_view=custom.get("sigeView"),
        type=logical,
        description=prop.description.strip(),
        classification=Classification(prop.classification or "public"),
        treatment=treatment,
        required=bool(prop.required),
        key=bool(prop.primaryKey),
        years=_years(custom.get("years")),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        pattern=options.get("pattern"),
        code_list=custom.get("codeList"),
        full_access_only=bool(custom.get("fullAccessOnly", False)),
        sentinels=sentinels,
        identifier=IdentifierForm(form) if form is not None else None,
        provisional=custom.get("provisional"),
        numbers=bool(custom.get("numbers", False)),
    )


def _rules(table: SchemaObject) -> tuple[QualityRule, ...]:
    rules = []
    for quality in table.quality or []:
        implementation = quality.implementation
        if quality.engine != "greatExpectations" or not isinstance(implementation, dict) or not quality.name:
            raise ContractError(f"{table.name}: regla {quality.name!r} sin expectativa de Great Expectations")
        rules.append(
            QualityRule(
                id=quality.name,
                description=(quality.description or quality.name).strip(),
                severity=Severity(quality.severity or "warning"),
                expectation=implementation["type"],
                kwargs=dict(implementation.get("kwargs", {})),
            )
        )
    return tuple(rules)


def contract_from_odcs(odcs: OpenDataContractStandard) -> Contract:
    """Read an ODCS 3.1 document as a contract of ours.

    Raises:
        ContractError: the document lacks a part this product needs, or contradicts itself.
    """
    if not odcs.schema_ or len(odcs.schema_) != 1:
        raise ContractError(f"{odcs.name}: un contrato describe exactamente una tabla")
    table = odcs.schema_[0]
    custom = _custom(table)
    columns = tuple(_column(prop) for prop in table.properties or [])
    sla = {s.property: s.value for s in odcs.slaProperties or []}
    description = odcs.description
    scope = custom.get("scope")
    owner = odcs.team.name if odcs.team and not isinstance(odcs.team, list) else None
    contract = Contract(
        dataset=table.name or "",
        title=table.businessName or table.name or "",
        description=((description.purpose if description else None) or table.description or "").strip(),
        limitations=((description.limitations if description else None) or "").strip(),
        grain=(table.dataGranularityDescription or "").strip(),
        owner=owner or "",
        version=odcs.version or "0",
        columns=columns,
        rules=_rules(table),
        year_column=custom.get("yearColumn", "AGNO"),
        signature=tuple(custom.get("signature", ())),
        scope=Scope(tuple(scope["columns"]), scope["codeList"], scope["where"]) if scope else None,
        sources=tuple(custom.get("sources", ("carpeta",))),
        fallback=bool(custom.get("fallback", True)),
        locations=dict(custom.get("locations", {})),
        cut=str(custom.get("cut", "")),
        fresh_within_days=int(sla.get("freshness") or 400),
        fresh_within_days_live=int(custom.get("freshWithinDaysLive", 10)),
        available=_available(custom.get("availableFrom", {})),
        live=_available(custom.get("liveFrom") or custom.get("availableFrom", {})),
        row_change_tolerated=float(custom.get("rowChangeTolerated", 0.3)),
        blank_change_tolerated=float(custom.get("blankChangeTolerated", 0.15)),
        sige_view=custom.get("sigeView"),
        sige_filter={name: tuple(map(str, kept)) for name, kept in custom.get("sigeFilter", {}).items()},
        odcs=odcs,
    )
    _consistent(contract)
    return contract


def _consistent(contract: Contract) -> None:
    names = [c.name for c in contract.columns]
    twice = {n for n in names if names.count(n) > 1}
    spellings: dict[str, str] = {}
    for column in contract.columns:
        for spelling in column.spellings:
            owner = spellings.setdefault(spelling, column.name)
            if owner != column.name:
                twice.add(f"{spelling} ({owner}, {column.name})")
    if twice:
        raise ContractError(f"{contract.dataset}: nombres repetidos: {', '.join(sorted(twice))}")
    officials = {c.official for c in contract.columns}
    scope = contract.scope.columns if contract.scope else ()
    provisional = {c.provisional for c in contract.columns if c.provisional}
    wanted = {contract.year_column, *contract.signature, *scope, *contract.sige_filter, *provisional}
    if missing := wanted - officials:
        raise ContractError(f"{contract.dataset}: columnas no descritas: {', '.join(sorted(missing))}")
    for column in contract.columns:
        if column.classification is Classification.DIRECT_IDENTIFIER and column.treatment is Treatment.KEEP:
            raise ContractError(f"{contract.dataset}.{column.name}: un identificador directo no se conserva")
