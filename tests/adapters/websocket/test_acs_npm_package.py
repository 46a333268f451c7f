"""The platform's own JavaScript package reads what we and our fake write, and we read what it builds.

Its parser is made for what the service writes, in camelCase; it knows ``AudioData``, but no message
that stops audio, not even those that its own builders make. Which it knows is tested, too: a later version that
knows more should change what we say of it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from rawmedia.adapters.handlers import EchoHandler
from rawmedia.adapters.websocket import AnyCaller, Handshake, WebSocketCalls
from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    ClearAudio,
    KeyPressed,
    MessageFault,
    StreamStarted,
)
from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE
from rawmedia.audio.frame import AudioFrame
from rawmedia.testing import FakeAcs, VirtualClock, socket_pair
from rawmedia.testing.checks.dialect import check_dialect
from rawmedia.testing.fake_acs import AcsMessages
from rawmedia.testing.platform_messages import SaidAudio, SaidClear

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat

FOLDER = Path(__file__).parents[1] / "npm"
PCM = bytes(range(256)) * 2
TEXT = base64.b64encode(PCM).decode()


def package(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    """What the package makes of each request; see ``acs_package.mjs``."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip("the npm packages are not installed; scripts/test does that")
    ran = subprocess.run(
        [node, str(FOLDER / "acs_package.mjs")],
        input="".join(json.dumps(each) + "\n" for each in requests),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def started(
    format: AudioFormat = SPEECH, casing: Literal["pascal", "camel"] = "pascal"
) -> AcsDialect:
    dialect = AcsDialect(casing=casing)
    for message in AcsMessages(format).opening():
        dialect.parse(message)
    return dialect


def test_audio_in_camel_case_is_read_by_the_package() -> None:
    """It is what an `AcsDialect` sends that was told to."""
    sent = started(casing="camel").encode(AudioFrame(PCM, SPEECH))
    (read,) = package({"parse": sent[0]})
    assert read == {"kind": "AudioData", "result": {"data": TEXT}}


def test_the_documented_form_and_what_stops_audio_are_not_what_its_parser_is_for() -> None:
    """The documentation writes out PascalCase, so that is sent by default; the package refuses it, as
    it refuses every message that stops audio, its own included."""
    frame = AudioFrame(PCM, SPEECH)
    documented = [*started().encode(frame), *started().encode(ClearAudio())]
    camel = started(casing="camel").encode(ClearAudio())
    (its_audio, its_stop) = [each["message"] for each in package({"audio": TEXT}, {"stop": True})]
    refused = [*documented, *camel, its_audio, its_stop]
    read = package(*({"parse": message} for message in refused))
    assert [each["error"] for each in read] == [
        "Unknown data kind: undefined",
        "Unknown data kind: undefined",
        "Unknown data kind: StopAudio",
        "Unknown data kind: audioData",
        "Unknown data kind: stopAudio",
    ]


def test_what_stops_audio_names_what_the_packages_builder_names() -> None:
    """Nothing else can be compared there: an empty object, under the same names, whatever their case."""
    (built,) = package({"stop": True})
    for casing in ("pascal", "camel"):
        (ours,) = started(casing=casing).encode(ClearAudio())
        said = {
            name.lower(): value for name, value in json.loads(ours).items() if value is not None
        }
        its = {name.lower(): value for name, value in json.loads(built["message"]).items()}
        assert said.pop("kind").lower() == its.pop("kind").lower() == "stopaudio"
        assert said == its == {"stopaudio": {}}


def test_what_the_package_builds_is_read() -> None:
    """A server's program in JavaScript says it so; audio that is played back to us would come like this."""
    (audio, stop) = [each["message"] for each in package({"audio": TEXT}, {"stop": True})]
    dialect = started()
    assert dialect.parse(audio) == (AudioReceived(PCM),)
    # Only a server says this, and we are the server; it does no harm.
    assert dialect.parse(stop) == (MessageFault("unknown_kind"),)


def test_the_fake_platform_understands_what_the_package_builds() -> None:
    """So that whoever serves in camelCase can be tried without the platform."""
    platform = AcsMessages(takes="camel")
    (audio, stop) = [each["message"] for each in package({"audio": TEXT}, {"stop": True})]
    assert platform.read(audio) == SaidAudio(PCM)
    assert platform.read(stop) == SaidClear()


@pytest.mark.parametrize("format", [SPEECH, WIDEBAND_VOICE], ids=str)
def test_what_the_fake_platform_says_is_what_the_package_expects_of_the_platform(
    format: AudioFormat,
) -> None:
    """And the dialect understands the same of it."""
    platform = AcsMessages(format)
    (opening,) = platform.opening()
    mixed, unmixed, telephone = (
        platform.audio(PCM, who, 1_250) for who in (None, "8:acs:a_b", "4:+15550100")
    )
    silence = platform.audio(bytes(640), None, 20)
    says = [opening, mixed, unmixed, telephone, silence, platform.key("7")]
    read = package(*({"parse": message} for message in says))
    dialect = AcsDialect()
    heard = [event for message in says for event in dialect.parse(message)]

    (metadata, *voices, key) = read
    start = heard[0]
    assert isinstance(start, StreamStarted)
    assert metadata["kind"] == "AudioMetadata"
    assert metadata["result"] == {
        "subscriptionId": start.stream_id,
        "encoding": "PCM",
        "sampleRate": start.format.sample_rate,
        "channels": 1,
    }
    for its, ours in zip(voices, heard[1:-1], strict=True):
        assert isinstance(ours, AudioReceived)
        assert base64.b64decode(its["result"]["data"]) == ours.audio
        assert its["result"]["isSilent"] == ours.silent
    assert [its["result"]["isSilent"] for its in voices] == [False, False, False, True]
    assert [each.participant for each in heard[1:-1] if isinstance(each, AudioReceived)] == [
        None,
        "8:acs:a_b",
        "4:+15550100",
        None,
    ]
    assert [its["result"].get("participant") for its in voices] == [
        None,
        {"kind": "communicationUser", "communicationUserId": "8:acs:a_b"},
        {"kind": "phoneNumber", "phoneNumber": "+15550100", "isAnonymous": False},
        None,
    ]
    assert voices[0]["result"]["timestamp"] == "2025-03-04T10:20:31.250Z"
    assert (key["kind"], key["result"]) == ("DtmfData", {"data": "7"})
    assert heard[-1] == KeyPressed("7")


def test_a_fake_platform_that_takes_camel_case_takes_that_alone() -> None:
    """One that took everything would tell nobody what the platform may not take."""
    frame = AudioFrame(PCM, SPEECH)
    for ours, theirs in (("camel", "pascal"), ("pascal", "camel")):
        platform = AcsMessages(takes=ours)  # type: ignore[arg-type]
        for command in (frame, ClearAudio()):
            (message,) = started(casing=ours).encode(command)  # type: ignore[arg-type]
            assert isinstance(platform.read(message), SaidAudio | SaidClear)
            (message,) = started(casing=theirs).encode(command)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="fields are"):
                platform.read(message)


