"""How the service calls languages, and which voice speaks one when nobody chose."""

from __future__ import annotations

from rawmedia.errors import ConfigurationError, UnsupportedLanguageError

# The translator's codes are languages, not locales, except these, where script or region
# makes another translation. Key: the tag in small letters.
# https://learn.microsoft.com/azure/ai-services/translator/language-support
_REGIONAL_CODES = {
    "fr-ca": "fr-ca",
    "iu-latn": "iu-Latn",
    "mn-cyrl": "mn-Cyrl",
    "mn-mong": "mn-Mong",
    "pt-pt": "pt-pt",
    "sr-cyrl": "sr-Cyrl",
    "sr-latn": "sr-Latn",
    "tlh-latn": "tlh-Latn",
    "tlh-piqd": "tlh-Piqd",
    "zh-hans": "zh-Hans",
    "zh-hant": "zh-Hant",
}
# What people write for these, or write without the script that the service wants.
_ALIASES = {
    "iw": "he",
    "mn": "mn-Cyrl",
    "no": "nb",
    "sr": "sr-Latn",
    "tl": "fil",
    "zh": "zh-Hans",
    "zh-cn": "zh-Hans",
    "zh-hk": "zh-Hant",
    "zh-mo": "zh-Hant",
    "zh-sg": "zh-Hans",
    "zh-tw": "zh-Hant",
}

# Looked up by the tag, then by the service's code, then by the language alone.
# https://learn.microsoft.com/azure/ai-services/speech-service/language-support?tabs=tts
_VOICES = {
    "af": "af-ZA-AdriNeural",
    "am": "am-ET-MekdesNeural",
    "ar": "ar-EG-SalmaNeural",
    "as": "as-IN-YashicaNeural",
    "az": "az-AZ-BanuNeural",
    "bg": "bg-BG-KalinaNeural",
    "bn": "bn-IN-TanishaaNeural",
    "bs": "bs-BA-VesnaNeural",
    "ca": "ca-ES-JoanaNeural",
    "cs": "cs-CZ-VlastaNeural",
    "cy": "cy-GB-NiaNeural",
    "da": "da-DK-ChristelNeural",
    "de": "de-DE-KatjaNeural",
    "de-at": "de-AT-IngridNeural",
    "de-ch": "de-CH-LeniNeural",
    "el": "el-GR-AthinaNeural",
    "en": "en-US-JennyNeural",
    "en-au": "en-AU-NatashaNeural",
    "en-gb": "en-GB-SoniaNeural",
    "en-in": "en-IN-NeerjaNeural",
    "es": "es-ES-ElviraNeural",
    "es-mx": "es-MX-DaliaNeural",
    "et": "et-EE-AnuNeural",
    "eu": "eu-ES-AinhoaNeural",
    "fa": "fa-IR-DilaraNeural",
    "fi": "fi-FI-SelmaNeural",
    "fil": "fil-PH-BlessicaNeural",
    "fr": "fr-FR-DeniseNeural",
    "fr-ca": "fr-CA-SylvieNeural",
    "ga": "ga-IE-OrlaNeural",
    "gl": "gl-ES-SabelaNeural",
    "gu": "gu-IN-DhwaniNeural",
    "he": "he-IL-HilaNeural",
    "hi": "hi-IN-SwaraNeural",
    "hr": "hr-HR-GabrijelaNeural",
    "hu": "hu-HU-NoemiNeural",
    "hy": "hy-AM-AnahitNeural",
    "id": "id-ID-GadisNeural",
    "is": "is-IS-GudrunNeural",
    "it": "it-IT-ElsaNeural",
    "iu": "iu-Cans-CA-SiqiniqNeural",
    "iu-latn": "iu-Latn-CA-SiqiniqNeural",
    "ja": "ja-JP-NanamiNeural",
    "ka": "ka-GE-EkaNeural",
    "kk": "kk-KZ-AigulNeural",
    "km": "km-KH-SreymomNeural",
    "kn": "kn-IN-SapnaNeural",
    "ko": "ko-KR-SunHiNeural",
    "lo": "lo-LA-KeomanyNeural",
    "lt": "lt-LT-OnaNeural",
    "lv": "lv-LV-EveritaNeural",
    "mk": "mk-MK-MarijaNeural",
    "ml": "ml-IN-SobhanaNeural",
    "mn": "mn-MN-YesuiNeural",
    "mr": "mr-IN-AarohiNeural",
    "ms": "ms-MY-YasminNeural",
    "mt": "mt-MT-GraceNeural",
    "my": "my-MM-NilarNeural",
    "nb": "nb-NO-PernilleNeural",
    "ne": "ne-NP-HemkalaNeural",
    "nl": "nl-NL-FennaNeural",
    "nl-be": "nl-BE-DenaNeural",
    "or": "or-IN-SubhasiniNeural",
    "pa": "pa-IN-VaaniNeural",
    "pl": "pl-PL-AgnieszkaNeural",
    "ps": "ps-AF-LatifaNeural",
    "pt": "pt-BR-FranciscaNeural",
    "pt-pt": "pt-PT-RaquelNeural",
    "ro": "ro-RO-AlinaNeural",
    "ru": "ru-RU-SvetlanaNeural",
    "si": "si-LK-ThiliniNeural",
    "sk": "sk-SK-ViktoriaNeural",
    "sl": "sl-SI-PetraNeural",
    "so": "so-SO-UbaxNeural",
    "sq": "sq-AL-AnilaNeural",
    "sr": "sr-RS-SophieNeural",
    "sv": "sv-SE-SofieNeural",
    "sw": "sw-KE-ZuriNeural",
    "ta": "ta-IN-PallaviNeural",
    "te": "te-IN-ShrutiNeural",
    "th": "th-TH-PremwadeeNeural",
    "tr": "tr-TR-EmelNeural",
    "uk": "uk-UA-PolinaNeural",
    "ur": "ur-PK-UzmaNeural",
    "uz": "uz-UZ-MadinaNeural",
    "vi": "vi-VN-HoaiMyNeural",
    "yue": "yue-CN-XiaoMinNeural",
    "zh": "zh-CN-XiaoxiaoNeural",
    "zh-hant": "zh-TW-HsiaoChenNeural",
    "zh-hk": "zh-HK-HiuMaanNeural",
    "zu": "zu-ZA-ThandoNeural",
}


def check_source(tag: str) -> None:
    """Refuse a source language that the recogniser can't be asked for.

    Raises:
        ConfigurationError: The tag names no region or script: models are made for locales.
    """
    if "-" not in tag:
        raise ConfigurationError(
            "source_language",
            f"Azure Speech recognises locales, such as en-US or es-MX; {tag!r} names no region",
        )


def target_code(tag: str) -> str:
    """What the translator calls the language of a BCP-47 tag, such as "es" for "es-MX"."""
    subtags = tag.lower().split("-")
    for length in (2, 1):
        head = "-".join(subtags[:length])
        if code := _REGIONAL_CODES.get(head) or _ALIASES.get(head):
            return code
    return subtags[0]


def default_voice(tag: str) -> str:
    """The voice that speaks a target language when the request names none.

    Raises:
        UnsupportedLanguageError: None is known.
    """
    code = target_code(tag).lower()
    for name in (tag.lower(), code, code.split("-")[0]):
        if voice := _VOICES.get(name):
            return voice
    raise UnsupportedLanguageError(tag, "spoken target", sorted(_VOICES))


__all__ = ["check_source", "default_voice", "target_code"]
