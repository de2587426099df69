"""The tables and files that PBXs leave: their real columns, a few calls of people who do not exist."""

from __future__ import annotations

import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

ZONE = ZoneInfo("Africa/Johannesburg")
START = datetime(2026, 11, 23, 7, 0, 0, tzinfo=UTC)  # nine in the morning in Johannesburg
NALEDI = "+447700900123"
STRANGER = "+447700900456"

# FreePBX 16: asteriskcdrdb as its installer makes it.
FREEPBX_CDR = """
CREATE TABLE cdr (
  calldate datetime NOT NULL DEFAULT '0000-00-00 00:00:00', clid varchar(80) NOT NULL DEFAULT '',
  src varchar(80) NOT NULL DEFAULT '', dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '',
  channel varchar(80) NOT NULL DEFAULT '', dstchannel varchar(80) NOT NULL DEFAULT '',
  lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '',
  duration int(11) NOT NULL DEFAULT 0, billsec int(11) NOT NULL DEFAULT 0, disposition varchar(45) NOT NULL DEFAULT '',
  amaflags int(11) NOT NULL DEFAULT 0, accountcode varchar(20) NOT NULL DEFAULT '',
  uniqueid varchar(32) NOT NULL DEFAULT '', userfield varchar(255) NOT NULL DEFAULT '',
  did varchar(50) NOT NULL DEFAULT '', recordingfile varchar(255) NOT NULL DEFAULT '',
  cnum varchar(80) NOT NULL DEFAULT '', cnam varchar(80) NOT NULL DEFAULT '',
  outbound_cnum varchar(80) NOT NULL DEFAULT '', outbound_cnam varchar(80) NOT NULL DEFAULT '',
  dst_cnam varchar(80) NOT NULL DEFAULT '', linkedid varchar(32) NOT NULL DEFAULT '',
  peeraccount varchar(80) NOT NULL DEFAULT '', sequence int(11) NOT NULL DEFAULT 0,
  KEY calldate (calldate), KEY dst (dst), KEY accountcode (accountcode), KEY uniqueid (uniqueid), KEY did (did),
  KEY recordingfile (recordingfile(191))
) ENGINE=InnoDB DEFAULT CHARSET={charset}
"""
FREEPBX_CEL = """
CREATE TABLE cel (
  id int(11) NOT NULL AUTO_INCREMENT, eventtype varchar(30) NOT NULL, eventtime datetime NOT NULL,
  cid_name varchar(80) NOT NULL DEFAULT '', cid_num varchar(80) NOT NULL DEFAULT '',
  cid_ani varchar(80) NOT NULL DEFAULT '', cid_rdnis varchar(80) NOT NULL DEFAULT '',
  cid_dnid varchar(80) NOT NULL DEFAULT '', exten varchar(80) NOT NULL DEFAULT '',
  context varchar(80) NOT NULL DEFAULT '', channame varchar(80) NOT NULL DEFAULT '',
  appname varchar(80) NOT NULL DEFAULT '', appdata varchar(255) NOT NULL DEFAULT '',
  amaflags int(11) NOT NULL DEFAULT 0, accountcode varchar(20) NOT NULL DEFAULT '',
  uniqueid varchar(32) NOT NULL, linkedid varchar(32) NOT NULL, peer varchar(80) NOT NULL DEFAULT '',
  userdeftype varchar(255) NOT NULL DEFAULT '', extra varchar(512) NOT NULL DEFAULT '',
  PRIMARY KEY (id), KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""
# Asterisk's own contrib/realtime for MySQL, no index at all; cdr_adaptive_odbc fills what columns it finds.
ASTERISK_CDR = """
CREATE TABLE cdr (
  accountcode varchar(80), src varchar(80), dst varchar(80), dcontext varchar(80), clid varchar(80),
  channel varchar(80), dstchannel varchar(80), lastapp varchar(80), lastdata varchar(80), start datetime,
  answer datetime, end datetime, duration integer, billsec integer, disposition varchar(45), amaflags varchar(45),
  userfield varchar(256), uniqueid varchar(150), linkedid varchar(150), peeraccount varchar(80), sequence integer
) ENGINE=MyISAM DEFAULT CHARSET=latin1
"""
# cdr_pgsql and cel_pgsql, as their sample configurations print them.
POSTGRES_CDR = """
CREATE TABLE cdr (
  calldate timestamp NOT NULL, clid varchar(80) NOT NULL DEFAULT '', src varchar(80) NOT NULL DEFAULT '',
  dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '',
  channel varchar(80) NOT NULL DEFAULT '', dstchannel varchar(80) NOT NULL DEFAULT '',
  lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '',
  duration integer NOT NULL DEFAULT 0, billsec integer NOT NULL DEFAULT 0,
  disposition varchar(45) NOT NULL DEFAULT '', amaflags integer NOT NULL DEFAULT 0,
  accountcode varchar(20) NOT NULL DEFAULT '', uniqueid varchar(150) NOT NULL DEFAULT '',
  userfield varchar(255) NOT NULL DEFAULT '', linkedid varchar(150) NOT NULL DEFAULT '',
  peeraccount varchar(80) NOT NULL DEFAULT '', sequence integer NOT NULL DEFAULT 0
)
"""
POSTGRES_CEL = """
CREATE TABLE cel (
  id serial, eventtype varchar(30) NOT NULL, eventtime timestamptz NOT NULL,
  userdeftype varchar(255) NOT NULL DEFAULT '',
  cid_name varchar(80) NOT NULL DEFAULT '', cid_num varchar(80) NOT NULL DEFAULT '',
  cid_ani varchar(80) NOT NULL DEFAULT '', cid_rdnis varchar(80) NOT NULL DEFAULT '',
  cid_dnid varchar(80) NOT NULL DEFAULT '', exten varchar(80) NOT NULL DEFAULT '',
  context varchar(80) NOT NULL DEFAULT '', channame varchar(80) NOT NULL DEFAULT '',
  appname varchar(80) NOT NULL DEFAULT '', appdata varchar(255) NOT NULL DEFAULT '', amaflags int NOT NULL DEFAULT 0,
  accountcode varchar(20) NOT NULL DEFAULT '', peeraccount varchar(20) NOT NULL DEFAULT '',
  uniqueid varchar(150) NOT NULL, linkedid varchar(150) NOT NULL, userfield varchar(255) NOT NULL DEFAULT '',
  peer varchar(80) NOT NULL DEFAULT ''
)
"""
# VICIdial 2.14, MySQL_AST_CREATE_tables.sql: the tables that bear on a recording.
VICIDIAL = (
    """
