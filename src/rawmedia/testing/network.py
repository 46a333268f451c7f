"""A bad network in a test: loss, bursts, delay, jitter, reordering and drift, the same from the same seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf, log
from random import Random
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

T = TypeVar("T")
"""What a packet is: anything; the link only carries it."""

Preset = Literal["good_wifi", "congested_4g", "transatlantic"]
"""Networks by name."""

MAX_DRIFT_PPM = 100_000.0
"""A tenth; crystals are off by 100 ppm at worst, broken senders by some percent."""


@dataclass(frozen=True, slots=True)
class GilbertElliott:
    """Loss that comes in bursts: a good and a bad state, and a chance to change at each packet.

    Raises:
        ConfigurationError: A probability is out of [0, 1], or the bad state would never end.

    Source: E. N. Gilbert, "Capacity of a burst-noise channel", 1960; E. O. Elliott, "Estimates
        of error rates for codes on burst-noise channels", 1963.
    """

    enter: float
    """Chance that the bad state begins with the next packet."""
    leave: float
    """Chance that it ends with the next packet; above 0."""
    loss_bad: float = 1.0
    """Chance that a packet is lost in the bad state."""
    loss_good: float = 0.0
    """The same in the good state."""

    def __post_init__(self) -> None:
        for name in ("enter", "leave", "loss_bad", "loss_good"):
            _check_share(name, getattr(self, name))
        if not self.leave:
            raise ConfigurationError("leave", "above 0, or the bad state never ends")

    @classmethod
    def of(cls, loss: float, mean_burst: float) -> Self:
        """The one that loses such a share of packets, in runs of such a mean length.

        Args:
            loss: Share of packets that are lost, 0 to below 1.
            mean_burst: Packets lost in a row, on average; 1 or more, and short enough that the
                good stretches in between last a packet.
        """
        if not 0 <= loss < 1:
            raise ConfigurationError("loss", f"0 to below 1, not {loss}")
        if not mean_burst >= 1:
            raise ConfigurationError("mean_burst", f"1 or more, not {mean_burst}")
        leave = 1 / mean_burst
        return cls(enter=leave * loss / (1 - loss), leave=leave)

    @property
    def loss_rate(self) -> float:
        """Share of packets lost in the long run."""
        bad = self.enter / (self.enter + self.leave)
        return bad * self.loss_bad + (1 - bad) * self.loss_good

    @property
    def mean_burst(self) -> float:
        """How many packets the bad state lasts on average."""
        return 1 / self.leave


@dataclass(frozen=True, slots=True)
class LinkStats:
    """What a link did; ``sent + duplicated`` is ``lost + delivered + in_flight``."""

    sent: int
    """Packets put in."""
    lost: int
    """Packets that never come out."""
    duplicated: int
    """Copies made."""
    reordered: int
    """Packets held back so that later ones may overtake them."""
    delivered: int
    """Packets and copies given out."""
    in_flight: int
    """Packets and copies still on the way."""


class LossyLink(Generic[T]):
    """One direction of a network path, for packets of any kind. No socket and no clock.

    What happens to a packet is drawn when it is sent. Each kind of trouble has a random stream of
    its own, so the same seed loses the same packets whatever else is set. Jitter delays
    packets and keeps their order, as a queue does; only ``reorder`` and ``duplicate`` make
    packets overtake others.

    Args:
        seed: Which run of luck.
        loss: Share of packets lost, each for itself.
        burst: Loss that comes in bursts, besides.
        delay_ms: How long every packet takes at least.
        jitter_ms: How much longer it takes on average, exponentially distributed.
        reorder: Share of packets held back for up to ``reorder_ms`` more, out of the queue.
        reorder_ms: The most that they are held back.
        duplicate: Share of packets that come twice, the copy up to 10 ms after.
        drift_ppm: How much the sender's clock runs fast, in millionths; negative is slow. Times
            of sending are the sender's, arrivals are by a true clock, and both agree at the
            first packet.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        seed: int,
        *,
        loss: float = 0.0,
        burst: GilbertElliott | None = None,
        delay_ms: float = 0.0,
        jitter_ms: float = 0.0,
        reorder: float = 0.0,
        reorder_ms: float = 50.0,
        duplicate: float = 0.0,
        drift_ppm: float = 0.0,
    ) -> None:
        for name, share in (("loss", loss), ("reorder", reorder), ("duplicate", duplicate)):
            _check_share(name, share)
        for name, duration_ms in (
            ("delay_ms", delay_ms),
            ("jitter_ms", jitter_ms),
            ("reorder_ms", reorder_ms),
        ):
            if not 0 <= duration_ms < inf:
                raise ConfigurationError(name, f"0 or more, not {duration_ms}")
        if not abs(drift_ppm) <= MAX_DRIFT_PPM:
            raise ConfigurationError("drift_ppm", f"up to {MAX_DRIFT_PPM:g}, not {drift_ppm}")
        self._loss, self._burst = loss, burst
        self._delay_ms, self._jitter_ms = delay_ms, jitter_ms
        self._reorder, self._reorder_ms, self._duplicate = reorder, reorder_ms, duplicate
        self._pace = 1 / (1 + drift_ppm / 1e6)
        self._luck = _Luck(seed)
        self._bad = False
        self._first_ms: float | None = None
        self._tail_ms = -inf
        """When the last packet in the queue arrives; none overtakes it."""
        self._spikes: list[tuple[float, float]] = []
        self._outages: list[tuple[float, float]] = []
        self._flying: list[tuple[float, int, T]] = []
        self._serial = 0
        self._sent = self._lost = self._duplicated = self._reordered = self._delivered = 0

    @classmethod
    def preset(cls, name: Preset, seed: int) -> Self:
        """A network that many calls have.

        The figures are chosen to be typical, not taken from one measurement.

        Args:
            name: ``"good_wifi"``: 0.2 % loss, 3 ms of jitter. ``"congested_4g"``: 3 % loss in bursts
                of three, 25 ms of jitter, some reordering. ``"transatlantic"``: 45 ms one way,
                0.5 % loss, 2 ms of jitter.
            seed: Which run of luck.

        Raises:
            ConfigurationError: There is none of that name.
        """
        settings = _PRESETS.get(name)
        if settings is None:
            raise ConfigurationError("name", f"one of {', '.join(get_args(Preset))}, not {name!r}")
        return cls(seed, **settings)

    @property
    def stats(self) -> LinkStats:
        """What the link did so far."""
        return LinkStats(
            sent=self._sent,
            lost=self._lost,
            duplicated=self._duplicated,
            reordered=self._reordered,
            delivered=self._delivered,
            in_flight=len(self._flying),
        )

    @property
    def next_arrival_ms(self) -> float | None:
        """When the next packet on its way arrives; None when there is none."""
        return self._flying[0][0] if self._flying else None

    def spike(self, start_ms: float, duration_ms: float) -> None:
        """Let nothing through for a while; what would have come then comes together at its end.

        Args:
            start_ms: When it begins, by the receiver's clock, as arrivals are.
            duration_ms: How long it is.
        """
        self._spikes.append(_span(start_ms, duration_ms))
        self._spikes.sort()

    def outage(self, start_ms: float, duration_ms: float) -> None:
        """Lose every packet that is sent in a stretch of time.

        Args:
            start_ms: When it begins; compared to the time of sending by the true clock.
            duration_ms: How long it is.
        """
        self._outages.append(_span(start_ms, duration_ms))

    def send(self, packet: T, now_ms: float) -> None:
        """Put a packet in.

        Args:
            packet: Anything.
            now_ms: When it is sent, by the sender's clock; not before the packet before it.
        """
        if self._first_ms is None:
            self._first_ms = now_ms
        sent_ms = self._first_ms + (now_ms - self._first_ms) * self._pace
        self._sent += 1
        luck = self._luck
        # Every stream is drawn from at every packet, whatever becomes of it: so one setting
        # does not change what another does.
        # The first is `expovariate(1.0)`, written out where every packet passes.
        extra_ms = -log(1.0 - luck.jitter.random()) * self._jitter_ms
        held_back = luck.reordering.random() < self._reorder
        back_ms = luck.reordering.random() * self._reorder_ms
        copied = luck.copying.random() < self._duplicate
        copy_ms = luck.copying.random() * 10
        if self._is_lost(sent_ms):
            self._lost += 1
            return
        arrival_ms = sent_ms + self._delay_ms + extra_ms
        if arrival_ms < self._tail_ms:
            arrival_ms = self._tail_ms
        if self._spikes:
            arrival_ms = self._after_spikes(arrival_ms)
        self._tail_ms = arrival_ms
        if held_back:
            self._reordered += 1
            arrival_ms = self._after_spikes(arrival_ms + back_ms)
        self._fly(arrival_ms, packet)
        if copied:
            self._duplicated += 1
            self._fly(self._after_spikes(arrival_ms + copy_ms), packet)

    def receive(self, now_ms: float) -> list[tuple[float, T]]:
        """Take out what has arrived by now, each with the time of its arrival, in that order."""
        flying, arrived = self._flying, []
        while flying and flying[0][0] <= now_ms:
            arrival_ms, _, packet = heappop(flying)
            arrived.append((arrival_ms, packet))
        self._delivered += len(arrived)
        return arrived

    def transmit(self, packets: Iterable[tuple[float, T]]) -> list[tuple[float, T]]:
        """Send packets, each at its time, and wait until all have arrived.

        Args:
            packets: Times of sending, in order, and packets.

        Returns:
            Times of arrival, in order, and packets; also those that were on the way before.
        """
        for sent_ms, packet in packets:
            self.send(packet, sent_ms)
        return self.receive(inf)

    def _is_lost(self, sent_ms: float) -> bool:
        lost = self._luck.loss.random() < self._loss
        change, chance = self._luck.bursts.random(), self._luck.bursts.random()
        burst = self._burst
        if burst is not None:
            self._bad = change >= burst.leave if self._bad else change < burst.enter
            lost = chance < (burst.loss_bad if self._bad else burst.loss_good) or lost
        if lost or not self._outages:
            return lost
        return any(start <= sent_ms < end for start, end in self._outages)

    def _after_spikes(self, arrival_ms: float) -> float:
        for start_ms, end_ms in self._spikes:
            if start_ms <= arrival_ms < end_ms:
                arrival_ms = end_ms
        return arrival_ms

    def _fly(self, arrival_ms: float, packet: T) -> None:
        heappush(self._flying, (arrival_ms, self._serial, packet))
        self._serial += 1


