"""Arguments -> reports.

Every command imports what it needs when it runs, so that ``retention --help`` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from retention.project import Project
    from retention.reports import Archive, Order
    from retention.window import Period


class Group(click.Group):
    """A group of commands that turns the package's errors into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error made on purpose becomes one line and its exit code."""
        from retention.errors import RetentionError

        try:
            return super().invoke(ctx)
        except RetentionError as error:
            click.echo(f"retention: {error}", err=True)
            sys.exit(error.exit_code)


folder_option = click.option(
    "--project",
    "-C",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder of the project; the present one if left out.",
)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retention-research")
def main() -> None:
    """Retention research: check a company's tables and publish its periodic reports.

    Exit codes: 0 published or up to date, 1 a notebook failed, 2 usage, 3 data, 4 a gate before
    publishing, 75 try again later, 124 time limit, 130 and 143 interrupted, 138 kernel died.
    """


# init ---------------------------------------------------------------------------------------------


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="", help="Of the company; the folder's if left out.")
@click.option("--from", "files", type=click.Path(path_type=Path), help="Folder of your files.")
@click.option("--example", help="Fill it with example data: demo, telco or scanner.")
@click.option("--data-only", is_flag=True, help="Write an example's data and nothing else.")
@click.option("--customers", type=click.IntRange(1), default=2000, help="Of the demo company.")
@click.option("--seed", type=int, default=1, help="Of the demo company's chance.")
def init(
    folder: Path,
    name: str,
    files: Path | None,
    example: str | None,
    data_only: bool,
    customers: int,
    seed: int,
) -> None:
    """Lay out a project in FOLDER: retention.toml, notebooks, data, reports."""
    from retention.reports import lay_out_project

    if data_only and example is None:
        raise click.UsageError("--data-only goes with --example")
    if files is not None and example is not None:
        raise click.UsageError("give --from or --example")
    if files is not None:
        lay_out_project(folder, name, files)
        click.echo(f"{folder} is ready. Confirm in retention.toml what was proposed, then:")
        click.echo(f"retention check --project {folder}")
        return
    if example is None:
        lay_out_project(folder, name)
        click.echo(f"{folder} is ready. Say in retention.toml where your tables are, then:")
        click.echo(f"retention check --project {folder}")
        return
    from retention.datasets import lay_out_example

    lay_out_example(example, folder, n_customers=customers, seed=seed, data_only=data_only)
    if not data_only:
        from retention.reports import copy_notebooks

        copy_notebooks(folder)
    click.echo(f"{folder} has the example {example}. Now: retention report --project {folder}")


@main.command()
@folder_option
@click.option("--strict", is_flag=True, help="Exit with 3 if any row is set aside.")
@click.option("--json", "as_json", is_flag=True, help="Print data/check.json instead of text.")
def check(folder: Path, strict: bool, as_json: bool) -> None:
    """Validate the tables: what is wrong, where, and what is set aside."""
    from retention import reports

    found = reports.check_tables(folder)
    if as_json:
        click.echo(found.saved.read_text(encoding="utf-8"), nl=False)
    else:
        click.echo("\n".join(found.lines()))
        click.echo(f"page: {found.page}")
    sys.exit(found.exit_code(strict=strict))


# report -------------------------------------------------------------------------------------------


