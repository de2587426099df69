"""`imvume worker`: the work in the background."""

from __future__ import annotations

import logging
import os
import sys

from imvume import app
from imvume import worker as work
from imvume.basics import log as logs
from imvume.cli.frame import Door, command
from imvume.store import migrate
from imvume.telephony.importers import watch


@command("worker")
def worker(door: Door) -> None:
    """Do the work in the background until SIGTERM or Ctrl-C (start does this for you). Logs go to standard error."""
    logs.configure()
    with door.house() as house:
        migrate.require(house.database.dsn)
        app.DUTIES.extend(watch.duties(house))  # here, because a worker and telephony do not know each other
        finished = work.run(house)
    if not finished:
        # A thread is still at something. It survives being cut off; waiting for it might take hours.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


command = worker
