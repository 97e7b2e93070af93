"""All settings. The only module that reads the environment.

Every field is an environment variable with the prefix ``ROLLCALL_`` (``ROLLCALL_DATA_DIR=/srv/rollcall``)
or a key of the TOML file that ``ROLLCALL_CONFIG`` names; the environment wins. docs/guides/settings.md lists
them and a test holds that list to this file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from models.errors import SettingInvalid

_REPOSITORY = Path(__file__).resolve().parent.parent


def _data_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "rollcall"


def _cache_home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rollcall"


def _development_weights() -> Path | None:
    """Beside a source checkout, shared/models holds the weights that developers use."""
    folder = _REPOSITORY.parent / "shared" / "models"
    return folder if folder.is_dir() else None


class Settings(BaseSettings):
    """What an engineer may set. The defaults make the embedded form: SQLite, filesystem store."""

    model_config = SettingsConfigDict(
        env_prefix="ROLLCALL_", extra="forbid", frozen=True, allow_inf_nan=False
    )

    data_dir: Annotated[Path, Field(description="Folder of the database, footage, keys and weights.")] = (
        Field(default_factory=_data_home)
    )
    cache_dir: Annotated[
        Path, Field(description="Folder of what can be made again: converted networks, drawn people.")
    ] = Field(default_factory=_cache_home)
    database_url: Annotated[
        SecretStr | None,
        Field(description="SQLAlchemy address; empty means SQLite in data_dir."),
    ] = None
    database_wait_s: Annotated[
        float, Field(gt=0, le=120, description="How long a writer waits for a locked database, seconds.")
    ] = 15.0
    host: Annotated[str, Field(description="Address that the console and API listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port of the console and API; 0 picks one.")] = (
        8420
    )
    public_url: Annotated[
        str, Field(description="Address users see, when a proxy stands in front; https makes cookies Secure.")
    ] = ""
    default_locale: Annotated[
        Literal["zh_CN", "en"], Field(description="Language of the console before a user chooses.")
    ] = "zh_CN"
    institution: Annotated[
        str, Field(description="Name of the training institution this installation serves.")
    ] = "本机培训机构"
    origin: Annotated[
        str, Field(description="Name of the evidence log in its signed checkpoints; choose once.")
    ] = "rollcall.local/log"
    weights_dir: Annotated[
        Path | None, Field(description="Extra folder with network weights, read only.")
    ] = Field(default_factory=_development_weights)
    calibration_file: Annotated[
        Path | None, Field(description="Own calibration by rollcall calibrate; empty takes the one supplied.")
    ] = None
    weights_mirror: Annotated[
        str, Field(description="Address or folder `rollcall models pull` takes files from.")
    ] = ""
    detector: Annotated[
        Literal["auto", "yunet", "hog"],
        Field(description="Face detector; auto takes YuNet when its weights are there, else HOG."),
    ] = "auto"
    recognition_threads: Annotated[
        int, Field(ge=1, le=64, description="Threads one network run may use.")
    ] = 1
    bus_frames_per_camera: Annotated[
        int, Field(ge=1, le=64, description="Keyframes that wait per camera before the oldest is dropped.")
    ] = 4
    camera_ca_file: Annotated[
        Path | None,
        Field(description="Certificates (PEM) that cameras over TLS must be signed by; empty asks for none."),
    ] = None
    spool_reserve_mb: Annotated[
        int, Field(ge=16, description="Free disk below which no new recording starts, MiB.")
    ] = 512
    spool_high_mb: Annotated[
        int, Field(ge=1, description="Footage waiting for the store above which an alarm is raised, MiB.")
    ] = 20480
    spool_high_minutes: Annotated[
        float, Field(gt=0, description="Age of the oldest waiting footage above which an alarm is raised.")
    ] = 30.0
    spool_alarm_hours: Annotated[
        float, Field(ge=0, description="Alarm when the disk will be full within so many hours; 0: never.")
    ] = 48.0
    store_upload_workers: Annotated[
        int, Field(ge=1, le=32, description="Files of footage carried to the store at the same time.")
    ] = 3
    store_upload_mbit_s: Annotated[
        float, Field(ge=0, description="Most that uploads of footage may send together, Mbit/s; 0: no limit.")
    ] = 0.0
    store: Annotated[
        Literal["filesystem", "s3"],
        Field(description="Where footage is kept: a folder in data_dir, or a bucket on an S3 server."),
    ] = "filesystem"
    s3_endpoint: Annotated[
        str, Field(description="Address of the S3 server: https://host:port, without a path.")
    ] = ""
    s3_bucket: Annotated[str, Field(description="Bucket with Object Lock; made when it is missing.")] = (
        "rollcall"
    )
    s3_region: Annotated[str, Field(description="Region that requests are signed for.")] = "us-east-1"
    s3_access_key: Annotated[str, Field(description="Name of the key for the S3 server.")] = ""
    s3_secret_key: Annotated[SecretStr | None, Field(description="Secret of the key for the S3 server.")] = (
        None
    )
    s3_ca_file: Annotated[
        Path | None,
        Field(description="Certificates (PEM) the S3 server must be signed by; empty trusts the usual ones."),
    ] = None
    s3_connect_timeout_s: Annotated[
        float, Field(gt=0, le=60, description="How long a connection to the S3 server may take, seconds.")
    ] = 5.0
    s3_read_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="How long the S3 server may be silent in a call, seconds.")
    ] = 30.0
    s3_read_back: Annotated[
        bool,
        Field(
            description="Read each object back whole after its upload; otherwise only where no MD5 proves it."
        ),
    ] = False
    store_lock_mode: Annotated[
        Literal["GOVERNANCE", "COMPLIANCE"],
        Field(description="Lock of stored footage; COMPLIANCE cannot be undone."),
    ] = "GOVERNANCE"
    store_immutable: Annotated[
        bool,
        Field(description="Set the immutable attribute on stored footage where root and filesystem allow."),
    ] = False
    remove_expired: Annotated[
        bool,
        Field(description="Remove footage whose retention is over and nothing keeps; off: only listed."),
    ] = False
    evidence_mode: Annotated[
        Literal["off", "required"],
        Field(
            description="required: nothing is recorded onto a store whose locks were tried and do not hold."
        ),
    ] = "off"
    checkpoint_every_s: Annotated[
        float, Field(ge=1, le=3600, description="Seconds between signed checkpoints.")
    ] = 60.0
    rehash_mb_per_s: Annotated[
        float,
        Field(gt=0, le=10_000, description="Stored footage read again at most this fast, MB per second."),
    ] = 8.0
    rehash_every_days: Annotated[
        float, Field(ge=1, le=1830, description="Days from one walk over all stored footage to the next.")
    ] = 91.0
    tsa_url: Annotated[
        str, Field(description="Time-stamp authority (RFC 3161) for closed lessons; empty asks none.")
    ] = ""
    tsa_ca_file: Annotated[
        Path | None,
        Field(description="Root certificates (PEM) of the time-stamp authority; needed with tsa_url."),
    ] = None
    c2pa_certificate: Annotated[
        Path | None,
        Field(description="Certificates (PEM), the signing one first, for `rollcall export --c2pa`."),
    ] = None
    c2pa_key: Annotated[
        Path | None,
        Field(description="Private key (PEM, mode 0600) of the first certificate in c2pa_certificate."),
    ] = None
    session_hours: Annotated[float, Field(gt=0, le=168, description="Hours until a log-in expires.")] = 12.0
    upload_limit_mb: Annotated[
        int, Field(ge=1, le=4096, description="Largest roster archive or photo set accepted over HTTP, MiB.")
    ] = 256
    log_format: Annotated[Literal["auto", "console", "json"], Field(description="Log lines on stderr.")] = (
        "auto"
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Least severe level logged.")
    ] = "info"

    @field_validator("data_dir", "cache_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("camera_ca_file", "s3_ca_file", "tsa_ca_file")
    @classmethod
    def _there(cls, file: Path | None) -> Path | None:
        # Without this a camera, store or authority would seem unreachable; nobody would look for the path.
        if file is not None and not file.expanduser().is_file():
            raise ValueError("there is no such file")
        return file and file.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (names are pydantic's)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        config = os.environ.get("ROLLCALL_CONFIG")
        if config:
            sources += (TomlConfigSettingsSource(settings_cls, toml_file=Path(config)),)
        return sources

    def database_address(self) -> str:
        """SQLAlchemy URL, password included: for the engine only."""
        if self.database_url is not None and self.database_url.get_secret_value():
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'rollcall.db'}"

    @property
    def keys_dir(self) -> Path:
        return self.data_dir / "keys"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "spool"

    @property
    def store_dir(self) -> Path:
        return self.data_dir / "store"

    @property
    def viewing_dir(self) -> Path:
        return self.cache_dir / "viewing"

    @property
    def models_dir(self) -> Path:
        return self.data_dir / "models"

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and ``ROLLCALL_CONFIG``.

    Raises:
        SettingInvalid: names the setting and what is wrong with it, never its value.
    """
    config = os.environ.get("ROLLCALL_CONFIG")
    if config and not Path(config).is_file():
        raise SettingInvalid(
            f"the settings file {config} does not exist", hint="mend or unset ROLLCALL_CONFIG"
        )
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as exc:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise SettingInvalid(wrong, place="settings", hint="see docs/guides/settings.md") from None
    except ValueError:
        raise SettingInvalid(
            f"{config} is not valid TOML", hint="see docs/guides/settings.md for an example"
        ) from None


def stderr_is_terminal() -> bool:
    """Whether progress bars and colours make sense."""
    return sys.stderr.isatty()
