"""Understands Morse code on a call, and answers in Morse code of another language."""

from morse_translator.code import keyed
from morse_translator.engine import morse_translator

__all__ = ["keyed", "morse_translator"]
