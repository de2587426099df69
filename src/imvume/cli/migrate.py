"""`imvume migrate`: the tables, brought up to this version."""

from __future__ import annotations

from contextlib import ExitStack

from imvume import config as settings
from imvume.cli.frame import Door, command
from imvume.config import Config
from imvume.errors import BadInput
from imvume.store import migrate as migrating
from imvume.store.embedded import Postgres


@command("migrate")
def migrate(door: Door) -> None:
    """Bring the database's tables up to this version. Forward only; take a backup first."""
    with ExitStack() as stack:
        config = settings.load(door.home)
        postgres = None if config.dsn else stack.enter_context(Postgres(door.home))
        if postgres is None and not config.owner_dsn:
            raise BadInput(
                "cli.migrate.no-owner",
                "The role that owns the tables is not known.",
                why="The settings name a database of yours, and no `owner_dsn` for it.",
                remedy="Set `owner_dsn` in config.toml, or have its administrator run `imvume migrate` with it.",
            )
        done = bring_up(config, postgres)
    door.answer({"applied": done}, "\n".join(f"applied  {name}" for name in done) or "Nothing to do.")


def bring_up(config: Config, postgres: Postgres | None) -> list[str]:
    """Migrate the database of a house; answers what was applied.

    Where the owner of an outside database is not known to us, it is only looked at:
    raises Conflict if it lacks anything, which is then for its administrator.
    """
    owner = postgres.owner_dsn if postgres else config.owner_dsn
    if owner:
        return migrating.migrate(owner)
    migrating.require(config.dsn)
    return []


command = migrate
