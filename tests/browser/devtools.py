"""A headless Chromium, told what to do over its DevTools protocol: one socket, commands out, events in.

No test library for browsers is needed for that: the socket is websocket-client, which JupyterLab brings.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import websocket

PATIENCE = 60.0
"""Seconds that Chromium has to start, and a page to do what is waited for."""


def chromium() -> str | None:
    """The Chromium of this machine."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))),
        None,
    )


class Tab:
    """One page: what it asked the network for, what it wrote to its console, and its exceptions."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self._count = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        self._socket.close()

    def send(self, method: str, **given: Any) -> dict[str, Any]:
        """Give a command and its answer; events that come before it are kept."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": given}))
        while True:
            heard = json.loads(self._socket.recv())
            if heard.get("id") == self._count:
                assert "error" not in heard, heard
                return dict(heard["result"])
            self.events.append(heard)

    def open(self, address: str) -> None:
        """Go there, and wait until all of it is loaded."""
        self.send("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, script: str) -> Any:
        """Run a script of the test and give its value."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, patience: float = PATIENCE) -> Any:
        """Wait until a script gives something true, listening to the browser between two looks."""
        end = time.monotonic() + patience
        while not (found := self.value(script)):
            assert time.monotonic() < end, f"waited {patience:.0f} s for {script}"
            self._socket.settimeout(0.1)
            with suppress(websocket.WebSocketTimeoutException):
                self.events.append(json.loads(self._socket.recv()))
            self._socket.settimeout(PATIENCE)
        return found

    def requests(self) -> list[str]:
        """What the network was asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions, and what the page's policy refused."""
        return [text for event in self.events if (text := _complaint(event))]

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Keep a screenshot."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def paper(self, path: Path) -> None:
        """Keep the page as it prints, on the paper that it asks for."""
        printed = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(printed["data"]))

    def looks(self, *, width: int = 1100, height: int = 1400, **media: str) -> None:
        """Set the window, and what the page is told of its reader, such as prefers_color_scheme="dark"."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.send("Emulation.setEmulatedMedia", features=features)


def _complaint(event: dict[str, Any]) -> str:
    given = event.get("params", {})
    if event["method"] == "Runtime.exceptionThrown":
        return str(given["exceptionDetails"])
    if event["method"] == "Runtime.consoleAPICalled" and given["type"] in {"error", "warning", "assert"}:
        return f"{given['type']}: {[one.get('value', one.get('description')) for one in given['args']]}"
    if event["method"] == "Log.entryAdded" and given["entry"]["level"] in {"error", "warning"}:
        return f"{given['entry']['source']}: {given['entry']['text']} {given['entry'].get('url', '')}"
    if event["method"] == "Page.javascriptDialogOpening":
        return f"dialog: {given['message']}"
    return ""


@contextmanager
def browser(program: str) -> Iterator[Callable[[], Tab]]:
    """A Chromium with a profile of its own, which opens tabs; ended with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        tabs: list[Tab] = []
        try:
            port = _port(Path(profile) / "DevToolsActivePort", process)

            def opened() -> Tab:
                tabs.append(Tab(_new_page(port)))
                return tabs[-1]

            yield opened
        finally:
            for tab in tabs:
                tab.close()
            process.terminate()
            process.wait(PATIENCE)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    """Where Chromium listens, once it says so."""
    end = time.monotonic() + PATIENCE
    while not (file.exists() and file.read_text().count("\n")):
        assert process.poll() is None, f"Chromium ended at once with {process.returncode}"
        assert time.monotonic() < end, f"Chromium did not start within {PATIENCE:.0f} s"
    return int(file.read_text().splitlines()[0])


def _new_page(port: int) -> str:
    """The address of a new page's socket."""
    import httpx

    return str(httpx.put(f"http://127.0.0.1:{port}/json/new?about:blank").json()["webSocketDebuggerUrl"])
