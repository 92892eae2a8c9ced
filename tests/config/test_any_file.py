"""Whatever stands in a settings file, it is taken or told; nothing else happens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ccpush.config.load import load_settings
from ccpush.config.settings import Settings
from ccpush.errors import ConfigError

WORDS = (
    "claude_home state interval instance external_labels web listen_address config_file log level"
    " remote_write pushgateway url name headers http_headers values secrets basic_auth username"
    " username_file password password_file authorization type credentials bearer_token tls_config"
    " ca_file cert_file key_file insecure_skip_verify proxy_url no_proxy proxy_from_environment"
    " queue_config max_samples_per_send capacity metadata_config send grouping_key labels job"
    " timeout remote_timeout oauth2 client_id client_secret token_url scopes endpoint_params files ca"
    " cert key min_version max_version proxy_connect_header write_relabel_configs"
    " source_labels separator regex modulus target_label replacement action"
    " prices model models from input output cache_read web_search fast above tokens <<"
)
KEYS = st.sampled_from(WORDS.split())
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.sampled_from(
        ["http://a.example.com/w", "https://[::1]:9/", "5s", "~", "~/x", "[::1]:0", "a"]
    ),
)
ANYTHING = st.recursive(
    VALUES,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.one_of(KEYS, KEYS, st.text(max_size=4)), below, max_size=5),
    ),
    max_leaves=25,
)


def load(raw: bytes) -> Settings | ConfigError:
    """The settings of a file with these bytes, or the error that they end in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ccpush.yml").write_bytes(raw)
        try:
            return load_settings(
                {},
                {},
                home=folder,
                config_dir=folder,
                state_dir=folder,
                runtime_dir=folder,
                cache_dir=folder,
            )
        except ConfigError as error:
            for line in str(error).splitlines():
                assert line.startswith(f"{folder}/ccpush.yml")
                assert ": found " in line
                assert "; accepted: " in line
            return error


@given(st.dictionaries(KEYS, ANYTHING, max_size=6))
def test_any_keys_and_values(contents: dict[str, object]) -> None:
    """Known keys with values of any shape: settings, or an error of lines in one form."""
    assert isinstance(load(yaml.safe_dump(contents).encode()), Settings | ConfigError)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(alphabet="url: -[]{}&*!|>'\"#%@\n\tab<~?,", max_size=60).map(str.encode),
    )
)
def test_any_bytes(raw: bytes) -> None:
    """Any bytes at all: settings, or an error of lines in one form."""
    assert isinstance(load(raw), Settings | ConfigError)
