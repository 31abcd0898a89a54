"""The checks of Tencent Meeting that `meeting doctor` makes."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from requests import Request

from meeting_pipeline.adapters.sources.tencent.addresses import MEDIA, Addresses
from meeting_pipeline.adapters.sources.tencent.api_types import ListedRecord
from meeting_pipeline.adapters.sources.tencent.error_codes import swapped_hint
from meeting_pipeline.adapters.sources.tencent.listing import RecordList
from meeting_pipeline.adapters.sources.tencent.mapping import media_link, metas_of
from meeting_pipeline.adapters.sources.tencent.signing import Credentials, signature
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import MeetingError, SkipRecord

_SPAN = timedelta(days=7)  # weekends and holidays have no recordings
_NO_RECORDING = "录制一小段会议后再试 record a short meeting, then try again"
_LINK_S = 60.0
_CLOSE_S, _ALLOWED_S = 30.0, 300.0

# an example whose signature was made with Tencent's own SDK
_EXAMPLE = Credentials(
    "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", ""
)
_EXAMPLE_URL = (
    "https://api.meeting.qq.com/v1/addresses?meeting_record_id=1367354711193030656"
    "&operator_id=zhang%2Bsan%40corp.com&operator_id_type=1&page_size=50&page=1"
)
_EXAMPLE_TIME, _EXAMPLE_NONCE = "1572168600", "1234567"
_EXAMPLE_SIGNATURE = (
    "ODFiNDNlOWM4ZWE1OGM4YWQ0MWM1YmNmYmU4YzE1ODVjNzYyMDkwODM0Njk3MjY0NWMxMzZlMTEyMGU5MzFlOA=="
)

_NO_RIGHT = "no_permission"
_RIGHTS = {
    "/v1/corp/records": (
        "TQM_OPERATOR_ID must be a super administrator (超级管理员), or have a role that may view "
        "recordings (账户管理 > 录制管理 > 查看); or set TQM_RECORD_SCOPE=user"
    ),
    "/v1/records": "TQM_OPERATOR_ID must be the user id of a member of this enterprise",
}


def examine(lists: Sequence[RecordList], now: datetime) -> list[Check]:
    """Check ids, signature, clock, the list of the last days, and the links of one record in it.

    A check that depends on a failed one is not tried.

    Args:
        lists: The lists of all operators, of which the first is read.
        now: The current time, aware.
    """
    checks = [_ids(lists[0].client.credentials), _signature()]
    if checks[-1].ok:
        asked = replace(lists[0], client=lists[0].client.with_short_timeouts())
        return checks + _answers(asked, len(lists), now)
    later = ("tencent_clock", "tencent_list", "tencent_addresses")
    return checks + [_not_tried(code) for code in later]


def _ids(ids: Credentials) -> Check:
    """Check the lengths of the ids; only Tencent can tell whether they are right."""
    code = "tencent_ids"
    message = f"enterprise {ids.enterprise_id}, application {ids.application_id or 'without an id'}"
    hint = swapped_hint(ids.enterprise_id, ids.application_id)
    if not ids.application_id:
        hint = (
            "把 APP_ID 设为应用ID set APP_ID to the 应用ID (header SdkId) if the console shows one"
        )
    return Check(code, None if hint else True, message, hint)


def _signature() -> Check:
    request = Request("GET", _EXAMPLE_URL).prepare()
    signed = signature(_EXAMPLE, request, _EXAMPLE_TIME, _EXAMPLE_NONCE)
    if signed == _EXAMPLE_SIGNATURE:
        return Check(
            "tencent_signature", True, "签名算法正确 Tencent's example is signed correctly"
        )
    message = "Tencent's example is not signed correctly"
    return Check("tencent_signature", False, message, "install meeting again: ./deploy.sh")


def _answers(asked: RecordList, operators: int, now: datetime) -> list[Check]:
    try:
        records = asked.first_page(Window(now - _SPAN, now))
    except MeetingError as error:
        refused = _refused("tencent_list", asked, error)
        return [_clock(asked.client.skew_seen_s), refused, _not_tried("tencent_addresses")]
    who = asked.operator if operators == 1 else f"{asked.operator} (the first of {operators})"
    message = (
        f"{asked.path} works for {who}: recordings in the last {_SPAN.days} days: {len(records)}"
    )
    listed = Check("tencent_list", True, message)
    return [_clock(asked.client.skew_seen_s), listed, _addresses(asked, records, now)]


def _clock(skew_s: float | None) -> Check:
    """Check our clock.

    Args:
        skew_s: How far Tencent's clock is ahead of ours in seconds, or None if it is not known.
    """
    code = "tencent_clock"
    if skew_s is None:
        return _not_tried(code)
    if abs(skew_s) <= _CLOSE_S:
        return Check(code, True, "本机时钟准确 this machine's clock is right")
    message = (
        f"本机时钟不准 this machine's clock is {abs(skew_s):.0f} s "
        f"{'slow' if skew_s > 0 else 'fast'}; 腾讯只允许 Tencent allows five minutes"
    )
    hint = "校准时钟 set the clock and keep it right: timedatectl set-ntp true"
    return Check(code, None if abs(skew_s) < _ALLOWED_S else False, message, hint)


def _addresses(asked: RecordList, records: Sequence[ListedRecord], now: datetime) -> Check:
    code = "tencent_addresses"
    meta = _first_whole(records, now)
    if meta is None:
        message = (
            f"没有检查 not tried: 最近 {_SPAN.days} 天没有可下载的录制 no recording of the last "
            f"{_SPAN.days} days can be downloaded"
        )
        return Check.not_made(code, message, _NO_RECORDING)
    addresses = Addresses(asked.client, _LINK_S, time.monotonic)
    try:
        link = media_link(addresses.of(meta, asked.operator, asked.operator_type, MEDIA))
    except SkipRecord as error:
        if error.code == _NO_RIGHT:
            return _refused(code, asked, error)
        return Check.not_made(code, error.message, _NO_RECORDING)
    except MeetingError as error:
        return _refused(code, asked, error)
    host = urlsplit(link.url).hostname
    return Check(code, True, f"{meta.key.record_id} has a link to its {link.suffix} at {host}")


def _first_whole(records: Sequence[ListedRecord], now: datetime) -> RecordMeta | None:
    metas = metas_of(records, None, now)
    return next((meta for meta in metas if meta.skip_reason is None), None)


def _refused(code: str, asked: RecordList, error: MeetingError) -> Check:
    check = Check.refused(code, error)
    if error.code == _NO_RIGHT:
        message = f"{error.message}, asked by {asked.operator}"
        return replace(check, message=message, hint=_RIGHTS[asked.path])
    return check if check.hint else replace(check, hint="check TQM_BASE_URL, or try again later")


def _not_tried(code: str) -> Check:
    return Check.not_made(code, "没有检查 not tried: 前面的检查没有通过 an earlier check failed")
