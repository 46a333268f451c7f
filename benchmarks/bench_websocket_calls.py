"""Calls over WebSockets under load: delay, loss and the server's CPU, beside a bare echo's.

    python benchmarks/bench_websocket_calls.py [--calls 100] [--seconds 20] [--rounds 3]

Server and load are processes of their own, over loopback. Each call sends ACS audio, a frame of 20 ms
every 20 ms, and looks for each frame in what comes back. rawmedia decodes every message, gives its
frames to a handler that sends them back, paces them and encodes them; the rival, ``websockets``,
sends each message back as it is. Both run on the same WebSocket server, and take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from rawmedia.adapters.websocket import (
    AcsDialect,
    AnyCaller,
    Handshake,
    SocketClosedError,
    WebSocketCalls,
    WebSocketLeg,
)

FRAME_S = 0.02
MAGIC = b"\x11\x22\x33\x44"
DATA = re.compile(r'"[dD]ata": ?"([^"]{16})')


class ServedSocket:
    """A connection of ``websockets`` as the library wants it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def accept(self) -> None:
        """It is."""

    async def receive(self) -> str | bytes:
        """A message, or the end."""
        try:
            message: str | bytes = await self._connection.recv()
        except ConnectionClosed:
            raise SocketClosedError(1000) from None
        return message

    async def send(self, message: str | bytes) -> None:
        """Likewise."""
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise SocketClosedError(1000) from None

    async def close(self, code: int = 1000) -> None:
        """Close it."""
        await self._connection.close(code)


async def run_server(kind: str) -> None:
    async def handle(leg: WebSocketLeg) -> None:
        async for frame in leg.inbound:
            await leg.outbound.asend(bytes(frame))

    calls = WebSocketCalls(handle, AcsDialect, authenticator=AnyCaller())

    async def through_rawmedia(connection: Any) -> None:
        await calls.serve(ServedSocket(connection), Handshake.of("", {}))

    async def bare(connection: Any) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                await connection.send(message)

    handler = through_rawmedia if kind == "rawmedia" else bare
    async with calls, serve(handler, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def one_call(url: str, seconds: float, delays_ms: list[float]) -> int:
    """Send numbered frames, note when each comes back; returns how many were sent."""
    sent_at: dict[int, float] = {}
    rest = os.urandom(628)

    async def hear(connection: Any) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                found = DATA.search(message)
                head = base64.b64decode(found[1]) if found else b""
                if head.startswith(MAGIC):
                    at = sent_at.pop(int.from_bytes(head[4:8], "big"), None)
                    if at is not None:
                        delays_ms.append((time.perf_counter() - at) * 1000)

    async with connect(url, compression=None, proxy=None) as connection:
        metadata = {"encoding": "PCM", "sampleRate": 16_000, "channels": 1, "length": 640}
        await connection.send(json.dumps({"kind": "AudioMetadata", "audioMetadata": metadata}))
        hearing = asyncio.create_task(hear(connection))
        start, number = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            number += 1
            pcm = MAGIC + number.to_bytes(4, "big") + bytes(4) + rest
            audio = {"data": base64.b64encode(pcm).decode(), "silent": False}
            sent_at[number] = time.perf_counter()
            await connection.send(json.dumps({"kind": "AudioData", "audioData": audio}))
            await asyncio.sleep(max(0.0, start + number * FRAME_S - time.perf_counter()))
        await asyncio.sleep(0.5)
    await hearing
    return number


async def run_load(url: str, calls: int, seconds: float) -> None:
    delays_ms: list[float] = []
    gc.disable()  # a pause of the load is no delay of the server

    async def later(number: int) -> int:
        await asyncio.sleep(number * FRAME_S / calls)  # spread within a frame, as calls are
        return await one_call(url, seconds, delays_ms)

    sent = sum(await asyncio.gather(*(later(number) for number in range(calls))))
    cuts = statistics.quantiles(delays_ms, n=100)
    print(json.dumps({"sent": sent, "back": len(delays_ms), "p50": cuts[49], "p99": cuts[98]}))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def one_round(kind: str, calls: int, seconds: float) -> dict[str, float]:
    me = [sys.executable, __file__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*me, "--serve", kind], **pipes) as server:  # type: ignore[call-overload]
        port = server.stdout.readline().strip()
        before = cpu_s(server.pid)
        load = [*me, "--load", f"ws://127.0.0.1:{port}/"]
        load += ["--calls", str(calls), "--seconds", str(seconds)]
        with subprocess.Popen(load, stdout=subprocess.PIPE, text=True) as loading:
            time.sleep(seconds / 3)
            early_mib = resident_mib(server.pid)
            output, _ = loading.communicate()
        figures: dict[str, float] = json.loads(output)
        figures["cpu"] = (cpu_s(server.pid) - before) / seconds * 100
        figures["mib"] = resident_mib(server.pid)
        figures["grown"] = figures["mib"] - early_mib
        server.stdin.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=["rawmedia", "echo"])
    parser.add_argument("--load", metavar="URL")
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(run_server(asked.serve))
        return
    if asked.load:
        asyncio.run(run_load(asked.load, asked.calls, asked.seconds))
        return
    print(f"{asked.calls} calls for {asked.seconds:g} s; CPU of the server in % of one core")
    ratios = []
    for _ in range(asked.rounds):
        round_of = {
            kind: one_round(kind, asked.calls, asked.seconds) for kind in ("echo", "rawmedia")
        }
        for kind, figures in round_of.items():
            print(
                f"{kind:9} lost {figures['sent'] - figures['back']:5.0f} of {figures['sent']:.0f}"
                f"  delay P50 {figures['p50']:6.1f}  P99 {figures['p99']:6.1f} ms"
                f"  CPU {figures['cpu']:5.1f} %  {figures['mib']:5.1f} MiB"
                f" ({figures['grown']:+.1f} in the last two thirds)"
            )
        ratios.append(round_of["rawmedia"]["cpu"] / round_of["echo"]["cpu"])
    print(f"CPU by the echo's, median of {asked.rounds}: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
