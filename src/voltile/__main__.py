"""`python -m voltile`: the command line."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it without a word, also while modules are being read."""
    try:
        from voltile.flows.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
