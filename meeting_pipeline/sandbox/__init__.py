"""A local Tencent Meeting, download and OpenAI-compatible server to try, demo and test against.

It is strict on purpose and imports nothing else of ``meeting_pipeline``: an independent judge of
the client. Start one in a test with ``server.Sandbox``, in a terminal with ``meeting sandbox``.

    server                    the three servers together, and the settings that point here
    wire                      sockets: raw requests in, replies out, also broken ones
    bench                     what the servers share: ledger, faults, clock
    ledger                    every request judged: violations, rate refusals, what was paid
    faults, limits            injected faults; rates, sizes and lifetimes
    company                   people and recordings, moving with the clock
    samples                   the packaged recordings as a company
    tencent_api               the meeting API: gate → parameters → endpoints → rows, errors
    media                     the download host
    openai_api                keys, models, limits → chat (schema, rules), transcription
    tones                     recordings whose sound says where it belongs
"""
