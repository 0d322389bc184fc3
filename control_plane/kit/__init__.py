"""Small pieces over the standard library that every layer may use."""
