"""The HTTP edge: bytes in, bytes out. It knows sizes, times and SOAP envelopes; nothing of messages."""
