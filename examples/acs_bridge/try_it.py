"""Tries the server of this folder with two calls of a fake platform: no key, no telephone, no network.

``--engine emulator`` is Microsoft's Speech SDK with an emulator of its service, ``offline`` the embedded
engine, and ``azure`` the real one, by ``AZURE_SPEECH_KEY`` and ``AZURE_SPEECH_REGION``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from rawmedia.audio import AudioFrame
from rawmedia.files import AudioFileReader, open_writer
from rawmedia.testing import FakeAcs, speech_like
from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance

HERE = Path(__file__).parent
SPEECH = HERE.parent / "speech" / "call-centre.flac"
CALL_S = 12.0
# The emulator does not listen: it says what is said in the recording, and what the other might answer.
SCRIPT = {
    "en-US": [
        EmulatedUtterance(
            source_text="I would like to change my address.",
            start_ms=650,
            end_ms=2_800,
            translations={"fr": "Je voudrais changer mon adresse."},
        ),
        EmulatedUtterance(
            source_text="I have a problem with my telephone.",
            start_ms=4_150,
            end_ms=6_250,
            translations={"fr": "J'ai un problème avec mon téléphone."},
        ),
    ],
    "fr-FR": [
        EmulatedUtterance(
            source_text="Quelle est votre nouvelle adresse ?",
            start_ms=3_000,
            end_ms=4_500,
            translations={"en": "What is your new address?"},
        )
    ],
}


def recording() -> AudioFrame:
    with AudioFileReader(SPEECH) as reader:
        frames = list(reader)
    return AudioFrame(b"".join(frame.data for frame in frames), frames[0].format)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except (HTTPError, URLError, OSError):
        return False


async def two_calls(engine: str, folder: Path, environ: dict[str, str]) -> dict[str, FakeAcs]:
    """Start the server, have both parties dial, and let it end in peace."""
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "server.py"), "--engine", engine, "--port", str(port)),
        *("--folder", str(folder), "--insecure-no-auth"),
        env=os.environ | environ,
    )
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(is_ready, port):
                if server.returncode is not None:
                    sys.exit("the server did not start")
                await asyncio.sleep(0.1)
        parties = {
            "en-US": FakeAcs(recording(), call_id="agent"),
            "fr-FR": FakeAcs(speech_like(9_000, seed=1), call_id="customer"),
        }
        calls = [
            asyncio.create_task(
                party.dial(f"ws://127.0.0.1:{port}/calls/desk-1/{language}", party.headers)
            )
            for language, party in parties.items()
        ]
        await asyncio.sleep(CALL_S)
        parties["en-US"].hang_up()  # which ends the other's call, too
        async with asyncio.timeout(30):
            await asyncio.gather(*calls)
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()
    return parties


async def main() -> None:
    parser = argparse.ArgumentParser(description="Tries the server without a platform.")
    parser.add_argument("--engine", choices=["emulator", "offline", "azure"], default="emulator")
    parser.add_argument("--folder", type=Path, default=Path("out"))
    options = parser.parse_args()
    folder, engine, environ = options.folder, options.engine, {}
    async with contextlib.AsyncExitStack() as stack:
        if engine == "emulator":
            emulator = await stack.enter_async_context(AzureSpeechEmulator(SCRIPT))
            engine, environ = (
                "azure",
                {"AZURE_SPEECH_KEY": "any", "AZURE_SPEECH_HOST": emulator.host},
            )
        parties = await two_calls(engine, folder, environ)
    for language, party in parties.items():
        with open_writer(folder / f"heard-by-{language}.wav", party.heard().format) as file:
            file.write(party.heard())
        for complaint in party.complaints:
            print("the platform complains:", complaint)
    for captions in sorted(folder.glob("desk-1*/*.vtt")):
        print(f"\n{captions}\n{captions.read_text('utf-8')}")
    print(f"Recordings, transcript and report are in {folder}.")


asyncio.run(main())