@main.command()
@folder_option
@click.option("--period", "label", help="2026-10, 2026-W41, 2026-Q3, 2026; else the latest.")
@click.option("--from", "first", help="First period of several.")
@click.option("--to", "last", help="Last period of several; else the latest.")
@click.option("--due", is_flag=True, help="Every finished period that has no report yet.")
@click.option("--only", help="Notebooks by name, with commas between.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Notebooks at once.")
@click.option("--cold", is_flag=True, help="Start every kernel afresh; do not fork them.")
@click.option("--lang", help="Language of the pages: en, zh; or both: en,zh.")
@click.option("--force", is_flag=True, help="Run even if nothing changed.")
@click.option("--notify", "command", help="Command to run after each report.")
@click.option("--mail", "address", help="Mail the summary by RETENTION_SMTP=host:port.")
@click.option("--cell-limit", type=click.IntRange(1), help="Seconds a cell may take.")
@click.option("--run-limit", type=click.IntRange(1), help="Seconds a period may take.")
@click.option("-p", "--param", "parameters", multiple=True, metavar="[NOTEBOOK.]NAME=VALUE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON record a report.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what failed.")
@click.option("-v", "--verbose", is_flag=True, help="Say also cells, seconds and memory.")
def report(
    folder: Path,
    label: str | None,
    first: str | None,
    last: str | None,
    due: bool,
    only: str | None,
    lang: str | None,
    force: bool,
    cold: bool,
    command: str | None,
    address: str | None,
    parameters: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **limits: int | None,
) -> None:
    """Make and publish reports; prints the page of each."""
    from retention.project import Project
    from retention.reports import Archive, Console, make_reports

    if quiet and verbose:
        raise click.UsageError("give --quiet or --verbose")
    if sum(map(bool, (label, first or last, due))) > 1:
        raise click.UsageError("give --period, or --from and --to, or --due")
    project = Project.load(folder)
    archive = Archive(project.root)
    order = _order(project, only, lang, force, limits, parameters)
    periods = _periods(project, archive, label, first, last, due)
    console = Console(
        out=click.echo,
        err=lambda text, ends: click.echo(text, err=True, nl=ends),
        volume="quiet" if quiet else "verbose" if verbose else "normal",
        as_json=as_json,
        changing=sys.stderr.isatty(),
    )
    if not periods:
        console.say("nothing is due")
    told = {"command": command, "address": address}
    sys.exit(make_reports(project, periods, order, console, warm=not cold, **told))


def _order(
    project: Project,
    only: str | None,
    lang: str | None,
    force: bool,
    given: dict[str, int | None],
    parameters: tuple[str, ...],
) -> Order:
    from retention.reports import Limits, Order

    settings = project.report
    return Order(
        only=tuple(name.strip() for name in only.split(",") if name.strip()) if only else (),
        **Order.language_of(lang or str(settings.get("language", "en"))),
        force=force,
        limits=Limits(
            cell_seconds=given["cell_limit"] or int(settings.get("cell_timeout", 600)),
            run_seconds=given["run_limit"] or int(settings.get("run_timeout", 7200)),
            jobs=given["jobs"] or int(settings.get("jobs", 1)),
        ),
        parameters=parameters,
    )


def _periods(
    project: Project,
    archive: Archive,
    label: str | None,
    first: str | None,
    last: str | None,
    due: bool,
) -> tuple[Period, ...]:
    from retention.reports import due_periods, latest_period, local_today, parse_period

    latest = latest_period(project)
    if due:
        return due_periods(project, archive.periods(), local_today(project))
    if first or last:
        end = parse_period(project, last) if last else latest
        return (parse_period(project, first) if first else end).through(end)
    return (parse_period(project, label) if label else latest,)


@main.command()
@folder_option
@click.option("--period", "label", required=True, help="A period with a report: 2026-10.")
@click.option("--lang", help="Language of the pages: en, zh; or both: en,zh.")
def render(folder: Path, label: str, lang: str | None) -> None:
    """Render a published report anew, in the present style, without running anything."""
    from retention.project import Project
    from retention.reports import Order, parse_period, rebuild_index, render_again

    project = Project.load(folder)
    order = Order(**Order.language_of(lang or str(project.report.get("language", "en"))))
    outcome = render_again(project, parse_period(project, label), order)
    rebuild_index(project, *order.languages)
    click.echo(f"{outcome.period}: {outcome.status}", err=True)
    click.echo(outcome.page)


