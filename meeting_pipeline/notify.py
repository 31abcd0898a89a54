"""The morning notice: what the night did, to the places in NOTIFY_URLS."""

import logging

from meeting_pipeline.config import Settings
from meeting_pipeline.domain.stages import Outcome, RunReport

log = logging.getLogger(__name__)


def send(settings: Settings, report: RunReport) -> None:
    """Tell every address; one that cannot be told costs a log line, never the night."""
    if not settings.run.notify_urls:
        return
    import apprise

    notifier = apprise.Apprise()
    for url in settings.run.notify_urls:
        if not notifier.add(url):
            log.error("NOTIFY_URLS has an address of an unknown kind; it was not told")
    if not notifier.notify(title=title(report), body=body(report)):
        log.error("not everybody in NOTIFY_URLS could be told; the run is in `meeting status`")


def title(report: RunReport) -> str:
    """One line that says whether somebody has to look."""
    failed = report.count(Outcome.FAILED)
    if report.stopped_by:
        return f"meeting: 提前结束 stopped by {report.stopped_by}"
    return f"meeting: {failed} 条失败 failed" if failed else "meeting: 全部完成 all done"


def body(report: RunReport) -> str:
    """The counts and every failure by number and reason; no titles, no text."""
    lines = [
        f"listed {report.listed} = {report.new} new + {report.known} known",
        f"due {len(report.records)} = "
        + " + ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome),
    ]
    lines += [
        f"#{record.id} {record.stage or ''}: {record.error_code} (meeting why {record.id})"
        for record in report.records
        if record.status is Outcome.FAILED
    ]
    return "\n".join([*lines, f"exit code {report.exit_code}, {report.seconds:.0f} s"])
