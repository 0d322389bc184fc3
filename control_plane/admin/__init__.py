"""The admin API: what operators and their scripts may see and change, over HTTP."""
