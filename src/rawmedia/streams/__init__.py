"""The sockets of a call: streams that may wait, the clock they wait by, and a party's leg."""
