"""What a recording is, what is stored of it, and how it is heard again. No database, no keys; flat memory."""

from imvume.archive.sound.facts import Packed, Part, Sound, parts
from imvume.archive.sound.inspecting import inspect
from imvume.archive.sound.packing import pack
from imvume.archive.sound.playback import Leg, Playback
from imvume.archive.sound.unpacking import Restored, content_size, restored, unpack, write_wav

__all__ = [
    "Leg",
    "Packed",
    "Part",
    "Playback",
    "Restored",
    "Sound",
    "content_size",
    "inspect",
    "pack",
    "parts",
    "restored",
    "unpack",
    "write_wav",
]
