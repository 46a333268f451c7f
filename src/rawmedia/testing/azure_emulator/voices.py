"""The voices that the emulator has: a part of the real ones, by their real names.

Source: https://learn.microsoft.com/azure/ai-services/speech-service/language-support?tabs=tts
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_BY_LOCALE = """
af-ZA Adri Willem
am-ET Mekdes Ameha
ar-EG Salma Shakir
ar-SA Zariyah Hamed
az-AZ Banu Babek
bg-BG Kalina Borislav
bn-IN Tanishaa Bashkar
bs-BA Vesna Goran
ca-ES Joana Enric Alba
cs-CZ Vlasta Antonin
cy-GB Nia Aled
da-DK Christel Jeppe
de-AT Ingrid Jonas
de-CH Leni Jan
de-DE Katja Conrad Amala Killian
el-GR Athina Nestoras
en-AU Natasha William
en-CA Clara Liam
en-GB Sonia Ryan Libby
en-IE Emily Connor
en-IN Neerja Prabhat
en-US Jenny Guy Aria Davis Ava Andrew Emma Brian
es-ES Elvira Alvaro
es-MX Dalia Jorge
et-EE Anu Kert
eu-ES Ainhoa Ander
fa-IR Dilara Farid
fi-FI Selma Harri Noora
fil-PH Blessica Angelo
fr-BE Charline Gerard
fr-CA Sylvie Jean Antoine
fr-CH Ariane Fabrice
fr-FR Denise Henri
ga-IE Orla Colm
gl-ES Sabela Roi
gu-IN Dhwani Niranjan
he-IL Hila Avri
hi-IN Swara Madhur
hr-HR Gabrijela Srecko
hu-HU Noemi Tamas
hy-AM Anahit Hayk
id-ID Gadis Ardi
is-IS Gudrun Gunnar
it-IT Elsa Isabella Diego
ja-JP Nanami Keita
ka-GE Eka Giorgi
kk-KZ Aigul Daulet
km-KH Sreymom Piseth
kn-IN Sapna Gagan
ko-KR SunHi InJoon
lo-LA Keomany Chanthavong
lt-LT Ona Leonas
lv-LV Everita Nils
mk-MK Marija Aleksandar
ml-IN Sobhana Midhun
mn-MN Yesui Bataa
mr-IN Aarohi Manohar
ms-MY Yasmin Osman
mt-MT Grace Joseph
my-MM Nilar Thiha
nb-NO Pernille Finn Iselin
ne-NP Hemkala Sagar
nl-BE Dena Arnaud
nl-NL Fenna Maarten Colette
pl-PL Agnieszka Marek Zofia
ps-AF Latifa GulNawaz
pt-BR Francisca Antonio
pt-PT Raquel Duarte Fernanda
ro-RO Alina Emil
ru-RU Svetlana Dmitry
si-LK Thilini Sameera
sk-SK Viktoria Lukas
sl-SI Petra Rok
so-SO Ubax Muuse
sq-AL Anila Ilir
sr-RS Sophie Nicholas
sv-SE Sofie Mattias Hillevi
sw-KE Zuri Rafiki
ta-IN Pallavi Valluvar
te-IN Shruti Mohan
th-TH Premwadee Niwat Achara
tr-TR Emel Ahmet
uk-UA Polina Ostap
ur-PK Uzma Asad
uz-UZ Madina Sardor
vi-VN HoaiMy NamMinh
zh-CN Xiaoxiao Yunxi Yunjian Xiaoyi
zh-HK HiuMaan WanLung HiuGaai
zh-TW HsiaoChen YunJhe HsiaoYu
zu-ZA Thando Themba
"""

VOICES: tuple[str, ...] = tuple(
    f"{locale}-{name}Neural"
    for locale, *names in (line.split() for line in _BY_LOCALE.strip().splitlines())
    for name in names
)
"""Short names, such as "de-DE-KatjaNeural"."""


def described(voices: Iterable[str]) -> list[dict[str, Any]]:
    """What the service's list says of each voice."""
    return [_described(voice) for voice in voices]


def _described(voice: str) -> dict[str, Any]:
    language, region, name = voice.split("-", 2) if voice.count("-") >= 2 else ("en", "US", voice)
    locale, short = f"{language}-{region}", name.removesuffix("Neural")
    return {
        "Name": f"Microsoft Server Speech Text to Speech Voice ({locale}, {name})",
        "DisplayName": short,
        "LocalName": short,
        "ShortName": voice,
        "Gender": "Female",
        "Locale": locale,
        "LocaleName": locale,
        "SampleRateHertz": "48000",
        "VoiceType": "Neural",
        "Status": "GA",
        "WordsPerMinute": "150",
    }


__all__ = ["VOICES", "described"]
