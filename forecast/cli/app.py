"""The command `forecast`: what it offers, and the status it ends with.

0 done; 1 our fault, with a traceback; 2 the input has to be mended, with a message; 3 a disk is
full; 4 training failed, for no member stayed finite or memory did not suffice; 130 and 143 stopped
by Ctrl-C and by SIGTERM. After 3, 130 and 143 the same command goes on where it was.
"""

from __future__ import annotations

import typer

from forecast import __version__
from forecast.cli import check, model, page, run, serve, study, upkeep
from forecast.cli.outcome import Commands

app = typer.Typer(
    cls=Commands,
    name="forecast",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: [bold]forecast run airline[/]",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"forecast {__version__}")
        raise typer.Exit


@app.callback()
def describe(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version."
    ),
) -> None:
    """Forecast time series with error-correction networks, honestly compared."""


app.command("run")(run.run)
app.command("fit")(model.fit)
app.command("predict")(model.predict)
app.command("serve")(serve.serve)
app.command("explain")(model.explain)
app.command("backtest")(run.backtest)
app.command("study")(study.study)
app.command("ui")(page.ui)
app.command("sync")(upkeep.sync)
app.command("relocate")(upkeep.relocate)
app.command("schema")(check.schema)
app.command("validate")(check.validate)
app.command("list")(check.list_parts)
app.command("doctor")(page.doctor)


def main() -> None:
    """Run the command; the console entry."""
    app()
