"""Send: sinks for a Pushgateway and for remote-write receivers."""
