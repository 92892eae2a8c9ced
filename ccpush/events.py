"""Which events ccpush logs: every name, once, with what it says.

A line of the log is one of these names with keys and values. The type is what keeps the list
complete: a name that is not here does not pass the type checker. Never says anything about what
the values are; no value is ever text of a conversation or a secret.
"""

from __future__ import annotations

from typing import Literal

EventName = Literal[
    # a pass over the files ended: how many were read, how many rows counted, how long it took
    "collect_done",
    # a pass over the files could not be finished; nothing is lost, the next one goes on there
    "collect_failed",
    # the first pass over a Claude home begins: how many files and bytes lie there
    "first_scan_started",
    # the first pass is over, from here on only what grew is read
    "first_scan_done",
    # days before the transcripts were taken over from stats-cache.json
    "stats_cache_imported",
    # stats-cache.json is there but is not what Claude Code writes; days from it are missing
    "stats_cache_unusable",
    # one file could not be read and was passed over; tried again at the next pass
    "file_unreadable",
    # one file was truncated, replaced or rewritten and is read again from its start
    "file_reread",
    # there is no Claude home yet, or it went away
    "claude_home_missing",
    # a Claude home appeared
    "claude_home_found",
    # a sink took everything that was due
    "push_delivered",
    # a sink did not take it now; the cursor stays and the next push tries again
    "push_retry",
    # a sink refused samples for good; counted by reason
    "push_rejected",
    # nothing is sent to a sink until a person has changed a setting
    "push_stopped",
    # another run holds the lock, this one did nothing
    "push_busy",
    # this machine's clock and the receiver's differ by more than a minute
    "clock_skew",
    # something a person should know about a sink, delivery goes on
    "sink_note",
    # a setting was accepted but means nothing here, or is unsafe
    "config_note",
    # the ledger was written on another machine or is behind what was already offered
    "ledger_moved",
    # the pull endpoint listens
    "web_started",
    # the pull endpoint could not listen, pushing goes on
    "web_failed",
    # a request was answered (debug)
    "web_request",
    # a client left, was too slow, asked for nonsense or did not come to terms on TLS (debug)
    "web_client_lost",
    # what a request asked for cannot be told at the moment
    "web_unavailable",
    # a request ran into a mistake of ours
    "web_request_failed",
    # the web config file, or a file it names, had changed and was read again
    "web_config_reloaded",
    # the web config file cannot be used: requests are refused until it is mended
    "web_config_unusable",
    # a tick ended with an error; the daemon lives on and the next tick tries again
    "tick_failed",
    # a tick was still running when the next was due, which was left out
    "tick_overrun",
    # the machine slept; a tick is run at once
    "woke_up",
    # the wall clock was set; a tick is run at once
    "clock_set",
    # a hangup (closed terminal) was received and ignored
    "hangup_ignored",
    # a library said something on its own logger
    "library_message",
    # a signal asked the daemon to stop
    "stopping",
    # the daemon stopped: what became of the tick that was running, how many crashed
    "stopped",
]
