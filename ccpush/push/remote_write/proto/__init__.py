"""The remote-write messages as protobuf classes, generated from the ``.proto`` files here."""
