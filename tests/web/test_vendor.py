"""What is taken from others is what was locked, and its licences come with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from imvume.web import render

from .conftest import Served

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_of_others_is_as_it_was_locked() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools/vendor.py"), "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_every_package_brings_its_licence_and_a_reason() -> None:
    packages = json.loads(render.static_files()["vendor/vendor.lock.json"])["packages"]
    assert {package["licence"] for package in packages if package["into"].startswith("src/")} <= {
        "MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "OFL-1.1",
    }  # fmt: skip
    for package in packages:
        assert package["why"]
        assert any("/LICENSES/" in name for name in package["files"])


def test_the_page_about_shows_the_licences(console_of: Served) -> None:
    page = console_of.signed_in(console_of.tenant()).get("/about").text
    for words in ("SIL OPEN FONT LICENSE", "ISC License", "Zero-Clause BSD"):
        assert words in page
    assert "axe-core" not in page, "what only the tests use is not served"