CREATE TABLE recording_log (
  recording_id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, channel VARCHAR(100), server_ip VARCHAR(15),
  extension VARCHAR(100), start_time DATETIME, start_epoch INT(10) UNSIGNED, end_time DATETIME,
  end_epoch INT(10) UNSIGNED, length_in_sec MEDIUMINT(8) UNSIGNED, length_in_min DOUBLE(8,2), filename VARCHAR(100),
  location VARCHAR(255), lead_id INT(9) UNSIGNED, user VARCHAR(20), vicidial_id VARCHAR(20),
  INDEX (filename), INDEX (lead_id), INDEX (user), INDEX (vicidial_id)
) ENGINE=MyISAM
""",
    "CREATE TABLE recording_log_archive LIKE recording_log",
    """
CREATE TABLE vicidial_log (
  uniqueid VARCHAR(20) PRIMARY KEY NOT NULL, lead_id INT(9) UNSIGNED NOT NULL, list_id BIGINT(14) UNSIGNED,
  campaign_id VARCHAR(8), call_date DATETIME, start_epoch INT(10) UNSIGNED, end_epoch INT(10) UNSIGNED,
  length_in_sec INT(10), status VARCHAR(6), phone_code VARCHAR(10), phone_number VARCHAR(18), user VARCHAR(20),
  comments VARCHAR(255), processed ENUM('Y','N'), user_group VARCHAR(20), term_reason VARCHAR(20) DEFAULT 'NONE',
  alt_dial VARCHAR(6) DEFAULT 'NONE', called_count SMALLINT(5) UNSIGNED DEFAULT '0', INDEX (lead_id), INDEX (call_date)
) ENGINE=MyISAM
""",
    """
