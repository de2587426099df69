"""The configuration of the lab's Asterisk: loopback only, two recorded legs, and records of all that happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .prefix import Prefix

AGENTS = ("201", "202", "203")  # extensions; each has a port of its own, so that three calls can run at once
NOTICE = "recording-notice"
ANNOUNCED, UNANNOUNCED, RECORDED_FIRST, STASIS = "100", "101", "102", "200"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of 127.0.0.1. `agents` and `trunk` are where the far ends listen, not Asterisk."""

    sip: int
    http: int
    ami: int
    rtp: tuple[int, int]
    agents: tuple[int, ...]
    trunk: int


def write(folder: Path, prefix: Prefix, ports: Ports, secret: str) -> Path:
    """Write every file that Asterisk reads or writes below `folder`; answers the path of asterisk.conf."""
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    for name in ("documentation", "rest-api"):  # Asterisk 22 will not read pjsip.conf without its own documentation
        (folder / "data" / name).symlink_to(prefix.root / "usr/share/asterisk" / name)
    for name in _EMPTY:  # absent they are errors in the log, empty they are not
        (folder / "etc" / f"{name}.conf").touch()
    texts = {
        "asterisk": _asterisk(folder, prefix),
        "modules": "[modules]\nautoload = no\n" + "".join(f"{how} = {name}.so\n" for how, name in _modules()),
        "pjsip": _pjsip(ports),
        "rtp": f"[general]\nrtpstart={ports.rtp[0]}\nrtpend={ports.rtp[1]}\nstrictrtp=no\nicesupport=no\n",
        "http": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={ports.http}\n",
        "ari": f"[general]\nenabled=yes\n[imvume]\ntype=user\nread_only=no\npassword={secret}\n",
        "manager": (
            f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={ports.ami}\ntimestampevents=yes\n"
            f"[imvume]\nsecret={secret}\nread=all\nwrite=all\nwritetimeout=5000\n"
        ),
        "logger": "[general]\ndateformat=%F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose\n",
        "indications": (
            "[general]\ncountry=za\n[za]\ndescription = South Africa\nringcadence = 400,200,400,2000\n"
            "dial = 400*33\nbusy = 400/500,0/500\ncongestion = 400/250,0/250\n"
            "ring = 400*33/400,0/200,400*33/400,0/2000\n"
        ),
        "musiconhold": "[default]\nmode=files\ndirectory=moh\n",
        "extensions": _extensions(),
        # From here on, what Asterisk's own samples have, so that the records look like those of a plain install.
        "cdr": "[general]\nenable=yes\nunanswered=yes\n[csv]\nusegmtime=yes\nloguniqueid=yes\nloguserfield=yes\n",
        "cdr_manager": "[general]\nenabled=yes\n[mappings]\n",
        # STREAM events prove that a notice was heard. DTMF is left out: it writes card numbers into the records.
        "cel": (
            "[general]\nenable=yes\napps=dial,playback,mixmonitor,read,stasis\n"
            "events=CHAN_START,CHAN_END,ANSWER,HANGUP,APP_START,APP_END,BRIDGE_ENTER,BRIDGE_EXIT,BLINDTRANSFER,"
            "ATTENDEDTRANSFER,USER_DEFINED,LINKEDID_END,STREAM_BEGIN,STREAM_END\n[manager]\nenabled=yes\n"
        ),
        "cel_custom": f"[mappings]\nMaster.csv => {','.join(_quoted(value) for value in _CEL_COLUMNS)}\n",
    }
    for name, text in texts.items():
        (folder / "etc" / f"{name}.conf").write_text(text, "utf-8")
    return folder / "etc/asterisk.conf"


_FOLDERS = (
    "etc", "lib", "db", "agi", "run", "spool/monitor", "spool/recording", "spool/outgoing", "spool/tmp",
    "log/cdr-csv", "log/cel-custom", "log/cdr-custom", "data/sounds/custom", "data/static-http",
)  # fmt: skip
_EMPTY = (
    "features", "acl", "udptl", "ccss", "stasis", "pjproject", "codecs", "dnsmgr", "sorcery", "cli",
    "cli_permissions", "statsd", "geolocation", "websocket_client",
)  # fmt: skip
_CEL_COLUMNS = (
    "eventtype", "eventtime", "CALLERID(name)", "CALLERID(num)", "CALLERID(ANI)", "CALLERID(RDNIS)", "CALLERID(DNID)",
    "CHANNEL(exten)", "CHANNEL(context)", "CHANNEL(channame)", "CHANNEL(appname)", "CHANNEL(appdata)",
    "CHANNEL(amaflags)", "CHANNEL(accountcode)", "CHANNEL(uniqueid)", "CHANNEL(linkedid)", "BRIDGEPEER",
    "CHANNEL(userfield)", "userdeftype", "eventextra",
)  # fmt: skip


