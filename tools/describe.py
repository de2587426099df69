"""Make the pages of docs/reference that are made from the source.

    python tools/describe.py            write docs/reference/errors.md and settings.md
    python tools/describe.py --check    say which of them is not as the source has it, and end with 1

A test does the latter, so a code or a setting cannot be added in silence.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imvume import errors
from imvume.cli.config import Setting, settings_of
from imvume.config import Config, Watch

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "imvume"
CODE = re.compile(r"[a-z]+\.[a-z0-9-]+\.[a-z0-9-]+")
MADE = "<!-- Made by tools/describe.py from the source; change it there, then `make docs`. -->\n"


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """One thing that can go wrong, as the source tells it. `kind` is the class of errors.py, or "" for a finding."""

    code: str
    kind: str
    what: str
    why: str
    remedy: str


def main() -> int:
    """Write the pages, or compare them."""
    wrong = 0
    for name, text in pages().items():
        path = ROOT / "docs" / "reference" / name
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            print(f"docs/reference/{name} is not as the source has it; run `make docs`.")
            wrong = 1
    return wrong


def pages() -> dict[str, str]:
    """The pages by name, as they should be."""
    return {"errors.md": _errors(sorted(set(told()))), "settings.md": _settings()}


def told() -> Iterator[Told]:
    """Every code in the source: errors with their sentences, and what `imvume verify` may find."""
    rooms = {path.name.removesuffix(".py") for path in SOURCE.iterdir()}
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        explained: set[ast.AST] = set()
        for kind, call in _calls(tree, ""):
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            if call.args and "remedy" in words and (code := _code(call.args[0], rooms)):
                explained.add(call.args[0])
                what = call.args[1] if len(call.args) > 1 else words.get("what")
                yield Told(code, kind, _text(what), _text(words.get("why")), _text(words["remedy"]))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for place, argument in enumerate(call.args):
                code = _code(argument, rooms)
                if code and argument not in explained:
                    explained.add(argument)
                    says = [text for text in map(_text, call.args[place + 1 :]) if text.strip("…")]
                    yield Told(code, "", says[0] if says else "", "", "")


def _calls(node: ast.AST, within: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call below `node` with the class of error it makes; a class of its own counts as the one it extends."""
    for child in ast.iter_child_nodes(node):
        inside = within
        if isinstance(child, ast.ClassDef):
            bases = [base.id for base in child.bases if isinstance(base, ast.Name)]
            inside = next((name for name in bases if hasattr(errors, name)), within)
        if isinstance(child, ast.Call):
            name = child.func.id if isinstance(child.func, ast.Name) else ""
            yield (name if hasattr(errors, name) else inside or "ImvumeError"), child
        yield from _calls(child, inside)


def _code(node: ast.AST, rooms: set[str]) -> str:
    """The code that `node` writes down, or "" if it is something else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
        return node.value if node.value.partition(".")[0] in rooms else ""
    return ""


def _text(node: ast.AST | None) -> str:
    """The sentence that `node` writes; what is only known when it is raised becomes …"""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (_text(node.body), _text(node.orelse))))
    return "…" if node is not None else ""


def _errors(all_told: list[Told]) -> str:
    lines = [
        "# Errors",
        "",
        MADE,
        "Every error has a code that never changes its meaning, and three sentences: what happened, why, and what to",
        "do next. The command line ends with the status given here (BSD's `sysexits.h`), HTTP answers with the other.",
        "A `…` stands for what is only known when it happens. The last part lists what `imvume verify` may find.",
    ]
    room = ""
    for code in sorted({one.code for one in all_told if one.kind}):
        same = [one for one in all_told if one.code == code and one.kind]
        if room != (room := code.partition(".")[0]):
            lines += ["", f"## {room}"]
        kind = getattr(errors, same[0].kind)
        lines += ["", f"### `{code}`", "", f"{same[0].kind}: exit status {kind.exit}, HTTP {kind.status}."]
        for one in same:
            lines += ["", f"- {one.what}"]
            lines += [f"- *Why:* {one.why}"] if one.why else []
            lines += [f"- *What to do:* {one.remedy}"]
    findings: dict[str, list[str]] = {}
    explained = {one.code for one in all_told if one.kind}
    for one in all_told:
        if not one.kind and one.code not in explained:
            findings.setdefault(one.code, []).append(one.what)
    lines += ["", "## Findings and marks", "", "| Code | Says |", "|---|---|"]
    for code, says in sorted(findings.items()):
        sentences = dict.fromkeys(text.replace("|", "\\|") for text in says if text.strip("…"))
        lines.append(f"| `{code}` | {' · '.join(sentences)} |")
    return "\n".join(lines) + "\n"


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        MADE,
        "They stand in `config.toml` in the house. Each has a default, so the file may be absent.",
        "`imvume config describe` prints them with what differs in your house. A value may stand in a file of its own:",
        '`dsn_file = "/run/secrets/dsn"`.',
        "",
        *_table(settings_of(Config)),
        "",
        "## `[[watch]]`",
        "",
        "One table for each folder.",
        "",
        *_table(settings_of(Watch)),
    ]
    return "\n".join(lines) + "\n"


def _table(settings: list[Setting]) -> list[str]:
    return ["| Setting | Default | What it means |", "|---|---|---|"] + [
        f"| `{one.name}` | {f'`{one.default}`' if one.default is not None else 'must be given'} | {one.says} |"
        for one in settings
    ]


if __name__ == "__main__":
    sys.exit(main())
