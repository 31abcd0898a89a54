"""A local Tencent Meeting, download and OpenAI-compatible server to try, demo and test against.

It is strict on purpose and imports nothing else of ``meeting_pipeline``: an independent judge of
the client. Start one in a test with ``server.Sandbox``, in a terminal with
``python -m meeting_pipeline.sandbox``.

    wire        sockets: raw requests in, replies out, also broken ones
    ledger      every request judged: violations, rate refusals, bytes, seconds, billed calls
    faults      knobs: which fault, where, at which calls          limits   rates, sizes, lifetimes
    company     people and recordings, moving with the clock       night    sixty of them at once
    tencent_*   the meeting API          media   the download host
    openai_api  keys, models, limits     chat, schema, transcription, tones   what it answers
"""
