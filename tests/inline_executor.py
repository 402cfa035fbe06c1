"""An executor for tests."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool


class Inline(Executor):
    """Works in this process, at once; breaks when it is told to."""

    def __init__(self, break_after=None, error=BrokenProcessPool):
        self.count, self.break_after, self.error = 0, break_after, error

    def submit(self, work, *arguments):
        if self.count == self.break_after:
            raise self.error("as told")
        self.count += 1
        future = Future()
        future.set_result(work(*arguments))
        return future
