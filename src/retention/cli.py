"""Arguments -> reports."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retention-research")
def main() -> None:
    """Retention research: check a company's tables and publish its periodic reports."""
