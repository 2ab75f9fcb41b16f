"""The plot beside an audit: how wide hidden cells stay, and what hiding cost. Drawn from the report alone."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emtp_assets.audit.report import AuditReport

RED, BLUE, GREY = "#b3261e", "#1f5fa8", "#9aa5b1"


def drawn(report: AuditReport) -> str:
    """The plot as SVG text, the same bytes for the same report."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": report.release_id, "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        widths, costs = figure.subplots(1, 2)
        bins = report.bins()
        bars = widths.bar(
            range(len(bins)), [n for _, n in bins], color=[RED if i < 2 else BLUE for i in range(len(bins))]
        )
        widths.bar_label(bars)
        widths.set_xticks(range(len(bins)), [name for name, _ in bins])
        widths.set_title(
            f"Celdas suprimidas por distancia entre sus valores posibles\n(rojo: menos de {report.minimum - 1})"
        )
        widths.set_xlabel("distancia")
        last = max((t.year for t in report.tables), default=None)
        rows = [t for t in report.tables if t.year == last][::-1]
        places = range(len(rows))
        hidden = [100 * t.hidden / t.cells for t in rows]
        people = [100 * (t.people_hidden or 0) / t.people if t.people else 0.0 for t in rows]
        costs.barh([p + 0.2 for p in places], hidden, height=0.38, color=GREY, label="cifras suprimidas")
        costs.barh([p - 0.2 for p in places], people, height=0.38, color=BLUE, label="personas en filas suprimidas")
        costs.set_yticks(list(places), [t.table for t in rows])
        costs.set_xlabel("%")
        costs.set_title(f"Lo que costó, {last}" if last else "Sin conteos")
        if rows:
            costs.legend(loc="best")
        for axes in (widths, costs):
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(report.summary(), fontsize=8, color=GREY if report.passed else RED)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()
