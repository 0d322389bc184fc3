"""The file that a backup is: encrypted with a passphrase, made and read as a stream."""
