"""Bytes to values and back: the message head, the schemas, receipts, replies and the SOAP envelope. Pure."""
