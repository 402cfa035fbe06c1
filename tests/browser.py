"""A headless Chromium, driven over the DevTools protocol on a pipe."""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time

CHROMIUM = shutil.which("chromium")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE = 60.0


class Browser:
    """One tab; a context manager that ends all processes of the browser.

    Attributes
    ----------
    faults : list of str
        Errors and warnings of the console, and exceptions that no script caught.
    """

    def __init__(self, folder):
        # The protocol is spoken over file descriptors 3 and 4 of the browser.
        to_read, self._commands = _pipe()
        self._events, to_write = _pipe()

        def join():
            os.dup2(to_read, 3)
            os.dup2(to_write, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder}"], preexec_fn=join, close_fds=False,
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(folder)},
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._rest, self._count, self._session = b"", 0, None
        self.faults, self._seen = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Runtime", "Page", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._commands)
        os.close(self._events)

    def open(self, url, width=1100, height=900):
        """Open a page and wait until it is loaded and drawn."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        self.faults.clear()
        self._seen.clear()
        self.call("Page.navigate", url=url)
        self._wait(lambda: "Page.loadEventFired" in self._seen)
        self.settle()

    def settle(self):
        """Wait until what was asked for is on the canvas."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script):
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def mouse(self, kind, x, y, **options):
        """Send a mouse event at a point of the window."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **options)

    def press(self, key):
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def call(self, method, **parameters):
        """Send a command; return its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        answers = []
        self._wait(lambda: answers, answers.append, self._count)
        assert "error" not in answers[0], (method, answers[0]["error"])
        return answers[0]["result"]

    def _wait(self, done, answer=lambda _: None, number=None):
        end = time.monotonic() + _PATIENCE
        while not done():
            left = end - time.monotonic()
            if left < 0 or not select.select([self._events], [], [], left)[0]:
                raise TimeoutError("chromium does not answer")
            got = os.read(self._events, 1 << 20)
            if not got:
                raise EOFError("chromium has ended")
            *messages, self._rest = (self._rest + got).split(b"\0")
            for message in map(json.loads, messages):
                if "method" in message:
                    self._note(message["method"], message["params"])
                elif message["id"] == number:
                    answer(message)

    def _note(self, method, event):
        self._seen.append(method)
        if method == "Runtime.exceptionThrown":
            self.faults.append(str(event["exceptionDetails"]))
        if method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.faults.append(str(event["args"]))
        if method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.faults.append(event["entry"]["text"])
        if method == "Network.requestWillBeSent" and not event["request"]["url"].startswith(
            ("file:", "data:", "about:")
        ):
            self.faults.append(f"asked for {event['request']['url']}")


def _pipe():
    """Both ends of a pipe, above the descriptors that the browser wants."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high
