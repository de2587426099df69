"""Settings: all have a default, a slip is named, and a secret may stand in a file of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imvume import config
from imvume.errors import BadInput


def _load(home: Path, text: str) -> config.Config:
    (home / "config.toml").write_text(text, "utf-8")
    return config.load(home)


def test_a_house_without_settings_has_them_all(tmp_path: Path) -> None:
    found = config.load(tmp_path)
    assert (found.home, found.dsn, found.region) == (tmp_path, "", "ZA")
    assert found.keys == tmp_path / "keys"


def test_what_is_written_down_counts(tmp_path: Path) -> None:
    found = _load(tmp_path, 'zone = "UTC"\nworkers = 4\n[[watch]]\nfolder = "/var/spool"\nkind = "asterisk"\n')
    assert (found.zone, found.workers, found.watch[0].kind) == ("UTC", 4, "asterisk")


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host=/run password=x\n")
    assert _load(tmp_path, f'dsn_file = "{tmp_path}/secret"').dsn == "host=/run password=x"


def test_a_setting_that_ends_in_file_is_itself(tmp_path: Path) -> None:
    assert _load(tmp_path, 'storage_key_file = "/run/secrets/key"').storage_key_file == "/run/secrets/key"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no_such = 1", "no_such"),
        ('workers = "many"', "workers"),
        ("workers = ", "Invalid value"),
        ('dsn_file = "/nowhere/at/all"', "dsn_file"),
        ('[[watch]]\nkind = "folder"', "folder"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput) as told:
        _load(tmp_path, text)
    assert told.value.code == "config.unreadable"
    assert says in told.value.why


def test_the_house_is_the_one_named_else_the_one_of_the_environment_else_the_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMVUME_HOME", str(tmp_path / "other"))
    assert config.house(str(tmp_path)) == tmp_path
    assert config.house(None) == tmp_path / "other"
    monkeypatch.delenv("IMVUME_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert config.house(None) == tmp_path / "imvume"
    monkeypatch.delenv("XDG_DATA_HOME")
    usual = Path("/var/lib/imvume") if os.geteuid() == 0 else Path.home() / ".local/share/imvume"
    assert config.house(None) == usual