def test_the_dialect_keeps_every_promise_in_camel_case_too() -> None:
    """The conformance checks, against a platform that takes that alone."""
    report = asyncio.run(
        check_dialect(lambda: AcsDialect(casing="camel"), lambda: AcsMessages(takes="camel"))
    )
    assert "audio_is_said" in report.passed


@pytest.mark.parametrize(
    "message",
    [
        "{}",
        '{"kind":""}',
        '{"kind":7}',
        '{"kind":"audioData"}',
        '{"kind":"audioData","audioData":{"data":""}}',
        '{"kind":"audioData","audioData":{"data":"AQAC"},"stopAudio":7}',
        '{"kind":"stopAudio"}',
        '{"kind":"audioData","audioData":{"data":"AQACAA=="},"more":1}',
        '{"":1}',
    ],
)
def test_a_fake_platform_that_takes_camel_case_complains_of_the_rest(message: str) -> None:
    """As the other does."""
    with pytest.raises(ValueError, match=r"."):
        AcsMessages(takes="camel").read(message)


def test_a_whole_call_in_camel_case() -> None:
    """The fake platform hears it, and has nothing to complain of."""
    clock = VirtualClock()

    async def main() -> FakeAcs:
        fake = FakeAcs(AudioFrame(PCM * 50, SPEECH), takes="camel", clock=clock)
        its_end, our_end = socket_pair()
        calls = WebSocketCalls(
            EchoHandler(),
            lambda: AcsDialect(casing="camel"),
            authenticator=AnyCaller(),
            clock=clock,
        )
        async with calls:
            serving = asyncio.create_task(calls.serve(our_end, Handshake.of("wss://x", {})))
            dialling = asyncio.create_task(fake.run(its_end))
            await clock.sleep_until(1.5)
            fake.hang_up()
            await asyncio.wait({serving, dialling})
        return fake

    fake = clock.run(main())
    assert not fake.complaints
    assert fake.heard().samples.any()
