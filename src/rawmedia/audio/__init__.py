"""Values and arithmetic: formats, frames and what is computed from them. Nothing here waits."""
