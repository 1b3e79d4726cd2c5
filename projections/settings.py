"""What can be set about the projector, with its units."""

from pydantic import BaseModel, ConfigDict, Field


class ProjectionsSettings(BaseModel):
    """`operations_port` 0 takes a free one. A batch is written every `flush_ms` or `batch_records`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operations_host: str = "127.0.0.1"
    operations_port: int = Field(default=0, ge=0, le=65535)
    batch_records: int = Field(default=5000, ge=1)
    flush_ms: int = Field(default=50, ge=1)
    # How long Kafka or Postgres may be away before the process ends and is started again.
    give_up_after_s: float = Field(default=60.0, gt=0)
    # How often an idle projector asks the log how long it is.
    log_check_s: float = Field(default=2.0, gt=0)
