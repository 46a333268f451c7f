"""What the engine of the tests knows."""

PHRASES = {
    "good day": {"es": "buenos días", "fr": "bonjour"},
    "send help": {"es": "envíe ayuda", "fr": "envoyez de l'aide"},
}
