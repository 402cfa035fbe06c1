"""Settings of the hardware tests."""


def pytest_configure(config):
    # Components made only to be refused, or to be written, are never elaborated.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")
