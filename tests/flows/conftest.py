"""Marks that the flow tests share."""


def pytest_configure(config):
    # Elements that a test builds to ask them something are never elaborated.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")
