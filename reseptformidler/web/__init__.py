"""The HTTP edge: bytes in, bytes out. It knows sizes, times, SOAP envelopes, and what a message is called."""