@dataclass(slots=True)
class _Luck:
    """One random stream for each kind of trouble, all from one seed."""

    seed: int
    loss: Random = field(init=False)
    bursts: Random = field(init=False)
    jitter: Random = field(init=False)
    reordering: Random = field(init=False)
    copying: Random = field(init=False)

    def __post_init__(self) -> None:
        for name in ("loss", "bursts", "jitter", "reordering", "copying"):
            setattr(self, name, Random(f"{self.seed} {name}"))  # noqa: S311 - for tests


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigurationError(name, f"a share of 0 to 1, not {share}")


def _span(start_ms: float, duration_ms: float) -> tuple[float, float]:
    if not 0 <= duration_ms < inf:
        raise ConfigurationError("duration_ms", f"0 or more, not {duration_ms}")
    return start_ms, start_ms + duration_ms


_PRESETS: dict[str, dict[str, Any]] = {
    "good_wifi": {"loss": 0.002, "delay_ms": 8.0, "jitter_ms": 3.0},
    "congested_4g": {
        "burst": GilbertElliott.of(loss=0.03, mean_burst=3.0),
        "delay_ms": 40.0,
        "jitter_ms": 25.0,
        "reorder": 0.01,
        "duplicate": 0.001,
    },
    "transatlantic": {"loss": 0.005, "delay_ms": 45.0, "jitter_ms": 2.0, "reorder": 0.001},
}


__all__ = ["MAX_DRIFT_PPM", "GilbertElliott", "LinkStats", "LossyLink", "Preset"]
