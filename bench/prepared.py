"""Runs that the benchmarks share, kept in `runs/bench`: synthesised and placed at 7 x 7 tiles."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from designs import DESIGNS

from voltile.core import VoltileError
from voltile.flows import RunConfig, RunResult, run

FOLDER = Path(__file__).resolve().parent.parent / "runs" / "bench"
GRIDS = {"mac": (1, 1), "grid-2x2": (2, 2), "grid-4x4": (4, 4)}
PREPARED = (*GRIDS, *DESIGNS)


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows a description as it stands."""
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=form)


@contextmanager
def faults_through(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Make one line and exit code 2 of an input that cannot be used."""
    try:
        yield
    except VoltileError as fault:
        parser.exit(2, f"{fault}\n")


def prepared(name: str, tiles: tuple[int, ...] = (7,), tech: str = RunConfig.tech) -> RunResult:
    """Return the finished run of a design: one of `GRIDS`, or of `designs.DESIGNS`."""
    if name in GRIDS:
        config = RunConfig(grid=GRIDS[name], tiles=tiles, tech=tech)
    else:
        sources = DESIGNS[name]()
        config = RunConfig(files=tuple(sources.files), top=sources.top, tiles=tiles, tech=tech)
    out = FOLDER / (name if tech == RunConfig.tech else f"{name}-{tech}")
    return run(config, out, lambda line: print(f"{name}: {line}", file=sys.stderr))