def _quoted(value: str) -> str:
    return "${CSV_QUOTE(${" + value + "})}"


def _asterisk(folder: Path, prefix: Prefix) -> str:
    places = {
        "astetcdir": folder / "etc",
        "astmoddir": prefix.modules,
        "astvarlibdir": folder / "lib",
        "astdbdir": folder / "db",
        "astkeydir": folder / "lib",
        "astdatadir": folder / "data",
        "astagidir": folder / "agi",
        "astspooldir": folder / "spool",
        "astrundir": folder / "run",
        "astlogdir": folder / "log",
    }
    lines = "".join(f"{name} => {place}\n" for name, place in places.items())
    return f"[directories]\n{lines}[options]\nhideconnect = yes\nverbose = 3\nsystemname = lab\ndefaultlanguage = en\n"


def _modules() -> list[tuple[str, str]]:
    """What to load, in an order that works: some modules must stand before those that lean on them.

    func_periodic_hook before app_mixmonitor, res_websocket_client before res_ari, and pubsub,
    geolocation and statsd before chan_pjsip: without them the later ones say "undefined symbol".
    """
    required = {"res_timing_timerfd", "res_pjsip", "chan_pjsip"}
    names = (Path(__file__).parent / "modules.txt").read_text("utf-8").split()
    return [("require" if name in required else "load", name) for name in names]


def _pjsip(ports: Ports) -> str:
    endpoint = (
        "type=endpoint\ntransport=loopback\ndisallow=all\nallow=ulaw,alaw\ndirect_media=no\ndtmf_mode=rfc4733\n"
        "media_address=127.0.0.1\nbind_rtp_to_media_address=yes\nrtp_symmetric=no\nice_support=no\n"
    )
    text = (
        "[global]\ntype=global\nendpoint_identifier_order=username,ip\n"
        f"[loopback]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{ports.sip}\n"
        # Whoever calls from loopback and is no agent comes from the network, under whatever number he shows.
        f"[trunk]\n{endpoint}context=from-trunk\nidentify_by=ip\naors=trunk\n"
        "[trunk]\ntype=identify\nendpoint=trunk\nmatch=127.0.0.1\n"
        f"[trunk]\ntype=aor\ncontact=sip:127.0.0.1:{ports.trunk}\n"
    )
    for extension, port in zip(AGENTS, ports.agents, strict=True):
        text += (
            f"[{extension}]\n{endpoint}context=from-agents\nidentify_by=username\naors={extension}\n"
            f"callerid=Agent {extension} <{extension}>\n"
            f"[{extension}]\ntype=aor\ncontact=sip:{extension}@127.0.0.1:{port}\n"
        )
    return text


def _extensions() -> str:
    # One folder a day, as sites with many recordings keep them.
    at = "${STRFTIME(${EPOCH},UTC,%Y/%m/%d)}/${UNIQUEID}"
    record = f"MixMonitor({at}-mix.wav,r({at}-rx.wav)t({at}-tx.wav)i(MIXID))"
    notice = f"Playback(custom/{NOTICE})"
    agent = "Dial(PJSIP/${AGENT},20)"
    routes = {
        ANNOUNCED: [notice, record, agent],
        UNANNOUNCED: [record, agent],
        RECORDED_FIRST: [record, notice, agent],
        STASIS: ["Stasis(imvume)"],
    }
    text = "[general]\nstatic=yes\nwriteprotect=yes\n[from-trunk]\n"
    for number, steps in routes.items():
        # The caller names the agent in a header: which agent answers is the test's choice, not the queue's.
        first = ["Answer()", "Set(AGENT=${PJSIP_HEADER(read,X-Agent)})", *steps, "Hangup()"]
        text += f"exten => {number},1,{first[0]}\n" + "".join(f" same => n,{step}\n" for step in first[1:])
    return text + (
        "[from-agents]\n"
        f"exten => _[+0-9].,1,{record}\n"
        " same => n,Dial(PJSIP/${EXTEN}@trunk,20)\n"
        " same => n,Hangup()\n"
    )
