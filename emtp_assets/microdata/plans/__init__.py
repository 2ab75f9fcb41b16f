"""Microdata plans: which columns of a person leave, how coarse they may become, which never leave. No table is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from emtp_assets.contracts import Classification, Contract, contract_for

FOLDER = Path(__file__).parent
MICRODATA_SETS = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
"""The datasets about persons: a dataset without plan gives no microdata."""

_GUARDED = {Classification.DIRECT_IDENTIFIER, Classification.QUASI_IDENTIFIER, Classification.SENSITIVE}


class MicrodataPlanError(ValueError):
    """A plan that leaves a column of a person undecided, or names one that does not exist."""


@dataclass(frozen=True)
class Level:
    """One way to write a column: its name in Spanish, and DuckDB SQL over the columns that it is made from."""

    name: str
    sql: str


@dataclass(frozen=True)
class Quasi:
    """A published column by which somebody could be told apart, from its finest admissible form to the coarsest.

    ``made_from``: cleaned columns; the loss is measured against them. After the last level comes "not published".
    """

    name: str
    description: str
    made_from: tuple[str, ...]
    weight: float
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Sensitive:
    """A published column that nobody is known by, but that says something about him."""

    name: str
    description: str
    made_from: tuple[str, ...]
    sql: str


@dataclass(frozen=True)
class MicrodataPlan:
    """What leaves of one dataset: ``person`` is the cleaned column of the pseudonym, ``prefer`` orders the rows of a
    person of whom there are several (the first is kept), ``only`` are the rows that are delivered (SQL)."""

    dataset: str
    subject: str
    person: str
    prefer: str | None
    only: str | None
    quasi: tuple[Quasi, ...]
    sensitive: tuple[Sensitive, ...]
    withheld: dict[str, str]

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The cleaned columns that reach a published one, in order."""
        return tuple(dict.fromkeys(c for column in (*self.quasi, *self.sensitive) for c in column.made_from))


@cache
def microdata_plan(dataset: str) -> MicrodataPlan:
    """The plan of a dataset, checked against its contract.

    Raises:
        FileNotFoundError: the dataset has none: it has no persons, or nobody decided.
        MicrodataPlanError: it names a column that cleaning does not give, or leaves one about a person undecided.
    """
    stored: dict[str, Any] = yaml.safe_load((FOLDER / f"{dataset}.yaml").read_text(encoding="utf-8"))
    plan = MicrodataPlan(
        dataset=dataset,
        subject=stored["subject"],
        person=stored["person"],
        prefer=stored.get("prefer"),
        only=stored.get("only"),
        quasi=tuple(
            Quasi(
                name=name,
                description=each["description"],
                made_from=tuple(each["from"]),
                weight=float(each["weight"]),
                levels=tuple(Level(level["name"], level["sql"]) for level in each["levels"]),
            )
            for name, each in stored["quasi_identifiers"].items()
        ),
        sensitive=tuple(
            Sensitive(name, each["description"], tuple(each["from"]), each["sql"])
            for name, each in (stored.get("sensitive") or {}).items()
        ),
        withheld=stored["withheld"],
    )
    _agrees(plan, contract_for(dataset))
    return plan


def _agrees(plan: MicrodataPlan, contract: Contract) -> None:
    cleaned = {column.name: column for column in contract.cleaned_columns}
    named = {*plan.columns_read, *plan.withheld, plan.person}
    if unknown := sorted(named - cleaned.keys()):
        raise MicrodataPlanError(
            f"El plan de microdatos de {plan.dataset} nombra columnas que la capa limpia no tiene: "
            f"{', '.join(unknown)}. Corrija emtp_assets/microdata/plans/{plan.dataset}.yaml."
        )
    if both := sorted(set(plan.withheld) & {*plan.columns_read, plan.person}):
        raise MicrodataPlanError(
            f"El plan de microdatos de {plan.dataset} entrega y retiene a la vez: {', '.join(both)}. Decida una."
        )
    guarded = {name for name, column in cleaned.items() if column.classification in _GUARDED}
    if undecided := sorted(guarded - named):
        raise MicrodataPlanError(
            f"El plan de microdatos de {plan.dataset} no decide sobre {', '.join(undecided)}: el contrato dice que "
            "acercan a una persona. Póngalas en quasi_identifiers, en sensitive o, con su razón, en withheld."
        )
    direct = {name for name, column in cleaned.items() if column.classification is Classification.DIRECT_IDENTIFIER}
    if reaching := sorted(direct & set(plan.columns_read)):
        raise MicrodataPlanError(
            f"El plan de microdatos de {plan.dataset} publicaría {', '.join(reaching)}, que identifica a una persona."
        )
