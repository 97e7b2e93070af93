"""``make screenshots``: the README's pictures, taken from the demonstration in a real browser.

Starts ``rollcall serve --demo`` in a folder of its own, waits until the roll has filled, takes a picture.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
SEEN_AT_LEAST = 10
WAIT_MS = 120_000


def take(page: Page, start: dict[str, str]) -> None:
    """Log in, open the running lesson, wait for the roll, keep the picture."""
    base = start["address"].removesuffix("/console")
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{base}/console/login")
    page.fill("input[name=account]", start["user"])
    page.fill("input[type=password]", start["password"])
    page.click("form.main button[type=submit]")
    page.wait_for_url("**/console/today*")
    page.goto(f"{base}/console/lessons/{start['lesson']}")
    page.wait_for_function(
        f"() => Number(document.querySelector('#seen-count').textContent) >= {SEEN_AT_LEAST}"
        " && document.querySelectorAll('svg.boxes g').length > 5"
    )
    page.screenshot(path=str(PICTURES / "live-lesson.png"), full_page=True)


def main() -> int:
    browser_path = shutil.which("chromium")
    if browser_path is None:
        print("no Chromium: run bash tests/services/install.sh", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rollcall-pictures-") as folder:
        env = {**os.environ, "ROLLCALL_DATA_DIR": folder}
        command = [sys.executable, "-m", "supervision_api.cli", "serve", "--demo", "--port", "0", "--json"]
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            text = ""
            while not text.rstrip().endswith("}"):
                line = server.stdout.readline()
                if not line:
                    return 1
                text += line
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
                take(
                    browser.new_page(viewport={"width": 1280, "height": 900}, locale="zh-CN"),
                    json.loads(text),
                )
                browser.close()
        finally:
            server.terminate()
            server.wait(30)
    print(f"written to {PICTURES.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
