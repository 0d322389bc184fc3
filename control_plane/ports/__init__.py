"""What the core needs from the outside, as Protocols of at most six methods; adapters know these, never each other."""
