"""Fifty translations at once through the Azure engine, against Microsoft's SDK used bare.

Everything talks to the emulator, which runs in a process of its own; so does each rival, in turn,
so that processor time and memory are its own. A rival opens its translations, sends each 20 ms
frames at the speed of speech, and reads text and speech. The bare program is the least that one
can write: a push stream and callbacks that look at what came; it would survive no fault.

Speech carries the moment at which the emulator made it, so the latency of its first sample is
measured over both processes (the system's monotonic clock is one for all). At the end each is
stopped in the middle of a sentence, one after the other.

Run with ``python benchmarks/bench_azure.py [translations] [seconds]``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from harness import measure

from rawmedia import OutboundAudioStream
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.testing import in_frames, speech_like
from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance, repeated
from rawmedia.translators.azure import AzureOptions, AzureSpeechConfig, AzureTranslator
from rawmedia.translators.events import TranslatedAudio
from rawmedia.translators.request import TranslationRequest

ROUNDS = 7
LATENCY_ROUNDS = 3
FRAME_MS = 20
UTTERANCE_MS = 1_000
SPEECH_SAMPLES = 4_800
_MARK = 8  # bytes of the moment, in front of the samples
REQUEST = TranslationRequest(source_language="en-US", target_languages=("es",))
FRAMES = in_frames(speech_like(UTTERANCE_MS, seed=1), FRAME_MS)


class Stamped(Sequence[bytes]):
    """Speech that begins with the moment at which it was asked for."""

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        header = (
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0"
            b"data\xff\xff\xff\xff"
        )
        yield header + time.monotonic_ns().to_bytes(_MARK, "little") + bytes(2 * SPEECH_SAMPLES)


def latency_ms(data: bytes) -> float:
    return (time.monotonic_ns() - int.from_bytes(data[:_MARK], "little")) / 1e6


async def serve() -> None:
    """The emulator; prints where it is, and ends with its standard input."""
    utterance = EmulatedUtterance(
        source_text="hello there",
        start_ms=100,
        end_ms=800,
        revisions=["hello", "hello th"],
        translations={"es": "hola"},
        speech=Stamped(),
    )
    script = repeated([utterance], UTTERANCE_MS)
    async with AzureSpeechEmulator(script, record_audio=False) as emulator:
        print(emulator.host, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def paced(seconds: int) -> Any:
    """The frames of one speaker after the other would be; here one tick for all speakers."""
    start = time.monotonic()
    for number in range(seconds * 1_000 // FRAME_MS):
        delay = start + number * FRAME_MS / 1_000 - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        yield number, FRAMES[number % len(FRAMES)]


async def ours(host: str, count: int, seconds: int, *, low_latency: bool) -> dict[str, Any]:
    engine = AzureTranslator(
        AzureSpeechConfig(host=host), options=AzureOptions(low_latency=low_latency)
    )
    translations = [await engine.open(REQUEST) for _ in range(count)]
    latencies: list[float] = []

    async def read(translation: Any) -> None:
        outbound = OutboundAudioStream(SPEECH)
        last = ""
        async for event in translation:
            if isinstance(event, TranslatedAudio) and event.utterance_id != last:
                last = event.utterance_id
                await outbound.asend(event.frame)
                latencies.append(latency_ms(bytes(event.frame.samples[:_MARK])))
                outbound.clear()

    reading = [asyncio.create_task(read(each)) for each in translations]
    spent = time.process_time()
    async for number, frame in paced(seconds):
        placed = AudioFrame(frame.samples, SPEECH, number * frame.samples_per_channel)
        for translation in translations:
            await translation.send(placed)
    spent = time.process_time() - spent
    rss_kb = _rss_kb()
    stops = []
    for translation in translations:
        before = time.monotonic()
        await translation.aclose()
        stops.append((time.monotonic() - before) * 1_000)
    await asyncio.gather(*reading)
    return {"cpu_s": spent, "rss_kb": rss_kb, "latencies": latencies, "stops": stops}


async def bare(host: str, count: int, seconds: int, *, low_latency: bool) -> dict[str, Any]:
    import azure.cognitiveservices.speech as sdk

    latencies: list[float] = []
    heard = itertools.count()

    def synthesizing(event: Any) -> None:
        data = event.result.audio
        if data[:4] == b"RIFF":
            latencies.append(latency_ms(data[44:]))

    def recognized(event: Any) -> None:
        next(heard), event.result.text, dict(event.result.translations)

    def start() -> tuple[Any, Any]:
        native = sdk.translation.SpeechTranslationConfig(host=host)
        native.speech_recognition_language = "en-US"
        native.add_target_language("es")
        native.voice_name = "es-ES-ElviraNeural"
        if low_latency:
            native.set_property_by_name("SPEECH-BytesPerFrame", "640")
            native.set_property_by_name("SPEECH-USPPollingInterval", "2")
        stream = sdk.audio.PushAudioInputStream(sdk.audio.AudioStreamFormat(16_000, 16, 1))
        recognizer = sdk.translation.TranslationRecognizer(
            native, audio_config=sdk.audio.AudioConfig(stream=stream)
        )
        recognizer.recognizing.connect(recognized)
        recognizer.recognized.connect(recognized)
        recognizer.synthesizing.connect(synthesizing)
        recognizer.start_continuous_recognition_async().get()
        return recognizer, stream

    running = [start() for _ in range(count)]
    await asyncio.sleep(0.2)  # until the connections are up
    spent = time.process_time()
    async for _, frame in paced(seconds):
        data = bytes(frame)
        for _, stream in running:
            stream.write(data)
    spent = time.process_time() - spent
    rss_kb = _rss_kb()
    stops = []
    for recognizer, _ in running:
        before = time.monotonic()
        recognizer.stop_continuous_recognition_async().get()
        stops.append((time.monotonic() - before) * 1_000)
    return {"cpu_s": spent, "rss_kb": rss_kb, "latencies": latencies, "stops": stops}


def _rss_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_024


PROGRAMS = {"SDK bare": bare, "rawmedia": ours}


class Runs:
    """Runs rivals in processes of their own, and adds up what they spend."""

    def __init__(self, host: str, count: int, seconds: int) -> None:
        self.host, self.count, self.seconds = host, count, seconds
        self.spent_s = 0.0
        self.rss_kb: dict[str, list[int]] = {}
        self.latencies: dict[str, list[float]] = {}
        self.stops: dict[str, list[float]] = {}

    def run(self, program: str, *, low_latency: bool = False, count: int | None = None) -> None:
        """Run one to its end."""
        name = program + (", low latency" if low_latency else "")
        arguments = [program, self.host, str(count or self.count), str(self.seconds)]
        printed = subprocess.run(
            [sys.executable, __file__, "--client", *arguments, str(int(low_latency))],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        told = json.loads(printed)
        self.spent_s += told["cpu_s"]
        self.rss_kb.setdefault(name, []).append(told["rss_kb"])
        self.latencies.setdefault(name, []).extend(told["latencies"])
        self.stops.setdefault(name, []).extend(told["stops"])


def main(count: int, seconds: int) -> None:
    service = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert service.stdin is not None
    assert service.stdout is not None
    try:
        host = service.stdout.readline().decode().strip()
        runs = Runs(host, count, seconds)
        frames = count * seconds * 1_000 // FRAME_MS
        measure(
            {name: lambda name=name: runs.run(name) for name in PROGRAMS},  # type: ignore[misc]
            ROUNDS,
            1,
            title=f"{count} translations at once, processor time per 20 ms frame of one of them",
            operations=frames,
            clock=lambda: runs.spent_s,
        )
        few = Runs(host, 5, seconds)
        for _ in range(LATENCY_ROUNDS):
            for name in PROGRAMS:
                few.run(name)
                few.run(name, low_latency=True)
        for title, each in ((f"{count} at once", runs), ("5 at once", few)):
            print(f"\n{title}: first sample after it was made; memory of the process; a stop")
            for name, values in each.latencies.items():
                p50, p95 = np.percentile(values, [50, 95])
                rss = statistics.median(each.rss_kb[name]) / 1_024
                stop, slowest = np.percentile(each.stops[name], [50, 100])
                print(
                    f"{name:24} P50 {p50:6.1f}  P95 {p95:6.1f} ms  ({len(values)})  {rss:6.0f} MB"
                    f"  P50 {stop:6.1f}  most {slowest:6.1f} ms"
                )
    finally:
        service.stdin.close()
        service.wait()


def client(program: str, host: str, count: str, seconds: str, low_latency: str) -> None:
    run = PROGRAMS[program](host, int(count), int(seconds), low_latency=low_latency == "1")
    print(json.dumps(asyncio.run(run)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve"]:
            asyncio.run(serve())
        case ["--client", *arguments]:
            client(*arguments)
        case numbers:
            main(*(*map(int, numbers), *(50, 4)[len(numbers) :]))
