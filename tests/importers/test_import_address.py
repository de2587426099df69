"""Where call records lie, said without a password."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imvume.errors import BadInput, NotFound
from imvume.telephony.importers import address


def test_an_address_says_where_and_who() -> None:
    read = address.read("mysql://reader@pbx.example.org:3307/asteriskcdrdb?cdr=calls&ssl_ca=/etc/ssl/pbx.pem")
    assert (read.kind, read.user, read.host, read.port) == ("mysql", "reader", "pbx.example.org", 3307)
    assert (read.database, read.table("cdr"), read.table("cel")) == ("asteriskcdrdb", "calls", "cel")
    assert address.read("mariadb:///asterisk").kind == "mysql"
    assert address.read("postgres://pbx/asterisk").kind == "postgresql"


@pytest.mark.parametrize(
    "given", ["mysql://reader:secret@pbx/cdr", "mysql://reader:@pbx/cdr", "postgresql://pbx/cdr?password=secret"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(BadInput) as caught:
        address.read(given)
    assert caught.value.code == "telephony.address.password"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        "oracle://pbx/cdr",
        "mysql://pbx",
        "mysql://pbx/a/b",
        "mysql://pbx:notaport/cdr",
        "mysql://pbx/cdr?cdr=x;drop table y",
        "mysql://pbx/cdr?unknown=1",
        "mysql://[::1/cdr",
        "mysql://pbx/cdr?cdr",
    ],
)
def test_an_address_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadInput) as caught:
        address.read(given)
    assert caught.value.code == "telephony.address.unreadable"


def test_the_password_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes("geheim ß \n".encode())
    read = address.read("mysql://pbx/cdr", file)
    assert read.password == "geheim ß "
    assert "geheim" not in repr(read)
    for bad in (b"", b"\n", b"one\ntwo\n", b"\xff", b"x" * 2000):
        file.write_bytes(bad)
        with pytest.raises(BadInput):
            address.read("mysql://pbx/cdr", file)
    with pytest.raises(NotFound):
        address.read("mysql://pbx/cdr", tmp_path / "none")


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with suppress(BadInput):
        assert address.read(f"mysql://{text}").password is None
