"""Every way a recording can be refused, in the words its owner reads. Nothing here knows a name or a number."""

from __future__ import annotations

from imvume.errors import BadInput, Broken

_AGAIN = "Listen to the file; if it plays, save it again as WAV and import that."


def empty() -> BadInput:
    return BadInput(
        "archive.sound.empty",
        "The recording holds no sound.",
        why="It has no bytes, or a header and not one sample after it.",
        remedy="Nothing is lost by leaving it; if the call was long, look for its recording elsewhere.",
    )


def unknown() -> BadInput:
    return BadInput(
        "archive.sound.unknown",
        "The file is not a recording of a kind that is known here.",
        why="Neither its first bytes nor its extension are those of WAV, FLAC, Ogg, MP3, GSM or raw telephone audio.",
        remedy="Convert it to WAV and import that, or leave it out.",
    )


def coding() -> BadInput:
    return BadInput(
        "archive.sound.coding",
        "The recording is coded in a way that is not taken.",
        why="Its container is known, but not the coding of the samples inside.",
        remedy="Convert it to PCM, A-law or mu-law WAV and import that.",
    )


def truncated() -> BadInput:
    return BadInput(
        "archive.sound.truncated",
        "The recording ends before its header does.",
        why="The recorder stopped, or the copy was cut, before the first sample was written.",
        remedy="Copy it again from where it was made; if it is cut there too, nothing can be restored.",
    )


def lying() -> BadInput:
    return BadInput(
        "archive.sound.lying",
        "The header of the recording contradicts its own bytes.",
        why="A sample rate, width, block or count in it cannot be true.",
        remedy=_AGAIN,
    )


def damaged() -> BadInput:
    return BadInput(
        "archive.sound.damaged",
        "The recording cannot be decoded.",
        why="Its coded sound is damaged, or was never sound.",
        remedy="Copy it again from where it was made; if it does not play there either, nothing can be restored.",
    )


def channels() -> BadInput:
    return BadInput(
        "archive.sound.too-many-channels",
        "The recording has more channels than a call has sides.",
        why="One channel or two are taken: a caller and an agent.",
        remedy="Split it into mono or stereo files and import those.",
    )


def long() -> BadInput:
    return BadInput(
        "archive.sound.too-long",
        "The recording is longer than any call may be.",
        why="It claims, or unpacks to, more hours than the setting audio_hours_max allows.",
        remedy="If it is a real call, raise audio_hours_max in config.toml and import it again.",
    )


def streams() -> BadInput:
    return BadInput(
        "archive.sound.several-streams",
        "The file holds several recordings one after another, or side by side.",
        why="It is a chained or multiplexed Ogg, of which a player would show only the first part.",
        remedy="Split it into one file a recording and import those.",
    )


def changed() -> BadInput:
    return BadInput(
        "archive.sound.changed",
        "The recording changed while it was read.",
        why="It is shorter now than when it was first looked at.",
        remedy="Wait until the recorder has closed it and import it again.",
    )


def stored() -> Broken:
    return Broken(
        "archive.sound.stored-differs",
        "A stored recording does not unpack to what was sealed.",
        why="It yields another number of samples than its row says, or cannot be decoded.",
        remedy="Run `imvume verify` and restore the object from a backup.",
    )


def encoder() -> Broken:
    return Broken(
        "archive.sound.encoder",
        "The FLAC encoder did not write what it was given.",
        why="Its own count of samples, or the order in which it wrote its header, is not what it must be.",
        remedy="The recording is untouched; report this with the version of libsndfile that is installed.",
    )
