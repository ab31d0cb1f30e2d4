"""The command line, as `python -m siphonbench` and as the command siphonbench."""


def main() -> None:
    """Run the command line."""
    from siphonbench.cli.main import app

    app()


if __name__ == "__main__":
    main()
