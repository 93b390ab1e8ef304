"""For those who send to the service: build a message, sign it, send it, read the answer. See docs/client.md."""
