"""One short function per address: get the room, validate the form, call one verb, render."""
