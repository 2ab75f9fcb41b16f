"""The Data Docs: a static site with the latest validation of each dataset and year. It judges nothing.

Great Expectations renders the pages. Its own page frame loads styles and scripts from a dozen outside hosts,
so ours takes its place: the site works without a network and tells nobody who reads it.
"""

from __future__ import annotations

import fcntl
import html
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from emtp_assets.contracts import Contract, Severity
from emtp_assets.partitions import TIMEZONE
from emtp_assets.quality.outcome import Outcome, number
from emtp_assets.quality.rules import Rule
from emtp_assets.settings import Settings

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

INDEX = "index.html"

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem 1.5rem;color:#1b1b1b}
header{border-bottom:2px solid #0a3d7a;margin-bottom:1rem;padding-bottom:.5rem}
h1{font-size:1.4rem;margin:.2rem 0}h2,h3,h4,h5{font-size:1.05rem;margin:1.2rem 0 .4rem}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}
th,td{border:1px solid #cfd6de;padding:.3rem .5rem;text-align:left;vertical-align:top}
th{background:#eef2f7}.bad{color:#a40000;font-weight:600}.warn{color:#8a5a00;font-weight:600}.good{color:#0a6b2d}
.collapse{display:block}.fa-check-circle::before{content:"✔"}
.fa-times::before,.fa-exclamation-triangle::before{content:"✘"}
.text-success{color:#0a6b2d}.text-danger{color:#a40000}.text-warning{color:#8a5a00}.d-none,.btn{display:none}
"""
_PAGE = """<!DOCTYPE html>
<html lang="es"><head><meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ emtp_title }}</title><style>{{ emtp_style }}</style></head>
<body><header><p><a href="../index.html">Todas las validaciones</a></p><h1>{{ emtp_title }}</h1>
<p>{{ emtp_note }}</p></header>
{% for section in sections %}{% set section_loop = loop -%}{% include 'section.j2' %}{% endfor %}
</body></html>
"""
_SPANISH = {
    "Overview": "Resumen",
    "Statistics": "Cifras",
    "Evaluated Expectations": "Reglas evaluadas",
    "Successful Expectations": "Reglas cumplidas",
    "Unsuccessful Expectations": "Reglas incumplidas",
    "Success Percent": "Porcentaje cumplido",
    "Status": "Estado",
    "Expectation": "Regla",
    "Observed Value": "Valor observado",
    "Table-Level Expectations": "Reglas de la tabla",
    "Sampled Unexpected Values": "Ejemplos fuera de la regla",
    "Expectation Validation Result": "Resultado de la validación",
    "Evaluates whether a batch of data matches expectations.": "Si los datos del año cumplen las reglas.",
    "Show more info...": "Más información",
    "Succeeded": "Cumple",
    "Failed": "No cumple",
}


@dataclass(frozen=True)
class _Page:
    contract: Contract
    year: int
    rules: tuple[Rule, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def stem(self) -> str:
        return f"{self.contract.dataset}/{self.year}"


class DataDocs:
    """Collects validations and writes their pages in one go, under ``<data>/data_docs``.

    Adding costs nothing; `build` imports the renderer and costs some 30 ms of CPU a page. Pages of other
    datasets and years stay. Every file is put in place whole and the index last, so that whatever
    interrupts it leaves a site that works.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir / "data_docs"
        self._staging = settings.data_dir / ".staging"
        self._pages: dict[str, _Page] = {}

    @property
    def index(self) -> Path:
        """The site's front page, once built."""
        return self.folder / INDEX

    def page(self, dataset: str, year: int) -> Path:
        """Where the page of that validation is, once built."""
        return self.folder / dataset / f"{year}.html"

    def add(self, contract: Contract, rules: Sequence[Rule], outcomes: Sequence[Outcome]) -> None:
        """Keep a validation for the next `build`; of the same dataset and year the last one counts."""
        for year in sorted({o.year for o in outcomes}):
            own = tuple(o for o in outcomes if o.year == year)
            page = _Page(contract, year, tuple(rules), own)
            self._pages[page.stem] = page

    def build(self) -> Path:
        """Write the pages collected since the last build, then the index; returns the index.

        Raises:
            OSError: the disk refused; the site stays as it was, or as it was with some pages renewed.
        """
        if not self._pages and self.index.is_file():
            return self.index
        staged = self._staging / f"docs-{uuid.uuid4().hex}"
        pages = list(self._pages.values())
        self.folder.mkdir(parents=True, exist_ok=True)
        staged.mkdir(parents=True)
        try:
            render = _renderer() if pages else None
            for page in pages:
                target = staged / page.contract.dataset
                target.mkdir(exist_ok=True)
                assert render is not None
                (target / f"{page.year}.html").write_text(render(page), encoding="utf-8")
                (target / f"{page.year}.json").write_text(json.dumps(_summary(page)), encoding="utf-8")
            with _alone(self.folder / ".lock"):
                for page in pages:
                    (self.folder / page.contract.dataset).mkdir(exist_ok=True)
                    for suffix in (".html", ".json"):
                        (staged / f"{page.stem}{suffix}").replace(self.folder / f"{page.stem}{suffix}")
                (staged / INDEX).write_text(_index(self.folder), encoding="utf-8")
                (staged / INDEX).replace(self.index)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        self._pages.clear()
        return self.index


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two runs that end at once write one after the other, so that the index misses neither."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _summary(page: _Page) -> dict[str, Any]:
    failed = [o for o in page.outcomes if not o.passed]
    return {
        "dataset": page.contract.dataset,
        "title": page.contract.title,
        "year": page.year,
        "rows": max((o.total for o in page.outcomes), default=0),
        "rules": len(page.outcomes),
        "errors": sum(o.severity is Severity.ERROR for o in failed),
        "warnings": sum(o.severity is Severity.WARNING for o in failed),
        "validated": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _index(folder: Path) -> str:
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.json"))]
    summaries.sort(key=lambda s: (s["title"], -s["year"]))
    rows = []
    for s in summaries:
        moment = datetime.fromisoformat(s["validated"]).astimezone(ZoneInfo(TIMEZONE))
        link = f'<a href="{s["dataset"]}/{s["year"]}.html">{s["year"]}</a>'
        errors = f'<span class="{"bad" if s["errors"] else "good"}">{s["errors"]}</span>'
        warnings = f'<span class="{"warn" if s["warnings"] else "good"}">{s["warnings"]}</span>'
        cells = (html.escape(s["title"]), link, number(s["rows"]), s["rules"], errors, warnings)
        rows.append(f"<tr>{''.join(f'<td>{c}</td>' for c in (*cells, f'{moment:%d-%m-%Y %H:%M}'))}</tr>")
    return (
        f'<!DOCTYPE html><html lang="es"><head><meta charset="UTF-8"><title>Validaciones EMTP</title>'
        f"<style>{_STYLE}</style></head><body><header><h1>Validaciones de los datos EMTP</h1>"
        "<p>Última validación de cada conjunto de datos y año académico, con Great Expectations.</p></header>"
        "<table><thead><tr><th>Conjunto</th><th>Año</th><th>Filas</th><th>Reglas</th><th>Errores</th>"
        f"<th>Advertencias</th><th>Validado</th></tr></thead><tbody>{''.join(rows)}</tbody></table></body></html>"
    )


def _renderer() -> Any:
    """A function from a page to its HTML. Templates are compiled once: that is most of the cost of a page."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, DictLoader

    view = DefaultJinjaPageView()
    assert view.env.loader is not None
    view.env.loader = ChoiceLoader([DictLoader({"page.j2": _PAGE}), view.env.loader])
    template = view.env.get_template("page.j2")
    renderer = ValidationResultsPageRenderer()

    def render(page: _Page) -> str:
        document = _translated(renderer.render(_as_validation_result(page)).to_json_dict())
        return template.render(
            document,
            emtp_title=f"{page.contract.title} · {page.year}",
            emtp_style=_STYLE,
            emtp_note="Los ejemplos de columnas con datos personales no se guardan ni se muestran.",
        )

    return render


def _translated(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _translated(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_translated(value) for value in node]
    return _SPANISH.get(node, node) if isinstance(node, str) else node


def _escaped(value: str | float | None) -> str | float | None:
    """Text of a delivery as harmless HTML: Great Expectations writes cells as they come."""
    return html.escape(value) if isinstance(value, str) else value


def _as_validation_result(page: _Page) -> ExpectationSuiteValidationResult:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    by_id = {rule.id: rule for rule in page.rules}
    results = []
    for outcome in page.outcomes:
        rule = by_id[outcome.rule]
        error = outcome.severity is Severity.ERROR
        results.append(
            ExpectationValidationResult(
                success=outcome.passed,
                expectation_config=ExpectationConfiguration(
                    type=rule.expectation,
                    kwargs=dict(rule.kwargs),
                    meta={"regla": rule.id},
                    description=outcome.description,
                    severity=FailureSeverity.CRITICAL if error else FailureSeverity.WARNING,
                ),
                result={
                    "observed_value": _escaped(outcome.observed),
                    "element_count": outcome.total,
                    "unexpected_count": outcome.unexpected_count,
                    "unexpected_percent": 100 * outcome.unexpected_count / max(outcome.total, 1),
                    "partial_unexpected_list": [_escaped(example) for example in outcome.examples or ()],
                },
            )
        )
    passed = sum(o.passed for o in page.outcomes)
    return ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=page.contract.dataset,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / max(len(results), 1),
        },
        meta={
            "run_id": RunIdentifier(run_name=str(page.year), run_time=datetime.now(UTC)),
            "active_batch_definition": {},
        },
    )
