#!/bin/sh
# Makes call-centre.flac: the project's own sentences (sentences.txt), spoken by Debian's flite.
#
#     sudo apt-get install flite sox && sh examples/speech/make.sh
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number=0
while IFS= read -r sentence; do
    number=$((number + 1))
    flite -voice rms -t "$sentence" -o "$work/spoken.wav"
    # One second of silence after each sentence, as between the turns of a call.
    sox "$work/spoken.wav" -r 16000 -c 1 -b 16 "$work/$(printf %02d "$number").wav" pad 0 1.0
done <sentences.txt

sox -D "$work"/[0-9]*.wav -b 16 call-centre.flac pad 0.5 0
