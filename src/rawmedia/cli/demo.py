"""The speech that ships with the package, and where the demonstration puts its results."""

from __future__ import annotations

from pathlib import Path

from rawmedia.cli.job import Job
from rawmedia.cli.printable import printable
from rawmedia.errors import FileWriteError, UnreadableFileError

_NAME = "call-centre.flac"


def example_speech() -> Path:
    """Where the example lies: beside this file in a wheel, in ``examples`` in a checkout.

    Raises:
        UnreadableFileError: It is in neither place.
    """
    here = Path(__file__).resolve()
    places = [here.with_name(_NAME), here.parents[3] / "examples" / "speech" / _NAME]
    for place in places:
        if place.is_file():
            return place
    raise UnreadableFileError(places[0], "the example was not installed; install rawmedia again")


def demo_job(target_language: str, folder: Path, *, engine: str, realtime: bool | None) -> Job:
    """What the demonstration translates, all three results wanted; makes the folder.

    Raises:
        pydantic.ValidationError: ``target_language`` is no BCP-47 tag.
        FileWriteError: The folder can't be made.
        UnreadableFileError: The example is not installed.
    """
    source = example_speech()
    stem = f"{source.stem}.{target_language}"
    job = Job(
        source=source,
        source_language="en-US",
        target_language=target_language,
        audio=folder / f"{stem}.wav",
        captions=folder / f"{stem}.vtt",
        report=folder / f"{stem}.json",
        engine=engine,
        realtime=realtime,
    )
    job.request()  # the language is part of a path, so it must be one
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileWriteError(folder, f"cannot be made: {error.strerror}") from error
    return job


def where_to_listen(job: Job) -> str:
    """What to do with the results, for whoever sees them for the first time."""
    return f"""Listen to the original, then to the translation:
  {printable(job.source)}
  {printable(job.audio)}
The translation lies on the original's timeline: play both at once to hear how far it is behind.
Captions for the translation: {printable(job.captions)}
What was understood, and heard when: {printable(job.report)}
Now your own: rawmedia translate RECORDING --from en-US --to {job.target_language} -o OUT.wav
"""


__all__ = ["demo_job", "example_speech", "where_to_listen"]
