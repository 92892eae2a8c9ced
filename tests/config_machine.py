"""An invented user's machine, and a way to load the settings that a test writes there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ccpush.config.load import load_settings
from ccpush.config.settings import Settings
from ccpush.errors import ConfigError


@dataclass(frozen=True)
class Machine:
    """The folders of one invented user."""

    home: Path
    config_dir: Path
    state_dir: Path
    runtime_dir: Path
    cache_dir: Path

    @property
    def file(self) -> Path:
        """The default settings file."""
        return self.config_dir / "ccpush.yml"

    def write(self, text: str) -> Path:
        """Write the default settings file, readable by its owner alone."""
        self.file.write_text(text)
        self.file.chmod(0o600)
        return self.file

    def load(
        self, text: str | None = None, environ: dict[str, str] | None = None, **flags: object
    ) -> Settings:
        """Load the settings, after writing the file if its text is given."""
        if text is not None:
            self.write(text)
        return load_settings(
            flags,
            environ or {},
            home=self.home,
            config_dir=self.config_dir,
            state_dir=self.state_dir,
            runtime_dir=self.runtime_dir,
            cache_dir=self.cache_dir,
        )

    def problems(
        self, text: str | None = None, environ: dict[str, str] | None = None, **flags: object
    ) -> list[str]:
        """The lines of the ConfigError that loading ends with."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, environ, **flags)
        assert caught.value.exit_code == 78
        return str(caught.value).splitlines()
