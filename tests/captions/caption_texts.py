"""Texts such as no engine says on purpose."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

ANY_TEXT = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=12),
        st.sampled_from(
            ["-->", "\n", "\r\n", "\n\n", "\0", "\u2028", "\x85", "\x1c", "&amp;", "<b>", "{\\an8}"]
        ),
        st.sampled_from(
            ["word ", "我们", "。", "......", "é", "👩‍👩‍👧", "\u00a0!", "\t", "\u3000"]
        ),
    ),
    max_size=25,
).map("".join)


def without_blanks(text: str) -> str:
    """What must survive: all but blanks and control characters."""
    kept = (char for char in text if not char.isspace() and unicodedata.category(char) != "Cc")
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in kept)
