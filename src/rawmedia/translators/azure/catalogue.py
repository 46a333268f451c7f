"""What languages and voices Azure has: enough to list them, and to refuse a wrong one before any connection.

The service adds languages several times a year; what this page does not know yet is told
apart from what can't be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.translators.azure.languages import default_voice, target_code
from rawmedia.translators.request import language_matches

# https://learn.microsoft.com/azure/ai-services/speech-service/language-support?tabs=stt
_SOURCES = """
af-ZA am-ET ar-AE ar-BH ar-DZ ar-EG ar-IL ar-IQ ar-JO ar-KW ar-LB ar-LY ar-MA ar-OM ar-PS ar-QA
ar-SA ar-SY ar-TN ar-YE as-IN az-AZ bg-BG bn-IN bs-BA ca-ES cs-CZ cy-GB da-DK de-AT de-CH de-DE
el-GR en-AU en-CA en-GB en-GH en-HK en-IE en-IN en-KE en-NG en-NZ en-PH en-SG en-TZ en-US en-ZA
es-AR es-BO es-CL es-CO es-CR es-CU es-DO es-EC es-ES es-GQ es-GT es-HN es-MX es-NI es-PA es-PE
es-PR es-PY es-SV es-US es-UY es-VE et-EE eu-ES fa-IR fi-FI fil-PH fr-BE fr-CA fr-CH fr-FR ga-IE
gl-ES gu-IN he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-CH it-IT ja-JP jv-ID ka-GE kk-KZ km-KH
kn-IN ko-KR lo-LA lt-LT lv-LV mk-MK ml-IN mn-MN mr-IN ms-MY mt-MT my-MM nb-NO ne-NP nl-BE nl-NL
or-IN pa-IN pl-PL ps-AF pt-BR pt-PT ro-RO ru-RU si-LK sk-SK sl-SI so-SO sq-AL sr-RS sv-SE sw-KE
sw-TZ ta-IN te-IN th-TH tr-TR uk-UA ur-IN uz-UZ vi-VN wuu-CN yue-CN zh-CN zh-CN-shandong
zh-CN-sichuan zh-HK zh-TW zu-ZA
"""
SOURCES: tuple[str, ...] = tuple(_SOURCES.split())
"""The locales that are recognised."""

# Where a language alone says which locale is meant by most who write it so; elsewhere the first.
_COMMON_LOCALES = {
    "ar": "ar-EG",
    "de": "de-DE",
    "en": "en-US",
    "es": "es-ES",
    "fr": "fr-FR",
    "it": "it-IT",
    "nl": "nl-NL",
    "no": "nb-NO",
    "tl": "fil-PH",
    "iw": "he-IL",
    "zh": "zh-CN",
}

# https://learn.microsoft.com/azure/ai-services/translator/language-support#translation
_TARGETS = """
af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|ba Bashkir|bg Bulgarian
bho Bhojpuri|bn Bangla|bo Tibetan|brx Bodo|bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish
de German|doi Dogri|dsb Lower Sorbian|dv Divehi|el Greek|en English|es Spanish|et Estonian
eu Basque|fa Persian|fi Finnish|fil Filipino|fj Fijian|fo Faroese|fr French
fr-ca French (Canada)|ga Irish|gl Galician|gom Konkani|gu Gujarati|ha Hausa|he Hebrew|hi Hindi
hne Chhattisgarhi|hr Croatian|hsb Upper Sorbian|ht Haitian Creole|hu Hungarian|hy Armenian
id Indonesian|ig Igbo|ikt Inuinnaqtun|is Icelandic|it Italian|iu Inuktitut
iu-Latn Inuktitut (Latin)|ja Japanese|ka Georgian|kk Kazakh|km Khmer|kmr Northern Kurdish
kn Kannada|ko Korean|ks Kashmiri|ku Central Kurdish|ky Kyrgyz|ln Lingala|lo Lao|lt Lithuanian
lug Ganda|lv Latvian|lzh Chinese (Literary)|mai Maithili|mg Malagasy|mi Maori|mk Macedonian
ml Malayalam|mn-Cyrl Mongolian (Cyrillic)|mn-Mong Mongolian (Traditional)|mni Manipuri
mr Marathi|ms Malay|mt Maltese|mww Hmong Daw|my Burmese|nb Norwegian|ne Nepali|nl Dutch
nso Northern Sotho|nya Nyanja|or Odia|otq Queretaro Otomi|pa Punjabi|pl Polish|prs Dari
ps Pashto|pt Portuguese (Brazil)|pt-pt Portuguese (Portugal)|ro Romanian|ru Russian|run Rundi
rw Kinyarwanda|sd Sindhi|si Sinhala|sk Slovak|sl Slovenian|sm Samoan|sn Shona|so Somali
sq Albanian|sr-Cyrl Serbian (Cyrillic)|sr-Latn Serbian (Latin)|st Sesotho|sv Swedish|sw Swahili
ta Tamil|te Telugu|th Thai|ti Tigrinya|tk Turkmen|tlh-Latn Klingon (Latin)
tlh-Piqd Klingon (pIqaD)|tn Setswana|to Tongan|tr Turkish|tt Tatar|ty Tahitian|ug Uyghur
uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|xh Xhosa|yo Yoruba|yua Yucatec Maya
yue Cantonese (Traditional)|zh-Hans Chinese (Simplified)|zh-Hant Chinese (Traditional)|zu Zulu
"""
TARGETS: dict[str, str] = {
    code: name
    for code, _, name in (
        entry.partition(" ") for entry in _TARGETS.strip().replace("\n", "|").split("|")
    )
}
"""What texts are translated into: the service's codes, and what they are called in English."""