@main.command()
@folder_option
@click.option("--period", "label", help="A period with a report; else the latest.")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="The file.")
@click.option("--lang", default="", help="A further language of the report: zh.")
def pdf(folder: Path, label: str | None, to: Path | None, lang: str) -> None:
    """Print a published report into one PDF, by a browser that is on this machine."""
    from retention.project import Project
    from retention.reports import latest_period, parse_period, print_report

    project = Project.load(folder)
    period = parse_period(project, label) if label else latest_period(project)
    click.echo(print_report(project.root, period, to, lang))


@main.command()
@click.argument("before")
@click.argument("after")
@folder_option
def diff(before: str, after: str, folder: Path) -> None:
    """Say what moved between two reports, BEFORE and AFTER, and what went in differently."""
    from retention.project import Project
    from retention.reports import differences, parse_period

    project = Project.load(folder)
    periods = (parse_period(project, label) for label in (before, after))
    for line in differences(project, *periods):
        click.echo(line)


@main.command()
@folder_option
@click.option("--lang", help="Language of the page.")
def index(folder: Path, lang: str | None) -> None:
    """Make reports/index.html anew from the reports that are there."""
    from retention.project import Project
    from retention.reports import Order, rebuild_index

    project = Project.load(folder)
    order = Order(**Order.language_of(lang or str(project.report.get("language", "en"))))
    click.echo(rebuild_index(project, *order.languages))


# customers ----------------------------------------------------------------------------------------

period_option = click.option("--period", "label", help="As known at its end; else the latest.")
role_option = click.option(
    "--role",
    type=click.Choice(["manager", "analyst"]),
    help="An analyst sees no names; the project's if left out.",
)


@main.command()
@folder_option
@period_option
@role_option
@click.option("--question", default="", help="A ready question; --questions lists them.")
@click.option("--questions", "ask_which", is_flag=True, help="List the ready questions.")
@click.option("--set", "values", multiple=True, metavar="COLUMN=VALUE", help="For the question.")
@click.option("--class", "value_class", default="", help="A, B or C.")
@click.option("--at-risk", is_flag=True, help="The same as --question core_at_risk.")
@click.option("--search", default="", help="Text that occurs in a name, a segment, a region ...")
@click.option("--sort", default="", help="Column; the largest first.")
@click.option("--to", "form", type=click.Choice(["table", "csv", "xlsx", "json"]), default="table")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File.")
@click.option("--limit", type=click.IntRange(1), default=50, help="Rows of a table.")
def customers(folder: Path, label: str | None, role: str | None, **asked: Any) -> None:
    """List the customers: ranked, chosen by a question, a class or a search."""
    from retention.reports import register as kept

    if asked.pop("ask_which"):
        click.echo("\n".join(kept.question_lines(folder, label)))
        return
    click.echo(kept.answer_customers(folder, label, role, **asked))


@main.command()
@click.argument("customer")
@folder_option
@period_option
@role_option
def customer(customer: str, folder: Path, label: str | None, role: str | None) -> None:
    """Print the sheet of one CUSTOMER, by key."""
    from retention.reports import register as kept

    click.echo("\n".join(kept.answer_customer(folder, label, role, customer)))


# running it every month ---------------------------------------------------------------------------


@main.command()
@click.argument("kind", type=click.Choice(["cron", "systemd", "windows", "airflow", "github"]))
@folder_option
def schedule(kind: str, folder: Path) -> None:
    """Print a recipe that runs `retention report --due` every night."""
    from retention.reports import schedule_recipe

    click.echo(schedule_recipe(kind, folder.resolve(), sys.executable))


@main.command()
@folder_option
def doctor(folder: Path) -> None:
    """Say whether this machine is ready: kernel, fonts, write access, versions."""
    from retention.reports import examine_machine

    findings = examine_machine(folder)
    for finding in findings:
        click.echo(f"{'ok ' if finding.good else 'BAD'}  {finding.what}: {finding.detail}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)
