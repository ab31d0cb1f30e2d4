"""The command line, as `python -m siphonbench` and as the command siphonbench."""

import io
import sys


def main() -> None:
    """Run the command line; what the terminal can't show is replaced, so that no name ends a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    from siphonbench.cli.main import app

    app()


if __name__ == "__main__":
    main()
