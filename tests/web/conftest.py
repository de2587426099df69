"""A console that is really served, with real calls in it, and a real browser to look at it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from argon2 import PasswordHasher

from imvume.archive.house import House, storage_of
from imvume.basics import clock
from imvume.basics.ids import StaffId, TenantId, uuid7
from imvume.config import Config
from imvume.keys.vault import Vault
from imvume.staff import actions, passwords
from imvume.staff.rules import Role
from imvume.store import tenants
from imvume.store.database import Database
from imvume.web.console import console

from .visitor import Visitor

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "koffie brood venster trein"


@dataclass
class Clock:
    """The door's clock, which a test may set ahead."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return clock.now() + self.ahead


@dataclass
class Served:
    """A console on a loopback port, and what is behind it."""

    house: House
    address: str
    clock: Clock

    def tenant(self, name: str = "Meridian Life") -> TenantId:
        """A tenant with its keys."""
        with self.house.database.transaction(None) as tx:
            made = tenants.add(
                tx, name, zone="Africa/Johannesburg", region="ZA", retention="fais-service", at=self.clock()
            )
        with self.house.database.transaction(made) as tx:
            self.house.vault.begin(tx)
        return made

    def link(self, tenant: TenantId) -> str:
        """A set-up link's token."""
        with self.house.database.transaction(tenant) as tx:
            return actions.set_up_link(tx, tenant, self.clock())

    def hire(self, tenant: TenantId, role: Role, name: str = "Thandi Mokoena") -> tuple[StaffId, str]:
        """A member of staff with PASSWORD; answers their id and e-mail address."""
        staff = StaffId(uuid7())
        email = f"{name.split()[0].lower()}.{staff.hex[-8:]}@example.org"
        with self.house.database.transaction(tenant) as tx:
            tx.run(
                "staff.staff_add",
                staff=staff, email=email, name=name, role=role, password=passwords.keep(PASSWORD), at=self.clock(),
            )  # fmt: skip
        return staff, email

    def visitor(self) -> Visitor:
        """Somebody with a browser, who is not signed in."""
        return Visitor(self.address)

    def signed_in(self, tenant: TenantId, role: Role = Role.OFFICER, name: str = "Thandi Mokoena") -> Visitor:
        """A member of staff who has just signed in."""
        _, email = self.hire(tenant, role, name)
        visitor = self.visitor()
        answer = visitor.post("/sign-in", email=email, password=PASSWORD, next="/about")
        assert answer.status == 303, answer.text
        return visitor


@pytest.fixture(scope="module", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Real argon2id with the least it takes: it is slow on purpose, and these tests sign in by the hundred."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "_nobodys", lambda: passwords._HASHER.hash("a password that nobody has"))
        yield


@pytest.fixture(scope="session")
def served(_pool: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The console of one house for the whole run; each test brings its own tenant."""
    home = tmp_path_factory.mktemp("house")
    config = Config(home=home, listen="127.0.0.1:0")
    house = House(config=config, database=_pool, vault=Vault.make(config.keys), storage=storage_of(config))
    hands = Clock()
    settings = uvicorn.Config(
        console(house, now=hands), port=0, log_level="warning", lifespan="off", server_header=False, ws="none"
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        assert thread.is_alive(), "the console did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(house, f"http://127.0.0.1:{port}", hands)
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def console_of(served: Served) -> Iterator[Served]:
    """The same, with its clock put right again after the test."""
    served.clock.ahead = timedelta()
    yield served
    served.clock.ahead = timedelta()


# The browser ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def base_url() -> None:
    """None: every test names its address; the plugin's own fixture is written in a way that pytest 9 deprecates."""


@pytest.fixture(scope="session")
def _verify_url() -> None:
    """The same plugin's other fixture; there is no address to verify before the console is served."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium, kept from talking to anybody but us."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing; `make test` installs it. The console's tests may not be skipped in CI.")
        pytest.skip("CHROMIUM IS MISSING: the console was not tested in a browser. Run `make test`, which installs it.")
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--autoplay-policy=no-user-gesture-required",
    ]  # fmt: skip
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": quiet}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A laptop's window, in English, in another zone than the tenant's."""
    return {
        **browser_context_args,
        "viewport": {"width": 1280, "height": 900},
        "locale": "en-ZA",
        "timezone_id": "America/New_York",
    }


@pytest.fixture(autouse=True)
def _a_silent_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Anything on the browser's console fails the test: that is how a broken policy shows."""
    if "page" not in request.fixturenames:
        yield
        return
    page = request.getfixturevalue("page")
    heard: list[str] = []

    def listen(message: Any) -> None:
        if message.type in ("error", "warning"):
            heard.append(f"{message.type}: {message.text}")

    page.on("console", listen)
    page.on("pageerror", lambda error: heard.append(f"pageerror: {error}"))
    yield
    assert heard == []
