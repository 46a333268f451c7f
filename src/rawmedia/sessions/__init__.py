"""Interpreting: streams, a translator, captions and figures put together."""
