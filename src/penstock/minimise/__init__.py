"""What a source never stores: rules by path, cut out of the bytes of an event before the disk. Pure."""
