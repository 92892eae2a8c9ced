"""Settings: ccpush.yml, environment and flags, into frozen values. Every error names its fix."""
