"""`python -m trimtab` and the `trimtab` command."""

from trimtab.cli.app import app


def main() -> None:
    app()


if __name__ == "__main__":
    main()
