"""Pure X.509: reading, making and verifying certificates. Keys, serial numbers and the time are arguments."""
