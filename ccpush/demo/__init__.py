"""An invented Claude home, to try ccpush on without any Claude data.

Loaded by the demo command and by tests alone. Everything here is made up: no row, no sentence and
no path comes from anybody's machine.
"""
