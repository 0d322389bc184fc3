"""The running of the core: changes in, consistent publications out."""
