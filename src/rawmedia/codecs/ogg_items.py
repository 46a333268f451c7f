"""What is found in an Ogg Opus stream: beginnings, packets, gaps and damage, and how many of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rawmedia.codecs.ogg_page import (
        OpusHead,
        OpusTags,
    )
    from rawmedia.errors import ContainerError


class OggStreamStart(NamedTuple):
    """A stream begins: decode what follows by this head, with a decoder that knows nothing yet."""

    head: OpusHead
    tags: OpusTags | None
    """None where they were lost."""


class OggPacket(NamedTuple):
    """A packet, and which of its samples are to be heard. All counts are of 48 kHz, per channel."""

    data: bytes
    duration: int
    """Samples that a decoder makes of it."""
    skip: int
    """Samples at its beginning to drop; it is part of the pre-skip."""
    samples: int
    """Samples to keep after those; what is left then lies behind the end of the stream."""
    position: int
    """Where they begin: samples to be heard since the stream began, those of holes included."""


class OggGap(NamedTuple):
    """A hole: audio that is missing between the packets around it."""

    samples: int
    """How long it is, at 48 kHz, by the granule positions; whoever sent them may claim anything."""
    position: int
    """As in `OggPacket`."""


class OggDamage(NamedTuple):
    """Something here was passed over. A hole in the audio that it leaves is an `OggGap` beside it."""

    error: ContainerError


OggItem = OggStreamStart | OggPacket | OggGap | OggDamage


@dataclass(slots=True)
class OggCounts:
    """What was passed over since the demuxer was made."""

    bytes_passed_over: int = 0
    """Between pages, or in pages whose checksum is wrong."""
    bad_checksums: int = 0
    sequence_breaks: int = 0
    """Times that the next page of the stream was another one than was due."""
    packets_dropped: int = 0
    """Packets that are incomplete, too long or none of Opus."""
    missing_samples: int = 0
    """At 48 kHz, in all gaps."""
    other_pages: int = 0
    """Pages of other streams in the same bytes, or behind the end of theirs."""


__all__ = ["OggCounts", "OggDamage", "OggGap", "OggItem", "OggPacket", "OggStreamStart"]
