"""Opus packets out of Ogg bytes that arrive piece by piece (RFC 3533, RFC 7845)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.pcm import byte_view
from rawmedia.codecs.ogg_items import (
    OggCounts,
    OggDamage,
    OggItem,
)
from rawmedia.codecs.ogg_link import Link
from rawmedia.codecs.ogg_page import (
    CAPTURE_PATTERN,
    FIRST_PAGE,
    HEAD_MAGIC,
    OggPage,
    OpusHead,
    checksum_holds,
    head_bytes,
    page_head,
)
from rawmedia.errors import ContainerError

if TYPE_CHECKING:
    from rawmedia.audio.pcm import PCMBytes

MAX_SEARCH_BYTES = 65_536
"""How much may come before the first page until it is said that this is no Ogg."""
_MAX_FAILURES = 32
"""So many pages in a row with a wrong checksum are looked into for pages, and no more."""


class OggOpusDemuxer:
    """Takes the bytes of Ogg Opus cut anywhere, gives its packets as soon as they are there.

    A page tells at its head how its packets lie, so each leaves with its last byte and does not
    wait for the rest of the page, which may be a second long. The price is that it leaves before
    the checksum of the page can be known. Where something is wrong (bytes that are no page, a
    page missing in the sequence, a granule position that leaps) one page is awaited whole, and
    after bytes that are no page its checksum must hold.

    Chained streams follow each other as `OggStreamStart` says. Of streams side by side, the
    first of Opus is read. Any bytes give items or the one error that `push` and `end` name;
    however the bytes are cut, the items are the same. Held are at most a page and a packet,
    less than 200 KiB, and what one `push` brings.

    Args:
        check_crc: Await every page whole and pass over those whose checksum is wrong: for
            files and links that may flip bits. TCP, TLS and WebSockets have checksums.
    """

    __slots__ = (
        "_astray",
        "_began",
        "_check_crc",
        "_counts",
        "_failures",
        "_grouping",
        "_index",
        "_link",
        "_need",
        "_pieces",
        "_problem",
        "_refusal",
        "_searched",
        "_skip",
        "_tail",
    )

    def __init__(self, *, check_crc: bool = False) -> None:
        self._check_crc = check_crc
        self._counts = OggCounts()
        self.reset()

    @property
    def counts(self) -> OggCounts:
        """What was passed over so far; it goes on changing."""
        return self._counts

    @property
    def head(self) -> OpusHead | None:
        """The head of the stream that is being read; None before one and after its last page."""
        return None if self._link is None else self._link.head

    def reset(self) -> None:
        """Forget everything but the counts; the next bytes are the first of a new stream."""
        self._tail = bytearray()  # what is not used yet
        self._need = 0  # how long the tail must be to get any further
        self._skip = 0  # bytes to pass over that belong to a page
        self._pieces: list[int] = []  # the packets of the page in hand
        self._index = 0  # which of them is next
        self._failures = 0  # checksums that did not hold since one that did
        self._astray = 0  # bytes since the last page that are none
        self._searched = 0
        self._link: Link | None = None
        self._began = False
        self._grouping = False  # in the first pages of streams side by side
        self._refusal = _no_beginning("a page from amid one")
        self._problem: ContainerError | None = None

    def push(self, data: PCMBytes) -> list[OggItem]:
        """Take bytes, give what they complete, in order.

        Args:
            data: Any number of bytes.

        Raises:
            ContainerError: No stream has begun, and the bytes show that none is there: 64 KiB
                without a page, or streams without one of Opus in mono or stereo. They were
                passed over. What follows is read, and a stream may still begin.
            PayloadError: ``data`` is no contiguous buffer; nothing was taken.
        """
        view = data if type(data) is bytes else byte_view(data)
        tail = self._tail
        if tail:
            tail += view
            if len(tail) < self._need:
                return []
            whole = bytes(tail)
        else:
            whole = bytes(view)
        items: list[OggItem] = []
        used = self._parse(whole, items)
        if tail:
            del tail[:used]
        elif used < len(whole):
            tail += memoryview(whole)[used:]
        if self._problem is not None:
            problem, self._problem = self._problem, None
            # A new one: what is raised twice keeps all the frames of both.
            raise ContainerError(problem.expected, problem.got)
        return items

    def end(self) -> list[OggItem]:
        """Say that no more bytes come; the next ones are the first of a new stream.

        Returns:
            An `OggDamage` if the bytes ended amid a page or a packet, and before it what lies
            behind the beginning of a page that never came whole, which therefore was none.

        Raises:
            ContainerError: No stream ever began.
        """
        unfinished = self._unfinished
        items: list[OggItem] = []
        self._read_awaited(items)
        unfinished = unfinished or self._unfinished
        began = self._began
        self.reset()
        if not began:
            raise ContainerError("an Ogg Opus stream", "the end of the data without one")
        if unfinished:
            items.append(
                OggDamage(ContainerError("the rest of a page or packet", "the end of the data"))
            )
        return items

    @property
    def _unfinished(self) -> bool:
        """Whether a page or a packet is in hand."""
        link = self._link
        return bool(self._tail or self._skip or self._pieces or (link and link.unfinished))

    def _read_awaited(self, items: list[OggItem]) -> None:
        """Look for pages in what was kept for one that will not come whole."""
        while self._tail and not self._pieces and not self._skip:
            rest = bytes(self._tail)
            used = self._pass_over(1, 0)
            used += self._parse(rest[used:], items)
            del self._tail[:used]

    def _parse(self, data: bytes, items: list[OggItem]) -> int:
        """Read as far as it goes; says how many bytes are used."""
        at, size = 0, len(data)
        while True:
            if self._skip:
                step = min(self._skip, size - at)
                self._skip -= step
                at += step
            if self._pieces:
                at = self._read_body(data, at, items)
                if self._pieces:
                    return at
            if at == size:
                return at
            before = at
            at = self._read_head(data, at, items)
            if at == before:
                return at

    def _read_head(self, data: bytes, at: int, items: list[OggItem]) -> int:
        """Find a page and read its head, or a whole page that begins a stream or is awaited."""
        if not data.startswith(CAPTURE_PATTERN, at):
            return self._search(data, at)
        head = head_bytes(data, at)
        if not head:
            self._need = 27 if len(data) - at < 27 else 27 + data[at + 26]
            return at
        page = page_head(data, at)
        if page is None:
            return self._pass_over(1, at)
        body = at + head
        end = body + page.body_bytes
        verify = self._check_crc or self._astray > 0
        link = self._link
        if link is not None and page.serial != link.serial:
            link = None
        leaps = link is not None and link.leaps(page)
        if verify or leaps or page.flags & FIRST_PAGE:
            if end > len(data):
                self._need = end - at
                return at
            if verify and not checksum_holds(data[at:end]):
                self._counts.bad_checksums += 1
                self._failures += 1
                # Heads made to look real may each claim a long page; beyond a few of them what
                # was checked is passed over as a whole, so that work stays in proportion to bytes.
                return self._pass_over(1 if self._failures <= _MAX_FAILURES else end - at, at)
            self._failures = 0
        if self._astray:
            items.append(OggDamage(ContainerError("a page", f"{self._astray} bytes that are none")))
            self._astray = 0
        self._searched = 0
        if page.flags & FIRST_PAGE:
            self._first_page(page, data[body:end], items)
            return end
        self._grouping = False
        if link is None:
            self._counts.other_pages += 1
            self._problem = None if self._began else self._refusal
            self._skip = end - body
            return body
        self._pieces, self._skip = link.open_page(page, data, body, items, leaps=leaps)
        self._index = 0
        if not self._pieces and link.close_page(items):
            self._link = None
        return body

    def _search(self, data: bytes, at: int) -> int:
        """Go to the next capture pattern, or to what may be the beginning of one."""
        found = data.find(CAPTURE_PATTERN, at)
        if found < 0:
            found = len(data)
            for length in (3, 2, 1):
                if data.endswith(CAPTURE_PATTERN[:length], at):
                    found -= length
                    break
            self._need = len(CAPTURE_PATTERN)
        return self._pass_over(found - at, at)

    def _pass_over(self, count: int, at: int) -> int:
        self._counts.bytes_passed_over += count
        self._astray += count
        self._searched += count
        if self._searched > MAX_SEARCH_BYTES and not self._began:
            self._problem = ContainerError("Ogg", f"{self._searched} bytes without a page")
            self._searched = 0
        return at + count

    def _first_page(self, page: OggPage, body: bytes, items: list[OggItem]) -> None:
        """Begin a stream, unless it is another's, or beside one that has begun."""
        if self._grouping or not body.startswith(HEAD_MAGIC):
            self._counts.other_pages += 1
            self._refusal = _no_beginning(f"one of {body[:8]!r}")
            return
        if self._link is not None:
            self._link.drop_partial(items)
        self._link = None
        try:
            head = OpusHead.from_bytes(body[: page.pieces()[0]])
        except ContainerError as error:
            items.append(OggDamage(error))
            self._refusal = error
            self._problem = None if self._began else error
            return
        self._link = Link(page, head, self._counts)
        self._began = self._grouping = True
        self._problem = None

    def _read_body(self, data: bytes, at: int, items: list[OggItem]) -> int:
        """Hand on the packets that are there."""
        link, pieces, index = self._link, self._pieces, self._index
        assert link is not None
        size, count = len(data), len(pieces)
        while index < count:
            end = at + pieces[index]
            if end > size:
                self._index, self._need = index, pieces[index]
                return at
            index += 1
            link.take(data[at:end], items, last=index == count)
            at = end
        self._pieces = []
        if link.close_page(items):
            self._link = None
        return at


def _no_beginning(got: str) -> ContainerError:
    return ContainerError("the beginning of an Opus stream", got)


__all__ = ["MAX_SEARCH_BYTES", "OggOpusDemuxer"]
