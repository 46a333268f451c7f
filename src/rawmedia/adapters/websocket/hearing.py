"""What comes in over a socket, as the streams of a leg: one, or one for each voice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.placing import CallTimeline, VoicePlace
from rawmedia.errors import StreamClosedError, StreamEndedError
from rawmedia.streams.inbound import InboundAudioStream

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.dialect import AudioReceived
    from rawmedia.streams.leg import CallLeg


class _Voice:
    """A stream, and how far along the call's timeline it is."""

    __slots__ = ("place", "stream")

    def __init__(self, stream: InboundAudioStream, place: VoicePlace) -> None:
        self.stream, self.place = stream, place


class Hearing:
    """Gives what is heard to the leg's inbound stream, or to a participant's, who joins with it.

    Args:
        leg: Whose streams they are.
        capacity_ms: How much unread audio a participant's stream keeps.
        max_participants: How many may join; the audio of others is counted as unheard.
    """

    def __init__(self, leg: CallLeg, *, capacity_ms: float, max_participants: int) -> None:
        self._leg = leg
        self._capacity_ms, self._max_participants = capacity_ms, max_participants
        self._timeline = CallTimeline()
        self._voices: dict[str | None, _Voice] = {None: self._voice(leg.inbound)}
        self.unheard_ms = 0.0

    def reattach(self) -> None:
        """Another socket follows; what was said in between is a gap."""
        self._timeline.reattach()

    def take(self, received: AudioReceived, now: float) -> None:
        """Bring audio to the stream it belongs to.

        Raises:
            StreamFailedError: Somebody failed that stream.
        """
        voice = self._voices.get(received.participant) or self._join(received.participant)
        samples = len(received.audio) // 2
        if voice is None:
            self.unheard_ms += self._leg.inbound.format.duration_ms(samples)
            return
        position = voice.place.place(received.timestamp_ms, samples, now)
        try:
            voice.stream.push(received.audio, position)
        except (StreamClosedError, StreamEndedError):
            return  # the program wants no more of this voice

    def end(self) -> None:
        """The call is over; what was heard stays readable."""
        for participant in self._leg.participants:
            self._leg.leave(participant)
        self._leg.inbound.end()

    def fail(self, error: BaseException) -> None:
        """The call broke; readers get what is left, then `StreamFailedError`."""
        for stream in (*self._leg.participants.values(), self._leg.inbound):
            stream.fail(error)

    def _join(self, participant: str | None) -> _Voice | None:
        leg = self._leg
        if participant is None or leg.state == "closed":
            return None
        stream = leg.participants.get(participant)
        if stream is None:
            # Who has left still counts: else names made up one after another would cost memory.
            if len(self._voices) > self._max_participants:
                return None
            stream = InboundAudioStream(
                leg.inbound.format,
                capacity_ms=self._capacity_ms,
                source=participant,
                clock=leg.clock,
            )
            leg.join(participant, stream)
        voice = self._voices[participant] = self._voice(stream)
        return voice

    def _voice(self, stream: InboundAudioStream) -> _Voice:
        return _Voice(stream, VoicePlace(self._timeline, stream.format.sample_rate))


__all__ = ["Hearing"]