# https://learn.microsoft.com/azure/ai-services/speech-service/regions
_REGIONS = """
australiaeast brazilsouth canadacentral canadaeast centralindia centralus eastasia eastus
eastus2 francecentral germanywestcentral italynorth japaneast japanwest koreacentral
northcentralus northeurope norwayeast qatarcentral southafricanorth southcentralus southeastasia
swedencentral switzerlandnorth switzerlandwest uaenorth uksouth ukwest westcentralus westeurope
westus westus2 westus3
"""
REGIONS: tuple[str, ...] = tuple(_REGIONS.split())
"""Where Speech resources can be, public clouds only."""

# What names of voices look like: a locale, then a name. Custom and personal voices do not.
_VOICE = re.compile(
    r"(?P<locale>[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}(-[a-z]{3,9})?)-(?P<name>\w+(:\w+)?)", re.ASCII
)
# The voices that speak whatever they are given, in dozens of languages.
_MULTILINGUAL = re.compile("multilingual|:dragonhd|turbo", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Voice:
    """Who says a text, and what it is told of the text."""

    name: str
    """The service's short name, such as "de-DE-KatjaNeural"."""
    locale: str
    """What the text is in, such as "de-DE"."""
    foreign: bool = False
    """Whether the voice has several languages and must be told which."""


@dataclass(frozen=True, slots=True)
class Target:
    """A language that texts are translated into."""

    code: str
    name: str
    """In English."""
    voice: str | None
    """Who speaks it when nobody was chosen; None where nobody can."""


@cache
def targets() -> tuple[Target, ...]:
    """All languages that texts are translated into, in order of their codes."""
    return tuple(Target(code, name, _default_voice(code)) for code, name in TARGETS.items())


@cache
def spoken_languages() -> tuple[str, ...]:
    """The codes of those that a voice is known for."""
    return tuple(each.code for each in targets() if each.voice is not None)


def source_locale(tag: str) -> str:
    """What the recogniser is asked for.

    Args:
        tag: A BCP-47 tag, in any case.

    Raises:
        ConfigurationError: It is a language alone; says which locale may be meant.
        UnsupportedLanguageError: It is neither known nor like a locale.
    """
    for locale in SOURCES:
        if locale.lower() == tag.lower():
            return locale
    language = tag.lower().split("-")[0]
    found = _COMMON_LOCALES.get(language) or next(
        (each for each in SOURCES if each.split("-")[0] == language), None
    )
    if found is None:
        raise UnsupportedLanguageError(tag, "source", SOURCES)
    if "-" not in tag:
        raise ConfigurationError(
            "source_language",
            f"Azure Speech recognises locales; {tag!r} names no region. Did you mean {found}?",
        )
    return tag


def chosen_voice(language: str, voice: str | None) -> Voice:
    """Who says a text.

    Args:
        language: What the text is in, as a BCP-47 tag or the service's code.
        voice: The service's name of a voice; None takes the default one.

    Raises:
        UnsupportedLanguageError: No voice was named, and none is known.
        ConfigurationError: The voice speaks another language, or is no name.
    """
    if voice is None:
        voice = default_voice(language)
    elif not voice.strip() or len(voice) > 200 or not voice.isprintable():
        raise ConfigurationError("voice", "must be a name such as de-DE-KatjaNeural")
    match = _VOICE.fullmatch(voice)
    if match is None:
        return Voice(voice, _locale(language))  # a custom or personal voice; the service knows
    if _MULTILINGUAL.search(match["name"]):
        locale = _locale(language)
        return Voice(voice, locale, foreign=not language_matches(locale, match["locale"]))
    if not _speaks(match["locale"], language):
        try:
            advice = f"; choose one that does, such as {default_voice(language)}"
        except UnsupportedLanguageError:
            advice = ""
        raise ConfigurationError(
            "voice", f"{voice} speaks {match['locale']}, not {language}{advice}"
        )
    return Voice(voice, match["locale"])


def similar_voice(voice: str, known: tuple[str, ...] = ()) -> str | None:
    """A voice that may have been meant.

    Args:
        voice: What the service does not have.
        known: What it has, if it was asked; else the default voices count.
    """
    candidates = known or tuple(each.voice for each in targets() if each.voice is not None)
    lower = {each.lower(): each for each in candidates}
    close = get_close_matches(voice.lower(), lower, n=1, cutoff=0.6)
    if close:
        return lower[close[0]]
    return next((each for each in candidates if each[:5].lower() == voice[:5].lower()), None)


def similar_region(region: str) -> str | None:
    """A region that may have been meant; None where this is one, or like none."""
    if region in REGIONS:
        return None
    return next(iter(get_close_matches(region, REGIONS, n=1, cutoff=0.6)), None)


def _speaks(locale: str, language: str) -> bool:
    """Whether a voice of a locale can say a text in a language, whatever the country."""
    return target_code(locale).split("-")[0] == target_code(language).split("-")[0]


def _locale(language: str) -> str:
    """A locale for a language, which SSML wants to know."""
    if re.search(r"-[A-Za-z]{2}$", language):
        return language
    try:
        voice = default_voice(language)
    except UnsupportedLanguageError:
        return language
    match = _VOICE.fullmatch(voice)
    return match["locale"] if match else language


def _default_voice(code: str) -> str | None:
    try:
        return default_voice(code)
    except UnsupportedLanguageError:
        return None


__all__ = [
    "REGIONS",
    "SOURCES",
    "TARGETS",
    "Target",
    "Voice",
    "chosen_voice",
    "similar_region",
    "similar_voice",
    "source_locale",
    "spoken_languages",
    "targets",
]
