"""`imvume web`: the console."""

from __future__ import annotations

import click

from imvume import config as settings
from imvume.cli.frame import Door, command
from imvume.staff import actions
from imvume.web import serving


@click.group("web", invoke_without_command=True)
@click.option("--listen", metavar="HOST:PORT", help="Where to answer, instead of the setting.")
@click.option("--tls-cert", metavar="FILE", help="A PEM certificate chain: the console speaks HTTPS.")
@click.option("--tls-key", metavar="FILE", help="The PEM key of that certificate.")
@click.pass_context
def web(ctx: click.Context, listen: str | None, tls_cert: str | None, tls_key: str | None) -> None:
    """Serve the console (start does this for you)."""
    if ctx.invoked_subcommand is None:
        home = settings.house(ctx.find_root().obj)
        serving.serve(serving.with_options(home, listen=listen, certificate=tls_cert, key=tls_key))


@command("link")
def link(door: Door) -> None:
    """A one-time link by which the information officer comes in. It ends after use, or after a day."""
    with door.tenant() as (house, tenant):
        with house.database.transaction(tenant) as tx:
            token = actions.set_up_link(tx, tenant, door.now())
        url = f"{serving.address(house.config)}/set-up?link={token}"
    door.answer({"link": url}, url)


web.add_command(link)
command = web
