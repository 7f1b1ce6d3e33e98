"""The folder starts as a CPU Space starts it: a fresh environment with requirements.txt alone, `python app.py`."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving import ROOT, free_port, serve


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("space") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--requirement", str(ROOT / "requirements.txt")]
    subprocess.run(install, check=True)
    return python


def test_a_cpu_space_serves_the_chat_on_port_7860(fresh_python: str, tmp_path: Path):
    # A Space sets the name; the port is the application's own default, 7860, named here so that a taken one shows.
    served = serve(tmp_path / "var", fresh_python, GRADIO_SERVER_NAME="0.0.0.0", GRADIO_SERVER_PORT="7860")
    try:
        page = httpx.get(served.url + "/")
        assert page.status_code == 200
        assert "Countersign" in page.text
        desk = httpx.get(served.url + "/review/", headers={"accept": "text/html"}, follow_redirects=True)
        assert desk.status_code == 200
        assert str(desk.url).startswith(served.url + "/sign-in")
    finally:
        served.stop()


def test_a_taken_port_is_said_in_one_line(tmp_path: Path):
    import socket

    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RuntimeError) as raised:
        serve(tmp_path / "var", GRADIO_SERVER_PORT=str(port))
    said = str(raised.value)
    assert "ended with 2" in said
    assert f"127.0.0.1:{port}" in said
    assert "Traceback" not in said
