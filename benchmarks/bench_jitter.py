"""Jitter buffers on the same seeded networks: what is played, how late, how fast they recover, what they cost.

    python benchmarks/bench_jitter.py

The rival is aiortc's ``JitterBuffer`` as its receiver makes it for audio (capacity 16, prefetch 4),
where it is installed. A minute of 20 ms packets at 48000 Hz goes over each network. Time counts as
filled if there is a packet for it or, for rawmedia, a hole to be recovered from the next packet's
FEC or concealed; aiortc names no holes. The delay is that from the soonest that a packet could have
come until it was given out.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

from harness import Rival, measure

from rawmedia.testing.network import GilbertElliott, LossyLink
from rawmedia.wire.jitter import Hole, JitterBuffer, Received
from rawmedia.wire.rtp import RtpPacket

RATE, PACKET_MS = 48_000, 20.0
TICKS = 960
PACKETS = 3_000
BURST_AT_MS, BURST_MS = 20_000.0, 300.0

Trace = list[tuple[float, RtpPacket]]
"""Packets with the times of their arrival, in order."""


@dataclass
class Played:
    """What came out of a buffer."""

    given: list[tuple[float, int]] = field(default_factory=list)
    """When each packet came out, and its number in the stream."""
    recoverable: int = 0
    """Lost packets whose next was in hand in time."""
    concealed: int = 0
    """Other lost packets whose time was given as a hole."""

    def delays_ms(self, path_ms: float) -> list[tuple[float, float]]:
        """For each packet, when it came out, and its delay beyond the shortest way."""
        return [(at, at - number * PACKET_MS - path_ms) for at, number in self.given]


Play = Callable[[Trace], Played]


def ours(trace: Trace) -> Played:
    """Every packet when it comes, and a pull whenever the buffer says that something is due."""
    buffer, played = JitterBuffer(RATE), Played()

    def pull(now_ms: float) -> None:
        for item in buffer.pull(now_ms):
            if isinstance(item, Received):
                played.given.append((now_ms, item.packet.timestamp // TICKS))
            elif isinstance(item, Hole) and item.position < PACKETS * TICKS:
                packets = item.duration // TICKS
                played.recoverable += item.next_packet is not None
                played.concealed += packets - (item.next_packet is not None)

    for arrival_ms, packet in [*trace, (trace[-1][0] + 10_000, None)]:
        while (due_ms := buffer.next_due_ms) is not None and due_ms <= arrival_ms:
            pull(due_ms)
        if packet is not None:
            buffer.push(packet, arrival_ms)
            pull(arrival_ms)
    return played


def aiortc(trace: Trace) -> Played:
    """A packet in, at most one frame out, then and there."""
    buffer, played = aiortc_buffer(), Played()
    for (arrival_ms, _), packet in zip(trace, aiortc_packets(trace), strict=True):
        _, frame = buffer.add(packet)
        if frame is not None:
            played.given.append((arrival_ms, frame.timestamp // TICKS))
    return played


def aiortc_buffer() -> Any:
    from aiortc.jitterbuffer import JitterBuffer as AiortcBuffer

    return AiortcBuffer(capacity=16, prefetch=4)


def aiortc_packets(trace: Trace) -> list[Any]:
    from aiortc.rtp import RtpPacket as AiortcPacket

    packets = []
    for _, packet in trace:
        other: Any = AiortcPacket(
            payload_type=packet.payload_type,
            sequence_number=packet.sequence_number,
            timestamp=packet.timestamp,
            payload=packet.payload,
        )
        other._data = packet.payload  # its receiver sets this before it adds a packet
        packets.append(other)
    return packets


def stream() -> list[tuple[float, RtpPacket]]:
    return [
        (n * PACKET_MS, RtpPacket(111, n & 0xFFFF, n * TICKS, 1, bytes(60))) for n in range(PACKETS)
    ]


def print_networks(plays: dict[str, Play | None]) -> None:
    networks: dict[str, tuple[float, LossyLink[RtpPacket]]] = {
        "no loss, no jitter": (0, LossyLink(1)),
        "1 % random loss": (0, LossyLink(1, loss=0.01)),
        "5 % random loss": (0, LossyLink(1, loss=0.05)),
        "5 % in bursts of 3": (0, LossyLink(1, burst=GilbertElliott.of(0.05, 3))),
        "10 ms mean jitter": (0, LossyLink(1, jitter_ms=10)),
        "good_wifi": (8, LossyLink.preset("good_wifi", 1)),
        "congested_4g": (40, LossyLink.preset("congested_4g", 1)),
        "transatlantic": (45, LossyLink.preset("transatlantic", 1)),
    }
    print(f"\n{PACKETS} packets of {PACKET_MS:g} ms; of the time, % that is")
    print(
        f"{'':34}  {'filled':>6}  {'played':>6}  {'FEC':>5}  {'concealed':>9}"
        f"  {'of received, played':>19}  {'mean delay ms':>13}"
    )
    for network, (path_ms, link) in networks.items():
        trace = link.transmit(stream())
        for name, play in plays.items():
            label = f"{network}, {name}"
            if play is None:
                print(f"{label:34}  not installed")
                continue
            played = play(trace)
            shares = [
                100 * count / PACKETS
                for count in (len(played.given), played.recoverable, played.concealed)
            ]
            came = len({packet.timestamp for _, packet in trace})
            delay_ms = fmean(delay for _, delay in played.delays_ms(path_ms))
            print(
                f"{label:34}  {sum(shares):6.2f}  {shares[0]:6.2f}  {shares[1]:5.2f}"
                f"  {shares[2]:9.2f}  {100 * len(played.given) / came:19.2f}  {delay_ms:13.1f}"
            )


def recovery(played: Played) -> str:
    """How long after the burst the delay stays more than 10 ms above what it was at most before."""
    delays = played.delays_ms(0)
    start, end = BURST_AT_MS, BURST_AT_MS + BURST_MS
    before = [delay for at, delay in delays if start - 5_000 <= at < start]
    above = [at for at, delay in delays if at >= end and delay > max(before) + 10]
    last = max(above, default=end)
    missing = PACKETS - len(played.given)
    never = last > delays[-1][0] - 1_000
    return f"{'never' if never else f'{last - end:.0f} ms':>12}  {missing * PACKET_MS:17.0f}"


def print_recoveries(plays: dict[str, Play | None]) -> None:
    print(f"\nA burst of {BURST_MS:g} ms on a line with 4 ms of jitter, 20 s into the call")
    print(f"{'':34}  {'recovered in':>12}  {'audio not played':>17} ms")
    for kind in ("spike", "outage", "one packet lost"):
        for name, play in plays.items():
            label = f"{kind}, {name}"
            if play is None:
                print(f"{label:34}  not installed")
                continue
            link: LossyLink[RtpPacket] = LossyLink(1, jitter_ms=4)
            if kind == "spike":
                link.spike(BURST_AT_MS, BURST_MS)
            else:
                link.outage(BURST_AT_MS, BURST_MS if kind == "outage" else PACKET_MS)
            print(f"{label:34}  {recovery(play(link.transmit(stream())))}")


def cost_of_ours(trace: Trace) -> None:
    buffer = JitterBuffer(RATE)
    for arrival_ms, packet in trace:
        buffer.push(packet, arrival_ms)
        buffer.pull(arrival_ms)


def cost_of_ours_timed(trace: Trace) -> None:
    buffer = JitterBuffer(RATE)
    for arrival_ms, packet in trace:
        buffer.push(packet, arrival_ms)
        buffer.pull(arrival_ms)
        buffer.next_due_ms  # noqa: B018 - what a receiver sets its timer by


def cost_of_aiortc(trace: Trace) -> Rival:
    packets = aiortc_packets(trace)

    def add_all() -> None:
        buffer = aiortc_buffer()
        for packet in packets:
            buffer.add(packet)

    return add_all


def main() -> None:
    there = importlib.util.find_spec("aiortc") is not None
    plays: dict[str, Play | None] = {"rawmedia": ours, "aiortc": aiortc if there else None}
    print_networks(plays)
    print_recoveries(plays)
    links: dict[str, LossyLink[RtpPacket]] = {
        "no loss": LossyLink(1),
        "5 % random loss, 10 ms jitter": LossyLink(1, loss=0.05, jitter_ms=10),
        "congested_4g": LossyLink.preset("congested_4g", 1),
    }
    for network, link in links.items():
        trace = link.transmit(stream())
        measure(
            {
                "rawmedia, push and pull": partial(cost_of_ours, trace),
                "and next_due_ms": partial(cost_of_ours_timed, trace),
                "aiortc, add": cost_of_aiortc(trace) if there else None,
            },
            operations=len(trace),
            title=f"{network}: one packet; ratio: this one's time by rawmedia's",
        )


if __name__ == "__main__":
    main()
