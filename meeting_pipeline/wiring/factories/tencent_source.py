"""MEETING_SOURCE=tencent: the cloud recordings of a Tencent Meeting account."""

from meeting_pipeline.adapters.sources.tencent import connect
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.wiring.backends import utc_now
from meeting_pipeline.wiring.context import BackendContext


def make(context: BackendContext) -> RecordingSource:
    """Make the source; it raises ConfigError for credentials that cannot be right."""
    tencent = context.settings.tencent
    ids = connect.credentials(
        tencent.secret_id,
        tencent.secret_key,
        tencent.enterprise_id,
        tencent.app_id,
        tencent.sdk_id,
    )
    source = connect.connect(
        ids,
        base_url=tencent.base_url,
        scope=tencent.record_scope,
        operators=tencent.operator_ids,
        operator_type=tencent.operator_id_type,
        per_minute=tencent.per_minute,
        corp_per_minute=tencent.corp_per_minute,
        history=context.rates_folder,
        records=context.records_calls,
        stop=context.stop,
        now=utc_now,
        gate=context.gate(Resource.TENCENT),
    )
    context.services.callback(source.close)
    return source
