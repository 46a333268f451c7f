"""What tests of programs on rawmedia need: fakes, signals, comparisons and virtual time."""
