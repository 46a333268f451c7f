"""Runs one translation of a file, and keeps what there is of it however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.adapters.file_leg import FileLeg
from rawmedia.audio.format import WIDEBAND_VOICE, AudioFormat
from rawmedia.captions import open_captions
from rawmedia.cli.exits import ExitCode
from rawmedia.cli.failures import explain, root_cause
from rawmedia.cli.keeping import ReportKeeper
from rawmedia.cli.opened import OpenedTranslator
from rawmedia.cli.stopping import stop_on_signals
from rawmedia.cli.subtitles import Subtitles
from rawmedia.errors import FileWriteError
from rawmedia.files import probe
from rawmedia.sessions.events import SessionWarning, UtteranceHeard
from rawmedia.sessions.interpreter import Interpreter, for_lockstep
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.translators.events import FinalTranslation, TranslatorWarning

if TYPE_CHECKING:
    from rawmedia.captions import CaptionWriter, SessionReport
    from rawmedia.cli.display import Display
    from rawmedia.cli.job import Job
    from rawmedia.cli.services import Services
    from rawmedia.cli.stopping import StopWish
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, Translator

REALTIME_ENGINES = {"azure"}
"""Engines that live in real time: their SDK holds audio back that comes faster, and how long
the service takes shows only on a clock that does not stop for it."""

STEREO_VOICE = AudioFormat(WIDEBAND_VOICE.sample_rate, 2)
"""What side by side is heard in."""

# In lockstep the source waits for the engine, and so must never have to wait for speech that
# is still to be played: that would be played while the source goes on. At 24 kHz 173 MB.
_LOCKSTEP_QUEUE_MS = 3_600_000.0
_REALTIME_QUEUE_MS = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a translation."""

    job: Job
    engine: str | None
    """What the engine calls itself; None when it did not come to that."""
    realtime: bool
    report: SessionReport | None
    """None when no result was begun."""
    error: BaseException | None
    stop: StopWish
    """Whether a signal asked to stop."""
    wall_s: float

    @property
    def exit_code(self) -> ExitCode:
        """What the command exits with."""
        if self.stop.signal is not None:
            return self.stop.exit_code
        return ExitCode.OK if self.error is None else explain(self.error).exit_code


async def translate(job: Job, services: Services, display: Display) -> Outcome:
    """Translate a file until it ends, something fails, or a signal asks to stop.

    Raises nothing on purpose: what went wrong is in the outcome.
    """
    began = time.monotonic()
    run = _Run(job, services, display)
    session = asyncio.create_task(run.carry_out(), name="translate")

    def stop() -> None:
        display.status("stopping")
        session.cancel()

    def give_up(exit_code: int) -> None:
        # The files are whole at any moment; the terminal's cursor is all there is to mend.
        display.__exit__(None, None, None)
        os._exit(exit_code)

    with stop_on_signals(stop, give_up) as wish:
        await asyncio.wait([session])
    error = None if session.cancelled() else session.exception()
    if not session.cancelled() and error is None:
        wish.signal = None  # it came when all was done
    error = run.write_report(error, wish)
    return Outcome(
        job=job,
        engine=run.engine,
        realtime=run.realtime,
        report=run.report,
        error=error,
        stop=wish,
        wall_s=time.monotonic() - began,
    )


