"""Settings: where a value comes from, and what is said when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tapeline.errors import UsageError
from tapeline.secrets import paper_keys
from tapeline.settings import HANDED_OVER, handed_over, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("TAPELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "tapeline.yaml") -> Path:
    file = Path(name)
    file.write_text(text)
    return file


def test_nothing_set_gives_the_embedded_servers_and_the_paper_venue(empty_folder: Path) -> None:
    """OPS-1: it runs with no configuration at all."""
    settings = load_settings()
    assert settings.bootstrap is None
    assert settings.dsn is None
    assert settings.trades_on_paper
    assert settings.home == empty_folder / ".tapeline"
    assert settings.venue.data_dir == empty_folder / ".tapeline" / "venue"


def test_the_command_line_is_above_the_environment_and_that_above_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIVE-5: one YAML, environment above it."""
    write("log_level: DEBUG\nkafka: {bootstrap: 'file:9092', topic_prefix: from-file.}\nvenue: {seed: 7}\n")
    monkeypatch.setenv("TAPELINE_KAFKA__BOOTSTRAP", "environment:9092")
    monkeypatch.setenv("TAPELINE_VENUE__SEED", "8")
    settings = load_settings(overrides={"venue": {"seed": 9}})
    assert settings.log_level == "DEBUG"
    assert settings.kafka.bootstrap == "environment:9092"
    assert settings.kafka.topic_prefix == "from-file."
    assert settings.venue.seed == 9


def test_variables_in_the_file_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIVE-5: YAML with ${VAR}."""
    monkeypatch.setenv("MY_KAFKA", "kafka.lan:9092")
    write("# ${IGNORED_IN_COMMENTS}\nkafka:\n  bootstrap: ${MY_KAFKA}\nlog_level: ${LEVEL:-WARNING}\n")
    settings = load_settings()
    assert settings.kafka.bootstrap == "kafka.lan:9092"
    assert settings.log_level == "WARNING"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kafka: {bootstrap: [}\n", r"tapeline\.yaml line 1, column 21: this is not YAML"),
        ("a: b: c\n", r"tapeline\.yaml line 1, column 5: this is not YAML"),
        ("- a list\n", r"tapeline\.yaml line 1: expected keys"),
        (
            "log_level: INFO\nkafak: {}\n",
            r"tapeline\.yaml line 2: there is no setting 'kafak'\. Did you mean 'kafka'\?",
        ),
        (
            "kafka:\n\n  topic_prefixx: a\n",
            r"tapeline\.yaml line 3: there is no setting 'kafka\.topic_prefixx'\. Did you mean 'topic_prefix'\?",
        ),
        ("venue:\n  port: 99999\n", r"tapeline\.yaml line 2: 'venue\.port' is 99999: .* less than or equal to 65535"),
        ("log_level: LOUD\n", r"tapeline\.yaml line 1: 'log_level' is 'LOUD': .*'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        (
            "kafka:\n  bootstrap: ${UNSET_HERE}\n",
            r"tapeline\.yaml line 2: the environment variable UNSET_HERE is not set",
        ),
        ("venue: {seed: 1}\nvenue: {seed: 2}\n", r"tapeline\.yaml line 2: the key 'venue' stands here a second time"),
    ],
)
def test_a_wrong_file_is_answered_with_line_key_value_and_what_is_allowed(text: str, message: str) -> None:
    """LIVE-5: validated with clear errors."""
    write(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_settings()
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_is_named() -> None:
    """LIVE-5: --config with a wrong path."""
    with pytest.raises(UsageError, match=r"cannot read the configuration nowhere\.yaml: No such file"):
        load_settings(Path("nowhere.yaml"))


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIVE-5: the environment is checked as well."""
    monkeypatch.setenv("TAPELINE_VENUE__PORT", "eighty")
    with pytest.raises(
        UsageError, match=r"environment variable TAPELINE_VENUE__PORT: 'venue\.port' is 'eighty': .*integer"
    ):
        load_settings()
    monkeypatch.delenv("TAPELINE_VENUE__PORT")
    monkeypatch.setenv("TAPELINE_KAFAK__BOOTSTRAP", "x:1")
    with pytest.raises(UsageError, match=r"TAPELINE_KAFAK__BOOTSTRAP sets nothing; .* TAPELINE_KAFKA"):
        load_settings()


