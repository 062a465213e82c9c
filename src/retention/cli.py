"""Arguments -> reports."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retention-research")
def main() -> None:
    """Retention research: check a company's tables and publish its periodic reports."""


@main.command()
@click.option("--project", "folder", default=".", help="Folder of retention.toml.", metavar="DIR")
@click.option("--strict", is_flag=True, help="Exit with 3 if any row is set aside.")
@click.option("--json", "as_json", is_flag=True, help="Print data/check.json instead of text.")
@click.pass_context
def check(context: click.Context, folder: str, strict: bool, as_json: bool) -> None:
    """Validate the tables: what is wrong, where, and what is set aside."""
    from retention import reports
    from retention.errors import RetentionError

    try:
        report, (page, saved) = reports.check_tables(folder)
    except RetentionError as error:
        click.echo(str(error), err=True)
        context.exit(error.exit_code)
    if as_json:
        click.echo(saved.read_text(encoding="utf-8"), nl=False)
    else:
        click.echo("\n".join(reports.check_lines(report)))
        click.echo(f"page: {page}")
    context.exit(reports.exit_code(report, strict=strict))
