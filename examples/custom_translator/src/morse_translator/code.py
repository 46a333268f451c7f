"""The code, and text as audio in it."""

import unicodedata

import numpy as np
from rawmedia import SPEECH, AudioFrame

DOT_MS = 60.0
"""Twenty words a minute."""
DASH_DOTS, LETTER_DOTS, WORD_DOTS = 3, 3, 7
"""How long a dash is, and the pauses after a letter and after a word (ITU-R M.1677-1)."""

LETTERS = {
    ".-": "a", "-...": "b", "-.-.": "c", "-..": "d", ".": "e", "..-.": "f", "--.": "g",
    "....": "h", "..": "i", ".---": "j", "-.-": "k", ".-..": "l", "--": "m", "-.": "n",
    "---": "o", ".--.": "p", "--.-": "q", ".-.": "r", "...": "s", "-": "t", "..-": "u",
    "...-": "v", ".--": "w", "-..-": "x", "-.--": "y", "--..": "z",
}  # fmt: skip
SIGNS = {letter: sign for sign, letter in LETTERS.items()}

_HZ, _PEAK = 600.0, 8_000.0


def keyed(text: str) -> AudioFrame:
    """Text as audio in `SPEECH`, ending with the last sign; accents and what has no sign are left out."""
    pieces: list[tuple[int, bool]] = []  # dots, and whether the key is down
    for word in _plain(text).split():
        for letter in word:
            for sign in SIGNS.get(letter, ""):
                pieces += [(DASH_DOTS if sign == "-" else 1, True), (1, False)]
            pieces += [(LETTER_DOTS - 1, False)]
        pieces += [(WORD_DOTS - LETTER_DOTS, False)]
    while pieces and not pieces[-1][1]:
        pieces.pop()
    dot = SPEECH.samples(DOT_MS)
    down = np.concatenate([np.full(dots * dot, on) for dots, on in pieces] or [np.zeros(0, bool)])
    wave = _PEAK * np.sin(2 * np.pi * _HZ / SPEECH.sample_rate * np.arange(len(down)))
    return AudioFrame(np.where(down, wave, 0).astype(np.int16), SPEECH)


def _plain(text: str) -> str:
    return "".join(
        letter
        for letter in unicodedata.normalize("NFD", text.lower())
        if not unicodedata.combining(letter)
    )
