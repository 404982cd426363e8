"""Run the pipelines without a Kedro project, from an installed wheel and a folder conf/.

    collaborative-autoencoders --env test --conf-source path/to/conf

The command takes the options of `kedro run`. `python -m collaborative_autoencoders` does the same.
"""

import sys
from typing import Any

from kedro.framework.project import configure_project

from .cli import run


def main(*arguments: Any, **options: Any) -> Any:
    """Run as a command or, in an interactive session, return the outputs of the run."""
    configure_project("collaborative_autoencoders")
    return run(*arguments, **{"standalone_mode": not hasattr(sys, "ps1")} | options)


if __name__ == "__main__":
    main()