CREATE TABLE vicidial_closer_log (
  closecallid INT(9) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, lead_id INT(9) UNSIGNED NOT NULL,
  list_id BIGINT(14) UNSIGNED, campaign_id VARCHAR(20), call_date DATETIME, start_epoch INT(10) UNSIGNED,
  end_epoch INT(10) UNSIGNED, length_in_sec INT(10), status VARCHAR(6), phone_code VARCHAR(10),
  phone_number VARCHAR(18), user VARCHAR(20), comments VARCHAR(255), processed ENUM('Y','N'),
  queue_seconds DECIMAL(7,2) DEFAULT '0', user_group VARCHAR(20), xfercallid INT(9) UNSIGNED,
  term_reason VARCHAR(20) DEFAULT 'NONE', uniqueid VARCHAR(20) NOT NULL DEFAULT '', agent_only VARCHAR(20) DEFAULT '',
  queue_position SMALLINT(4) UNSIGNED DEFAULT '1', called_count SMALLINT(5) UNSIGNED DEFAULT '0',
  INDEX (lead_id), INDEX (call_date), INDEX (campaign_id), INDEX (uniqueid)
) ENGINE=MyISAM
""",
    """
CREATE TABLE vicidial_list (
  lead_id INT(9) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, entry_date DATETIME, status VARCHAR(6),
  user VARCHAR(20), list_id BIGINT(14) UNSIGNED, phone_code VARCHAR(10), phone_number VARCHAR(18) NOT NULL,
  first_name VARCHAR(30), last_name VARCHAR(30), INDEX (phone_number)
) ENGINE=MyISAM
""",
)


def wall(at: datetime) -> str:
    """An instant as a PBX in Johannesburg writes it."""
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def channel(n: int) -> str:
    """The n-th channel's id: its second and a counter."""
    return f"{int(START.timestamp()) + 60 * n}.{n}"


def at(n: int, seconds: float = 0) -> datetime:
    """When the n-th channel was made, and some seconds later."""
    return START + timedelta(seconds=60 * n + seconds)


def cdr(n: int, **given: object) -> dict[str, object]:
    """A FreePBX row of the n-th channel: Naledi phones the service queue, 101 answers."""
    row: dict[str, object] = {
        "calldate": wall(at(n)),
        "clid": f'"Naledi" <{NALEDI}>',
        "src": NALEDI,
        "dst": "600",
        "dcontext": "ext-queues",
        "channel": f"PJSIP/trunk-{n:08x}",
        "dstchannel": f"Local/101@from-queue-{n:08x};1",
        "lastapp": "Queue",
        "lastdata": "600,t,,,,,,,,",
        "duration": 50,
        "billsec": 40,
        "disposition": "ANSWERED",
        "amaflags": 3,
        "uniqueid": channel(n),
        "did": "0101234567",
        "recordingfile": "",
        "cnum": NALEDI,
        "outbound_cnum": "",
        "linkedid": channel(n),
        "sequence": n,
    }
    return row | given


def event(n: int, type: str, of: int, **given: object) -> dict[str, object]:
    """A CEL row of the n-th channel in the call that channel `of` began."""
    row: dict[str, object] = {
        "eventtype": type,
        "eventtime": wall(at(n)),
        "cid_num": "",
        "exten": "",
        "context": "from-internal",
        "channame": f"PJSIP/{100 + n}-{n:08x}",
        "appname": "",
        "appdata": "",
        "uniqueid": channel(n),
        "linkedid": channel(of),
    }
    return row | given


def sound(path: Path, *, seconds: float = 0.4, pitch: float = 440.0, channels: int = 1) -> Path:
    """A WAV as MixMonitor writes it, with a tone in it; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * 8000)) / 8000
    tones = [np.sin(2 * np.pi * pitch * (1 + n) * time) * 9000 for n in range(channels)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.stack(tones, axis=1).astype("<i2").tobytes())
    return path
