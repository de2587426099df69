"""Take the named files of other people's packages into this repository, by exact version.

    python tools/vendor.py            fetch with `npm pack`, copy, write the lock
    python tools/vendor.py --check    say which file differs from the lock or strays; no network

Users, the source package and CI need no npm: what is served is committed. Nothing is run from a
package (`--ignore-scripts`, and the tarball is only read).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "src/imvume/web/static/vendor/vendor.lock.json"
SHIPPED = {"MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "OFL-1.1"}
FOR_TESTS = SHIPPED | {"MPL-2.0"}
SPDX = {"BSD-0-Clause": "0BSD"}  # npm's name for it is not the one of SPDX
ICON = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Fetch, or check with `--check`. Answers the exit code."""
    if arguments == ["--check"]:
        faults = check()
        print("\n".join(faults) or f"vendor: {len(json.loads(LOCK.read_text('utf-8'))['packages'])} packages as locked")
        return 1 if faults else 0
    fetch()
    return 0


def wanted() -> list[dict[str, Any]]:
    """The packages of vendor.toml."""
    return list(tomllib.loads((ROOT / "vendor.toml").read_text("utf-8"))["package"])


def fetch() -> None:
    """Write every wanted file, its licence, and the lock. Stops at a tarball that changed under its version."""
    before = {p["purl"]: p for p in json.loads(LOCK.read_text("utf-8"))["packages"]} if LOCK.exists() else {}
    packages = []
    for package in wanted():
        with tempfile.TemporaryDirectory() as folder:
            tarball = _pack(package, Path(folder))
            row = _take(package, tarball)
        if row["purl"] in before and before[row["purl"]]["tarball_sha512"] != row["tarball_sha512"]:
            sys.exit(f"vendor: the tarball of {row['purl']} is not the one that was locked; nothing more was written")
        packages.append(row)
        print(f"vendor: {row['purl']}, {len(row['files'])} files")
    LOCK.write_text(json.dumps({"packages": packages}, indent=2) + "\n", "utf-8")


def check() -> list[str]:
    """Every difference between vendor.toml, the lock and the files, as sentences."""
    locked = json.loads(LOCK.read_text("utf-8"))["packages"]
    faults = []
    if [p["name"] + "@" + p["version"] for p in wanted()] != [p["name"] + "@" + p["version"] for p in locked]:
        faults.append("vendor.toml and the lock name different packages: run tools/vendor.py")
    known = {LOCK}
    for package in locked:
        for name, row in package["files"].items():
            path = ROOT / name
            known.add(path)
            if not path.exists():
                faults.append(f"{name} is missing")
            elif _sha384(path.read_bytes()) != row["sha384"]:
                faults.append(f"{name} differs from the lock")
    folders = {ROOT / package["into"] for package in locked}
    strays = {path for folder in folders for path in folder.rglob("*") if path.is_file()} - known
    return faults + [f"{path.relative_to(ROOT)} is in no package" for path in sorted(strays)]


def _pack(package: dict[str, Any], folder: Path) -> Path:
    subprocess.run(
        ["npm", "pack", "--silent", "--ignore-scripts", f"{package['name']}@{package['version']}"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return next(folder.glob("*.tgz"))


def _take(package: dict[str, Any], tarball: Path) -> dict[str, Any]:
    into = ROOT / package["into"]
    with tarfile.open(tarball) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(f"package/{name}")
            if file is None:
                sys.exit(f"vendor: {package['name']} has no {name}")
            return file.read()

        says = json.loads(read("package.json"))["license"]
        if SPDX.get(says, says) != package["licence"]:
            sys.exit(f"vendor: {package['name']} is under {says}, vendor.toml says {package['licence']}")
        allowed = SHIPPED if package["into"].startswith("src/") else FOR_TESTS
        if package["licence"] not in allowed:
            sys.exit(f"vendor: {package['licence']} of {package['name']} is not on the list")
        out = {into / target: read(source) for source, target in package.get("files", {}).items()}
        if "sprite" in package:
            out[into / package["sprite"]] = _sprite({name: read(f"icons/{name}.svg") for name in package["icons"]})
        slug = package["name"].strip("@").replace("/", "-")
        out[into / "LICENSES" / f"{slug}.txt"] = read("LICENSE")
    files = {}
    for path, content in sorted(out.items()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files[str(path.relative_to(ROOT))] = {"sha384": _sha384(content), "bytes": len(content)}
    return {
        "name": package["name"],
        "version": package["version"],
        "licence": package["licence"],
        "purl": f"pkg:npm/{package['name'].replace('@', '%40')}@{package['version']}",
        "into": package["into"],
        "why": package["why"],
        "tarball_sha512": hashlib.sha512(tarball.read_bytes()).hexdigest(),
        "files": files,
    }


def _sprite(icons: dict[str, bytes]) -> bytes:
    symbols = []
    for name, svg in sorted(icons.items()):
        found = ICON.search(svg.decode("utf-8"))
        if found is None:
            sys.exit(f"vendor: the icon {name} is not an SVG")
        body = " ".join(found.group(1).split()).replace("> <", "><")
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{body}</symbol>'
        )
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def _sha384(content: bytes) -> str:
    return base64.b64encode(hashlib.sha384(content).digest()).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
