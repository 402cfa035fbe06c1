"""What the flow tests share."""

import sys

import pytest

from voltile.flows.cli import main


def pytest_configure(config):
    # Elements that a test builds to ask them something are never elaborated.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")


@pytest.fixture
def voltile(monkeypatch, capsys, tmp_path):
    """Runs the command line in an empty folder; gives exit code, output and error text."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["voltile", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return call
