"""What is wrong with a database in a way that waiting does not cure."""


class UnusableDatabaseError(Exception):
    """An operator has to act (install, upgrade, choose another directory); the text says what to do."""
