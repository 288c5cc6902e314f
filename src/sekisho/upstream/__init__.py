"""The outgoing socket: one seam (`Transport.open_stream`) and what stands behind it."""
