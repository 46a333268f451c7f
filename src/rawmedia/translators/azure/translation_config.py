"""The SDK's configuration of a TranslationRecognizer, made from the settings of one recogniser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawmedia.translators.azure.native_sdk import service_config

if TYPE_CHECKING:
    from rawmedia.translators.azure.options import AzureOptions
    from rawmedia.translators.azure.settings import RecognizerSettings

STOP_TIMEOUT_S = 2
"""How long the SDK waits for the service when it is stopped, or released after its input was
closed; ten seconds if nothing is set, and 0 has crashed it."""

_PROFANITY = {"masked": "Masked", "removed": "Removed", "raw": "Raw"}
_STRATEGY = {"time": "Time", "semantic": "Semantic"}

# No document names these; they were found by trying SDK 1.53, and are left out where they do not
# matter. If a later SDK does not know them, all still works: slower to stop, slower to notice.
_STOP_TIMEOUT = "SPEECH-StopRecognitionTimeoutInSeconds"
_RETRIES = "SPEECH-Error-MaxRetryCount"
_BYTES_PER_FRAME = "SPEECH-BytesPerFrame"
_POLLING_MS = "SPEECH-USPPollingInterval"
_UPLOAD_PERCENT = "SPEECH-AudioThrottleAsPercentageOfRealTime"
_BLOCK_MS, _LOW_LATENCY_BLOCK_MS = 100, 20
_LOW_LATENCY_POLLING_MS = 2
_SDK_UPLOAD_SPEED = 2.0


def translation_config(sdk: Any, settings: RecognizerSettings) -> Any:
    """Make it; may block, for as long as ``token_provider`` does.

    The SDK's own attempts to connect again are switched off: this library makes them, with a
    new recogniser each time. The SDK would make five, tell nothing meanwhile, and on some
    faults nothing afterwards either.

    Raises:
        AuthenticationError: ``token_provider`` failed.
    """
    config, options = settings.config, settings.options
    native = service_config(sdk.translation.SpeechTranslationConfig, config, config.endpoint)
    native.speech_recognition_language = settings.source_language
    for code in settings.target_codes:
        native.add_target_language(code)
    if settings.voice is not None:
        native.voice_name = settings.voice
    _listen(sdk, native, options)
    by_name = {_STOP_TIMEOUT: str(STOP_TIMEOUT_S), _RETRIES: "0"}
    if options.low_latency:
        by_name[_BYTES_PER_FRAME] = str(block_bytes(options))
        by_name[_POLLING_MS] = str(_LOW_LATENCY_POLLING_MS)
    if options.upload_speed != _SDK_UPLOAD_SPEED:
        by_name[_UPLOAD_PERCENT] = f"{options.upload_speed * 100:.0f}"
    for name, value in (by_name | options.properties).items():
        native.set_property_by_name(name, value)
    return native


def block_bytes(options: AzureOptions) -> int:
    """How much audio the SDK sends at once."""
    bytes_per_ms = 32 if options.telephony is None else 8
    return bytes_per_ms * (_LOW_LATENCY_BLOCK_MS if options.low_latency else _BLOCK_MS)


def detection_config(sdk: Any, settings: RecognizerSettings) -> Any:
    """What languages may be spoken; None where one is given."""
    options = settings.options
    if options.detection is None:
        return None
    detection = sdk.languageconfig.AutoDetectSourceLanguageConfig
    if options.detection == "open":
        return detection()
    return detection(languages=[settings.source_language, *options.candidates])


def add_phrases(sdk: Any, recognizer: Any, options: AzureOptions) -> None:
    """Tell a recogniser what is likely to be said."""
    if options.phrases:
        grammar = sdk.PhraseListGrammar.from_recognizer(recognizer)
        for phrase in options.phrases:
            grammar.addPhrase(phrase)


def _listen(sdk: Any, native: Any, options: AzureOptions) -> None:
    """Set how the service listens."""
    names = sdk.PropertyId
    values = {
        names.Speech_SegmentationSilenceTimeoutMs: options.segmentation_silence_ms,
        names.Speech_SegmentationMaximumTimeMs: options.segmentation_max_ms,
        names.Speech_SegmentationStrategy: _STRATEGY.get(options.segmentation),
        names.SpeechServiceConnection_InitialSilenceTimeoutMs: options.initial_silence_ms,
        names.SpeechServiceResponse_StablePartialResultThreshold: options.stable_partials,
    }
    if options.detection in {"continuous", "open"}:
        values[names.SpeechServiceConnection_LanguageIdMode] = "Continuous"
    for name, value in values.items():
        if value is not None:
            native.set_property(name, str(value))
    if options.profanity != "masked":
        native.set_profanity(getattr(sdk.ProfanityOption, _PROFANITY[options.profanity]))
    if options.dictation:
        native.enable_dictation()
    if options.word_timings:
        native.request_word_level_timestamps()


__all__ = [
    "STOP_TIMEOUT_S",
    "add_phrases",
    "block_bytes",
    "detection_config",
    "translation_config",
]
