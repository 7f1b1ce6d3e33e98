"""Starts the real application as its users do, `python app.py` in a process of its own, and stops or kills it."""

import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """`link` is the path of the first administrator's one-time link, when one was printed."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    link: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()  # nothing to do where it has ended by itself
        self.process.wait(30)


def serve(var: Path, python: str = sys.executable, **environment: str) -> Served:
    """Start the application writing below `var`, and wait for its first page."""
    port = environment.get("GRADIO_SERVER_PORT") or str(free_port())
    var.mkdir(parents=True, exist_ok=True)
    whole = {
        **os.environ,
        "VAR_DIR": str(var),
        "GRADIO_SERVER_PORT": port,
        "HF_HUB_OFFLINE": "1",
        **environment,
    }
    log = var / f"app-{port}-{time.time_ns()}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [python, str(ROOT / "app.py")],
            cwd=ROOT,
            env=whole,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    served = Served(process, f"http://127.0.0.1:{port}", log, environment=environment)
    try:
        _wait(served)
    except BaseException:
        served.kill()
        raise
    if found := re.search(r"once: \S+?(/sign-in/\S+)", log.read_text()):
        served.link = found.group(1)
    return served


def _wait(served: Served) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if served.process.poll() is not None:
            raise RuntimeError(
                f"the application ended with {served.process.returncode}:\n{served.log.read_text()}"
            )
        try:
            if httpx.get(served.url + "/", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"no page after {START_SECONDS} s:\n{served.log.read_text()}")
