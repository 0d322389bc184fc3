"""The only place that knows every part: settings, composition, the processes and the demo."""
