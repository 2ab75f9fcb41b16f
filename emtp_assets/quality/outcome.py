"""What a rule gave on a year, and how years become one Dagster check result. Nothing is evaluated here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from emtp_assets.contracts import Severity

EXAMPLES = 5
WITHHELD = "no se muestran: la columna trae datos personales"


@dataclass(frozen=True)
class Outcome:
    """One rule on one academic year.

    ``observed`` is what was found, in words or as a number; ``unexpected_count`` of ``total`` rows break the
    rule. ``examples`` are distinct values that break it, at most five; None withholds them, because the
    column is personal. ``detail``: what else there is to read, as Markdown.
    """

    rule: str
    year: int
    passed: bool
    severity: Severity
    observed: str | int | float | None
    unexpected_count: int
    total: int
    examples: tuple[str, ...] | None
    description: str
    detail: str = ""


def blocking_failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes that forbid promotion: failed rules of severity error."""
    return [o for o in outcomes if not o.passed and o.severity is Severity.ERROR]


def to_check_results(
    outcomes: Iterable[Outcome], asset_key: dg.AssetKey | str, docs: Path | str | None = None
) -> list[dg.AssetCheckResult]:
    """One result a rule, its years combined: passed only when every year passed.

    ``docs`` is where the Data Docs of the run are found (a path, or a URL when they are served).
    Results come in the order in which the rules first appear.
    """
    by_rule: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_rule.setdefault(outcome.rule, []).append(outcome)
    key = dg.AssetKey.from_coercible(asset_key)
    return [_combined(sorted(group, key=lambda o: o.year), key, docs) for group in by_rule.values()]


def number(value: float) -> str:
    """A number as Chileans write it: 250.000, 3,5."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    return text.translate(str.maketrans(",.", ".,"))


def percent(share: float, *, sign: bool = False) -> str:
    """A share as Chileans write it: 12,5%."""
    return f"{share:{'+' if sign else ''}.1%}".replace(".", ",")


def _combined(group: list[Outcome], key: dg.AssetKey, docs: Path | str | None) -> dg.AssetCheckResult:
    failed = [o for o in group if not o.passed]
    severities = {o.severity for o in (failed or group)}
    error = Severity.ERROR in severities
    metadata: dict[str, dg.MetadataValue] = {
        "valor_observado": dg.MetadataValue.text(_observed(failed or group)),
        "regla": dg.MetadataValue.md(group[-1].description),
        "años": dg.MetadataValue.text(", ".join(str(o.year) for o in group)),
        "filas_evaluadas": dg.MetadataValue.int(sum(o.total for o in group)),
        "filas_fuera": dg.MetadataValue.int(sum(o.unexpected_count for o in group)),
    }
    if any(o.unexpected_count for o in group):
        metadata["ejemplos"] = dg.MetadataValue.text(_examples(group))
    if len(group) > 1:
        metadata["por_año"] = _by_year(group)
    if any(o.detail for o in group):
        metadata["detalle"] = dg.MetadataValue.md(_details(group))
    if docs is not None:
        is_url = isinstance(docs, str) and "://" in docs
        metadata["data_docs"] = dg.MetadataValue.url(str(docs)) if is_url else dg.MetadataValue.path(docs)
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=key,
        check_name=group[0].rule,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=_summary(group, failed),
    )


def _observed(group: list[Outcome]) -> str:
    texts = {o.year: "—" if o.observed is None else _value(o.observed) for o in group}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{year}: {text}" for year, text in texts.items())


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def _details(group: list[Outcome]) -> str:
    told = [o for o in group if o.detail]
    return told[0].detail if len(group) == 1 else "\n\n".join(f"### {o.year}\n\n{o.detail}" for o in told)


def _examples(group: list[Outcome]) -> str:
    if any(o.examples is None for o in group):
        return WITHHELD
    seen = dict.fromkeys(example for o in group for example in o.examples or ())
    return ", ".join(list(seen)[:EXAMPLES]) or "—"


def _summary(group: list[Outcome], failed: list[Outcome]) -> str:
    if not failed:
        return f"Cumple en {len(group)} años." if len(group) > 1 else "Cumple."
    years = ", ".join(str(o.year) for o in failed)
    out, total = sum(o.unexpected_count for o in failed), sum(o.total for o in failed)
    if out:
        return f"No cumple en {years}: {number(out)} de {number(total)} filas. {failed[0].description}"
    return f"No cumple en {years}: {_observed(failed)}. {failed[0].description}"


def _by_year(group: list[Outcome]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "año": o.year,
                "resultado": "cumple" if o.passed else "no cumple",
                "valor_observado": "—" if o.observed is None else _value(o.observed),
                "filas_evaluadas": o.total,
                "filas_fuera": o.unexpected_count,
            }
        )
        for o in group
    ]
    return dg.MetadataValue.table(records=records)
