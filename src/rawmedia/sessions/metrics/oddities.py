"""The ways in which engines break the protocol, and how often one did."""

from __future__ import annotations

from typing import Literal, TypeAlias

Oddity: TypeAlias = Literal[
    "after_end",  # text or speech of an utterance that the engine had ended
    "second_end",  # an utterance was ended again
    "second_final",  # an utterance that had its final text got another; the first stands
    "partial_after_final",  # a revision of what nothing revises any more; passed over
    "revision_back",  # a partial that is older than the one before; passed over
    "spans_overlap",  # an utterance that starts before the end of the one before it
    "span_unheard",  # a span that ends after all that the engine was given
    "span_infinite",  # a span that ends never; it is taken to end with what was heard
    "no_text",  # an utterance of which there was speech ended without a final text
    "unknown_language",  # a translation into a language that was not asked for; passed over
]
"""Stable names of what an engine may do wrong; none of it ends a session."""

__all__ = ["Oddity"]
