"""`python -m voltile`: the command line."""

from voltile.flows.cli import main

if __name__ == "__main__":
    main()
