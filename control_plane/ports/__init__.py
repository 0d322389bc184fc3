"""What the core needs from outside, as small Protocols; adapters know these, never each other."""