def test_a_secret_never_stands_in_a_complaint() -> None:
    """GRPC-4: keys appear in no message."""
    write("venue:\n  api_secret: [hunter2hunter2]\n")
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert "api_secret" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_child_gets_exactly_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPS-1: effective settings are handed over whole, secrets included, whatever else the environment says."""
    monkeypatch.setenv("TAPELINE_POSTGRES__DSN", "postgresql://me:pw123456@localhost/db")
    settings = load_settings(overrides={"venue": {"seed": 5, "speed": "max", "initial_balance": "123.45"}})
    for name, value in handed_over(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TAPELINE_VENUE__SEED", "6")
    assert load_settings() == settings
    assert HANDED_OVER in os.environ
    assert "pw123456" not in repr(settings)


def test_the_paper_key_pair_is_made_once_and_is_the_owners_only(empty_folder: Path) -> None:
    """GRPC-4: the key file is readable by its owner only."""
    first = paper_keys(empty_folder)
    assert paper_keys(empty_folder) == first
    assert (empty_folder / "paper_keys.json").stat().st_mode & 0o777 == 0o600
    assert first.api_secret not in repr(first)
    other = empty_folder / "other"
    assert paper_keys(other) != first


def test_the_example_is_valid_as_it_is_and_with_every_setting_switched_on(empty_folder: Path) -> None:
    """LIVE-5: the example cannot rot: every key in it exists, every default in it is the default."""
    example = Path(__file__).resolve().parents[3] / "tapeline.example.yaml"
    defaults = load_settings(example)
    _, _, body = example.read_text().partition("\n\n")
    lines = [line.removeprefix("# ") for line in body.splitlines()]
    switched_on = "\n".join(line for line in lines if ":" in line.partition(" #")[0] and not line[0].isupper())
    settings = load_settings(write(switched_on, "all.yaml"))
    assert settings.bootstrap == "kafka.example:9092"
    for section in ("agents", "projections"):
        assert getattr(settings, section) == getattr(defaults, section)
    assert settings.connector.limits == defaults.connector.limits
    assert settings.connector.gateway == defaults.connector.gateway
    given = settings.venue.model_dump(exclude={"port", "tape_symbol", "reached_at"})
    assert given == defaults.venue.model_dump(exclude={"port", "tape_symbol", "reached_at"})


@pytest.mark.parametrize("key", ["api_key", "api_secret", "api_password"])
def test_keys_of_a_venue_in_the_file_are_refused_with_the_place_to_put_them(key: str) -> None:
    """GRPC-4: from the environment or .env only; the message does not repeat the key."""
    write(f"connector:\n  venue:\n    exchange: okx\n    {key}: visible-in-a-file\n")
    with pytest.raises(UsageError) as refused:
        load_settings()
    assert f"tapeline.yaml line 4: connector.venue.{key}" in str(refused.value)
    assert f"TAPELINE_CONNECTOR__VENUE__{key.upper()}" in str(refused.value)
    assert "visible-in-a-file" not in str(refused.value)


def test_keys_come_from_dotenv_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """GRPC-4: .env may hold other programs' variables; they change nothing."""
    write("connector: {venue: {exchange: okx}}\n")
    write(
        "TAPELINE_CONNECTOR__VENUE__API_KEY=from-dotenv\nTAPELINE_CONNECTOR__VENUE__API_PASSWORD='a phrase'\n"
        "OTHER_PROGRAM=1\nTAPELINE_LOG_LEVEL=DEBUG\n",
        ".env",
    )
    monkeypatch.setenv("TAPELINE_LOG_LEVEL", "WARNING")
    settings = load_settings()
    venue = settings.connector.venue
    assert (venue.name, venue.api_key.get_secret_value()) == ("okx", "from-dotenv")
    assert venue.api_password.get_secret_value() == "a phrase"
    assert settings.log_level == "WARNING"
    assert "from-dotenv" not in repr(settings)
