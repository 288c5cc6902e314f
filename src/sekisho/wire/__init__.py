"""Dialects: pure codecs. Bytes in, frozen values out, and the other way round. No I/O, no clock, no configuration."""
