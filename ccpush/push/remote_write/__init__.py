"""Remote-write: the messages, one request, and the sink that sends them."""
