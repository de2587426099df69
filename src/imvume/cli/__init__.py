"""The command line: a door. It translates words into actions and answers into words, and holds no rules."""

from __future__ import annotations

import importlib
import sys

import click

from imvume import __version__
from imvume.cli.frame import failed

# Each command stands in a module of its own, which is read only when the command is used.
COMMANDS = {
    "start": ("start", "Start Imvume: database, console and worker."),
    "demo": ("demo", "Start a fictional contact centre in a throw-away house."),
    "doctor": ("doctor", "Say what is wrong with this machine and how to mend it."),
    "import": ("import_", "Bring in recordings and call records of a PBX."),
    "calls": ("calls", "Find calls; show one."),
    "open": ("open_", "Write a call's sound to a file, with a reason."),
    "export": ("export", "Write a call as a pack that anyone can check offline."),
    "verify": ("verify", "Read everything again and compare it with the evidence; or check a pack."),
    "hold": ("hold", "Place a legal hold, lift one, list them."),
    "destroy": ("destroy", "Destroy a call's recordings; certify a destruction."),
    "retention": ("retention", "What may go by now, by which rule; destroy what is due."),
    "shred": ("shred", "The daily batch: what was destroyed becomes final."),
    "keys": ("keys", "Rotate keys; write and read their escrow."),
    "evidence": ("evidence", "Checkpoints, proofs, time-stamps; publish the log."),
    "web": ("web", "Serve the console (start does this for you)."),
    "worker": ("worker", "Do the work in the background (start does this for you)."),
    "migrate": ("migrate", "Bring the database's tables up to this version."),
    "jobs": ("jobs", "Work that was laid aside after it failed; try it again."),
    "config": ("config", "Show every setting with what it means."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = importlib.import_module(f"imvume.cli.{module}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"imvume.cli.{module}.command is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", metavar="FOLDER", help="The house: where keys, objects and settings are (or IMVUME_HOME).")
@click.version_option(__version__, prog_name="imvume")
@click.pass_context
def group(ctx: click.Context, home: str | None) -> None:
    """Imvume: the compliance plane for the contact centre you already run."""
    ctx.obj = home


def main() -> None:
    """Run the command line; every way to fail ends in three sentences and an exit status of its own."""
    try:
        # Outside its standalone mode click answers the status of `Exit` instead of raising it.
        ended = group(standalone_mode=False)
        sys.exit(ended if isinstance(ended, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)  # the reader has gone, as `head` does; nothing to say, and nobody to say it to
    except Exception as error:
        sys.exit(failed(error))
