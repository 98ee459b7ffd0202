"""One page a run: what was found, as an HTML file that stands alone.

A page asks no network for anything: plotly's code, the data and the style lie in it. What tells the
result, the verdict and the tables, is plain HTML, and pictures stand where scripts may not run.
plotly and jinja2 are loaded when the first page is made.
"""

from __future__ import annotations

from forecast.report.findings import Findings


def make(findings: Findings) -> bytes:
    """Return the page of a run, as the bytes of an HTML file.

    Parameters
    ----------
    findings : Findings
    """
    from forecast.report.page import render
    from forecast.report.sections import page

    return render(page(findings))


__all__ = ["Findings", "make"]
