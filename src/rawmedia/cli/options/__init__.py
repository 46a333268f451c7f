"""The commands and their options, as typer reads them. Nothing is imported that does not begin at once."""
