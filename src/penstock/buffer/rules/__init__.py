"""What every store goes by, whatever it is made of. Pure."""
