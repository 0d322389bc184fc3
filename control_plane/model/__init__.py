"""The words of Proxenia as frozen values. They hold no behaviour beyond their own validity."""
