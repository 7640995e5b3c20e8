"""The pure part: values in, values and diagnostics out. No I/O, no clock, no randomness."""
