"""The outgoing socket: one seam (`Transport.open_stream`), its implementations, and the translation of their failures."""
