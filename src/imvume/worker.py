"""The worker: keeps the promises of the queue and does the duties that come round by the clock."""

from __future__ import annotations

import asyncio
import functools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog

from imvume import app
from imvume.app import Duty
from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics import log as logs
from imvume.store.queue import HEARTBEAT, Queue

GRACE_SECONDS = 8.0  # for what is in hand when we are told to stop; then we go, and it is taken up again elsewhere
PAUSE_MAX_SECONDS = 60.0  # between two tries of a duty that fails
SAY_AGAIN_SECONDS = 300.0  # a duty that goes on failing the same way says so this often

log = structlog.get_logger("imvume.worker")


def run(house: House, *, heartbeat: timedelta = HEARTBEAT) -> bool:
    """Work until SIGTERM or SIGINT; answers whether everything in hand was finished in time.

    Where it was not, some thread still works: the caller should end the process at once. Every
    piece of work survives that, by design; its job is taken up by another worker.
    """
    # Not asyncio.run: it would cancel what is still in hand, and the queue takes a cancelled
    # job for one that nobody wants any more.
    loop = asyncio.new_event_loop()
    finished = loop.run_until_complete(_run(house, heartbeat))
    if finished:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    return finished


async def _run(house: House, heartbeat: timedelta) -> bool:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def ask_to_stop() -> None:
        app.STOPPING.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop)
    # Daemons, so that a duty that hangs cannot hold the process.
    duties = [threading.Thread(target=perform, args=(house, duty), name=duty.name, daemon=True) for duty in app.DUTIES]
    threads = ThreadPoolExecutor(max_workers=max(1, house.config.workers), thread_name_prefix="job")
    handlers = {name: functools.partial(handler, house) for name, handler in app.JOBS.items()}
    queue = asyncio.create_task(
        Queue(house.database, handlers, threads, at_once=house.config.workers, heartbeat=heartbeat).run(stop)
    )
    for duty in duties:
        duty.start()
    log.info("the worker is at work", jobs=len(handlers), duties=len(duties))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({queue, stopping}, return_when=asyncio.FIRST_COMPLETED)
    ask_to_stop()  # also when the queue itself has failed: a worker without a queue is none
    limit = time.monotonic() + GRACE_SECONDS
    await asyncio.wait({queue}, timeout=GRACE_SECONDS)
    for duty in duties:
        await asyncio.to_thread(duty.join, max(0.0, limit - time.monotonic()))
    finished = queue.done() and not any(duty.is_alive() for duty in duties)
    log.info("the worker has stopped", finished=finished)
    if queue.done():
        queue.result()  # what it failed of, if it failed
        threads.shutdown(wait=False)
    return finished


def perform(house: House, duty: Duty) -> None:
    """Do `duty` when its time comes round, until the process stops. Its failures are its own."""
    failing, said_at, wait = "", 0.0, 0.0
    while not app.STOPPING.wait(wait):
        try:
            duty.run(house, clock.now())
        except Exception as error:  # a duty that fails must not take the others along
            told = logs.fault(error)
            code = str(told.setdefault("code", f"crash.{told['error']}"))
            if code != failing or time.monotonic() - said_at >= SAY_AGAIN_SECONDS:
                log.warning("a duty failed and will be tried again", duty=duty.name, **told)
                said_at = time.monotonic()
            failing = code
            wait = min(max(duty.every_seconds, wait * 2), max(duty.every_seconds, PAUSE_MAX_SECONDS))
        else:
            if failing:
                log.info("a duty is well again", duty=duty.name)
            failing, wait = "", duty.every_seconds