class _Run:
    """One translation; what it has is there to be reported at any moment."""

    def __init__(self, job: Job, services: Services, display: Display) -> None:
        self._job, self._services, self._display = job, services, display
        self.engine: str | None = None
        self.realtime = bool(job.realtime)
        self.report: SessionReport | None = None
        self._interpreter: Interpreter | None = None
        self._keeper = ReportKeeper(
            job.report, self._report_so_far, display.warn, clock=services.clock
        )
        self._subtitles: Subtitles | None = None
        self._warned_of: str | None = None

    async def carry_out(self) -> None:
        """Check, open the engine, make the files, translate, close everything."""
        job = self._job
        job.check()
        input_info = probe(job.source)
        self._display.status("starting the engine")
        translator = self._services.choose_translator(job.engine)
        try:
            self.engine = translator.capabilities.name
            if job.realtime is None:
                self.realtime = self.engine in REALTIME_ENGINES
            request = job.request() if self.realtime else for_lockstep(job.request())
            translator.capabilities.check(request)
            translation = await translator.open(request)
            try:
                self._warn_of_input(input_info.warning)
                await self._translate(translator, translation, request)
            finally:
                await translation.aclose()
        finally:
            close = getattr(translator, "aclose", None)
            if close is not None:
                await close()

    async def _translate(
        self, translator: Translator, translation: Translation, request: TranslationRequest
    ) -> None:
        job = self._job
        with contextlib.ExitStack() as files:
            captions = None
            if job.captions is not None:
                captions = files.enter_context(open_captions(job.captions))
            # Closed before the captions are: what it cuts short is captioned as well.
            leg = FileLeg(
                job.source,
                job.audio,
                realtime=self.realtime,
                outbound_format=STEREO_VOICE if job.mix == "side_by_side" else WIDEBAND_VOICE,
                clock=self._services.clock,
            )
            try:
                await self._interpret(
                    leg, OpenedTranslator(translator, translation), request, captions
                )
            finally:
                await leg.aclose()
                self._warn_of_input(leg.warning)

    async def _interpret(
        self,
        leg: FileLeg,
        translator: Translator,
        request: TranslationRequest,
        captions: CaptionWriter | None,
    ) -> None:
        job = self._job
        spoken = job.audio is not None
        if captions is not None and not spoken:
            self._subtitles = Subtitles(captions, job.target_language)
        interpreter = self._interpreter = Interpreter(
            leg.inbound,
            translator,
            {job.target_language: leg.outbound} if spoken else {},
            request,
            clock=leg.clock,
            mixing=Mixing(mode=job.mix),
            captions={job.target_language: captions} if captions and spoken else None,
            on_event=self._event,
            source_name=str(job.source),
            max_queued_ms=_REALTIME_QUEUE_MS if self.realtime else _LOCKSTEP_QUEUE_MS,
        )
        if job.report is not None:
            interpreter.report().write(job.report)
        self._display.listening(leg.duration_ms, lambda: interpreter.heard_ms)
        await _converse(leg, interpreter)

    def _warn_of_input(self, warning: str | None) -> None:
        """Some of what is wrong with a file shows at its start, some at its end."""
        if warning is not None and warning != self._warned_of:
            self._warned_of = warning
            self._display.warn(warning)

    def _event(self, event: SessionEvent) -> None:
        if isinstance(event, SessionWarning | TranslatorWarning):
            self._display.warn(event.message)
            return
        self._display.event(event)
        if isinstance(event, FinalTranslation) and self._subtitles is not None:
            self._subtitles.final(event)
        elif isinstance(event, UtteranceHeard):
            self._keeper.utterance_over()

    def _report_so_far(self) -> SessionReport:
        assert self._interpreter is not None
        return self._interpreter.report()

    def write_report(self, error: BaseException | None, wish: StopWish) -> BaseException | None:
        """Put the last word into the report; gives the error that the run ends with."""
        if self._interpreter is None:
            return error
        report = self._report_so_far()
        if wish.signal is not None:
            report = report.model_copy(update={"complete": False, "error": str(wish)})
        elif error is not None:
            cause = root_cause(error)
            text = f"{type(cause).__name__}: {explain(error).problem}"
            report = report.model_copy(update={"complete": False, "error": text})
        self.report = report
        if self._job.report is not None:
            try:
                report.write(self._job.report)
            except FileWriteError as unwritten:
                return error or unwritten
        return error


async def _converse(leg: FileLeg, interpreter: Interpreter) -> None:
    """Carry the call and interpret it, until both are over; what breaks the leg comes first."""
    carrying = asyncio.create_task(leg.run(), name="file leg")
    try:
        try:
            await interpreter.run()
        except Exception:
            leg.inbound.close()
            leg.outbound.end()
            await carrying
            raise
        leg.outbound.end()
        await carrying
    finally:
        carrying.cancel()
        await asyncio.wait([carrying])


__all__ = ["REALTIME_ENGINES", "Outcome", "translate"]
