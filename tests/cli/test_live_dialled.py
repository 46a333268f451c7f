"""``rawmedia live`` with a call that a platform dials, in virtual time."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
from command_line import SCRIPTED_RAWMEDIA
from live_kit import MINE_HZ, THEIRS_HZ, VOICE_HZ, Network, live, strength

from rawmedia.adapters.websocket import SocketClosedError
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.captions.report import CallReport
from rawmedia.testing import FakeAcs, FakeTwilio, speech_like, tone
from server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.testing.fake_platform import FakePlatform

URL = "ws://127.0.0.1:8000/calls"
ACS = ("--dialect", "acs", "--insecure-no-auth")
TOKEN = "0123456789abcdef0123456789abcdef"
_NORMAL, _REFUSED, _TRY_LATER = 1000, 1008, 1013


class Platform:
    """Dials after some seconds, and hangs up after some more."""

    def __init__(self, dialect: str = "acs", *, at_s: float = 1.0, for_s: float = 1e3) -> None:
        self.dialect, self.at_s, self.for_s = dialect, at_s, for_s
        self.closed: int | None = None

    async def __call__(self, network: Network) -> None:
        clock = network.clock
        if self.dialect == "acs":
            acs = FakeAcs(tone(60_000, hz=THEIRS_HZ, format=SPEECH), clock=clock)
            self.fake: FakePlatform = acs
            headers = acs.headers
        else:
            says = tone(60_000, hz=THEIRS_HZ, format=TELEPHONY)
            self.fake = FakeTwilio(says, clock=clock)
            headers = FakeTwilio.headers(network.url, TOKEN)
        await clock.sleep_until(self.at_s)
        clock.call_at(self.at_s + self.for_s, self.fake.hang_up)
        self.closed = await network.dial(self.fake, headers)

    def strength(self, hz: float, from_s: float = 0, to_s: float = 1e4) -> float:
        """Of what the call was played, since it began."""
        return strength(self.fake.heard(), hz, from_s, to_s)


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACS_AUDIENCE", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("dialect", ["acs", "twilio"])
def test_the_call_that_is_dialled_is_interpreted_both_ways_until_it_hangs_up(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listening in and broadcasting, whoever the platform is; its end is the command's."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    platform = Platform(dialect, at_s=3, for_s=8)
    insecure = ["--insecure-no-auth"] if dialect == "acs" else []

    desk = live("--dialect", dialect, *insecure, "--folder", str(tmp_path), platform=platform)

    assert desk.ran.exit_code == 0, desk.ran.stderr
    assert f"waiting for the call at {URL}\n" in desk.ran.stderr
    assert "the call is here\n" in desk.ran.stderr
    assert ("whoever reaches this address may dial" in desk.ran.stderr) is (dialect == "acs")
    assert "the call is over" in desk.ran.stderr
    assert desk.strength("me", VOICE_HZ) > 100
    assert platform.strength(VOICE_HZ) > 100
    assert desk.strength("me", THEIRS_HZ) < 20
    assert platform.strength(MINE_HZ) < 20
    assert {line.split("\t")[1] for line in desk.ran.stdout.splitlines()} == {"me", "call"}
    report = CallReport.read(tmp_path / "report.json")
    assert report.directions["b_to_a"].totals.utterances >= 3
    assert "en français" in (tmp_path / "listen.vtt").read_text()
    assert "in English" in (tmp_path / "broadcast.vtt").read_text()
    assert 11 <= desk.ended_s < 16
    assert not platform.fake.complaints


def test_q_hangs_up() -> None:
    """The platform is told in peace, as if somebody put the receiver down."""
    platform = Platform()
    desk = live(*ACS, keys=[(6, "q")], platform=platform)
    assert desk.ran.exit_code == 0, desk.ran.stderr
    assert platform.closed == _NORMAL
    assert "the call is over" in desk.ran.stderr
    assert desk.ended_s < 7


def test_the_flows_of_a_dialled_call_are_switched_like_any_other() -> None:
    """It is a leg like the others; before there is a call there is nothing to switch."""
    platform = Platform(at_s=2)
    keys = [(1, "b"), (5, "b"), (9, "l"), (14, "q")]
    desk = live(*ACS, "--no-broadcast", keys=keys, platform=platform)
    assert "there is no call yet; q: quit" in desk.ran.stderr
    assert platform.strength(MINE_HZ, 0.5, 3) > 1_000
    assert platform.strength(VOICE_HZ, 4, 12) > 100
    assert platform.strength(MINE_HZ, 4, 12) < 300
    assert desk.strength("me", THEIRS_HZ, 3, 9) < 20
    assert desk.strength("me", THEIRS_HZ, 10.5, 14) > 1_000


def test_nothing_that_was_said_before_the_call_is_heard_in_it() -> None:
    """Whoever waits talks to somebody else; neither he nor his translation is for the call."""
    as_it_is, translated = Platform(at_s=6), Platform(at_s=6)
    hears = {"me": tone(5_900, hz=MINE_HZ)}
    live(*ACS, "--no-broadcast", keys=[(10, "q")], hears=hears, platform=as_it_is)
    live(*ACS, keys=[(10, "q")], hears=hears, platform=translated)
    assert as_it_is.strength(MINE_HZ) < 5
    # The engine hears a first word after a second: of the call, not of what was said before.
    assert translated.strength(VOICE_HZ, 0, 1.5) < 5 < translated.strength(VOICE_HZ, 1.5, 4)


def test_a_second_call_is_refused_while_the_first_lasts() -> None:
    """One person, one call; the platform is told to try later, and the first notices nothing."""
    first = Platform(at_s=1, for_s=10)
    closed: list[int | None] = []

    async def both(network: Network) -> None:
        async def second() -> None:
            await network.clock.sleep_until(3)
            fake = FakeAcs(call_id="another", clock=network.clock)
            closed.append(await network.dial(fake, fake.headers))
            closed.append(round(network.clock.now()))

        await asyncio.gather(first(network), second())

    desk = live(*ACS, platform=both)
    assert desk.ran.exit_code == 0, desk.ran.stderr
    assert closed == [_TRY_LATER, 3]
    assert "turned_away" in desk.ran.stderr
    assert first.closed == _NORMAL
    assert first.strength(VOICE_HZ, 4, 9) > 100


def test_a_call_whose_socket_drops_comes_back() -> None:
    """Networks do that; it is the same call, and the interpretation goes on."""
    fakes: list[FakeAcs] = []

    async def platform(network: Network) -> None:
        fake = FakeAcs(tone(60_000, hz=THEIRS_HZ, format=SPEECH), clock=network.clock)
        fakes.append(fake)
        assert await network.dial(fake, fake.headers, drops_at_s=4) != _NORMAL
        await network.clock.sleep_until(6)
        network.clock.call_at(12, fake.hang_up)
        assert await network.dial(fake, fake.headers) == _NORMAL

    desk = live(*ACS, platform=platform)
    assert desk.ran.exit_code == 0, desk.ran.stderr
    assert desk.ran.stderr.count("the call is here") == 1
    assert strength(fakes[0].heard(), VOICE_HZ, 1, 4) > 100
    assert strength(fakes[0].heard(), VOICE_HZ, 7, 12) > 100
    assert 12 <= desk.ended_s < 17


def test_a_platform_that_sends_each_voice_by_itself_is_told_once() -> None:
    """The call would be silent, and nobody would know why."""

    async def platform(network: Network) -> None:
        voices = {name: tone(60_000, hz=THEIRS_HZ, format=SPEECH) for name in ("ann", "ben")}
        await network.dial(fake := FakeAcs(voices, clock=network.clock), fake.headers)

    desk = live(*ACS, platform=platform)

    assert desk.ran.exit_code == 0, desk.ran.stderr
    assert desk.ran.stderr.count("have it send mixed audio") == 1


@pytest.mark.parametrize("dialect", ["acs", "twilio"])
def test_who_is_not_the_platform_is_refused_and_the_call_waited_for(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked unless told otherwise; what was wrong is told, and no secret is."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("ACS_AUDIENCE", "secret-audience")
    forged = {
        "acs": {"Authorization": "Bearer a.secret.b"},
        "twilio": FakeTwilio.headers(URL, "another token"),
    }[dialect]
    closed: list[int | None] = []
    real = Platform("twilio", at_s=4, for_s=5)

    async def platform(network: Network) -> None:
        await network.clock.sleep_until(1)
        stranger = FakeAcs(clock=network.clock)
        closed.append(await network.dial(stranger, {**stranger.headers, **forged}))
        if dialect == "twilio":
            await real(network)

    desk = live("--dialect", dialect, "--wait", "10", platform=platform)

    assert closed == [_REFUSED]
    assert "caller_refused reason=" in desk.ran.stderr
    assert desk.ran.exit_code == (0 if dialect == "twilio" else 1), desk.ran.stderr
    if dialect == "twilio":
        assert real.strength(VOICE_HZ) > 100
    for secret in ("secret", TOKEN, *forged.values()):
        assert secret not in desk.ran.stderr + desk.ran.stdout


def test_nobody_who_dials_in_time_ends_the_command() -> None:
    """A script must not wait for ever; what to look at is told."""
    desk = live(*ACS, "--port", "8123", "--wait", "12.5", platform=Platform(at_s=13))
    assert desk.ran.exit_code == 1
    assert "nobody dialled ws://127.0.0.1:8123/calls within 12.5 s" in desk.ran.stderr
    assert "--wait" in desk.ran.stderr
    assert 12.5 <= desk.ended_s < 14


def test_q_while_waiting_ends_it_in_peace(tmp_path: Path) -> None:
    """Nothing was made, and nothing is wrong."""
    folder = tmp_path / "made"
    desk = live(*ACS, "--folder", str(folder), keys=[(4, "q")])
    assert desk.ran.exit_code == 0
    assert "stopped before there was a call" in desk.ran.stderr
    assert desk.ended_s < 5
    assert not folder.exists()
    assert desk.cards["me"].open_streams == 0


def test_a_microphone_that_vanishes_while_waiting_ends_it() -> None:
    """Nobody would be there to answer."""

    async def platform(network: Network) -> None:
        await network.clock.sleep_until(3)
        network.cards["me"].unplug("input")

    desk = live(*ACS, platform=platform)
    assert desk.ran.exit_code == 1
    assert "The sound card is at fault" in desk.ran.stderr
    assert desk.ended_s < 10


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--dialect", "acs"], "ACS_AUDIENCE"),
        (["--dialect", "twilio"], "TWILIO_AUTH_TOKEN"),
        ([*ACS, "--path", "calls"], "--path"),
        ([*ACS, "--call-file", "c.wav"], "--call-file, --dialect"),
        ([*ACS, "--call-input", "a"], "--call-input and --call-output, --dialect"),
        ([*ACS, "--into-call", "c.wav"], "--into-call"),
        (["--port", "8001"], "--port: is of a call that is dialled"),
        (["--call-file", "c.wav", "--insecure-no-auth"], "--insecure-no-auth"),
        (["--call-file", "c.wav", "--wait", "5"], "--wait"),
        ([], "--dialect"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_opened(options: list[str], problem: str) -> None:
    """Which option, and what to do about it; not when the call comes."""
    desk = live(*options)
    assert desk.ran.exit_code == 2
    assert problem in desk.ran.stderr
    assert not desk.cards


def process(*options: str, environ: dict[str, str] | None = None) -> ServerProcess:
    """The command with a server and signals that are real."""
    port = free_port()
    command = [*SCRIPTED_RAWMEDIA, "live", "--me", "es", "--call", "en-US", "--port", str(port)]
    return ServerProcess(port, [*command, *options], environ)


def test_a_process_takes_one_call_over_the_network_and_ends_at_q() -> None:
    """What a platform sees: a port that is open once it is told, one call, a close in peace, and no port."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        stranger, second = FakeTwilio(), FakeTwilio(call_id="another")
        with pytest.raises(SocketClosedError):
            await stranger.dial(server.url, FakeTwilio.headers(server.url, "another token"))
        fake = FakeTwilio(speech_like(60_000, seed=1, format=TELEPHONY))
        headers = FakeTwilio.headers(server.url, TOKEN)
        dialling = asyncio.create_task(fake.dial(server.url, headers))
        await server.answers("/ready", 503)
        await asyncio.wait_for(second.dial(server.url, headers), 5)
        await asyncio.sleep(2.5)
        assert not dialling.done()
        assert await server.ended("q\n") == 0
        await asyncio.wait_for(dialling, 5)
        assert abs(fake.heard().samples).max() > 1_000
        assert not fake.complaints
        assert "sentence" in server.stdout
        assert "frase" in server.stdout
        for told in (f"waiting for the call at {server.url}\n", "wrong signature", "turned_away"):
            assert told in server.stderr
        assert server.stderr.splitlines()[-1].startswith("rawmedia: the call is over")
        assert TOKEN not in server.stderr
        assert server.status("/health") is None

    with process("--dialect", "twilio", environ={"TWILIO_AUTH_TOKEN": TOKEN}) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("dialled", [False, True])
def test_ctrl_c_ends_call_and_server(dialled: bool) -> None:
    """Whether there is a call yet or not."""

    async def main(server: ServerProcess) -> None:
        await server.answers("/ready", 200)
        fake = FakeAcs(speech_like(60_000, seed=1))
        dialling = None
        if dialled:
            dialling = asyncio.create_task(fake.dial(server.url, fake.headers))
            await server.answers("/ready", 503)
            await asyncio.sleep(1)
        assert await server.stop(signal.SIGINT) == 130
        if dialling is not None:
            await asyncio.wait_for(dialling, 5)
        assert "stopped with Ctrl-C" in server.stderr
        assert "Traceback" not in server.stderr
        assert server.status("/health") is None

    with process(*ACS) as server:
        asyncio.run(main(server))


def test_a_port_that_is_taken_is_told() -> None:
    """Nothing is waited for where nobody can call."""
    with process(*ACS) as first:
        asyncio.run(first.answers("/ready", 200))
        with ServerProcess(first.port, [str(each) for each in first.process.args]) as second:  # type: ignore[union-attr]
            assert asyncio.run(second.ended()) == 2
        assert f"--port: 127.0.0.1:{first.port} can't be listened at" in second.stderr
        assert "waiting for the call" not in second.stderr
