-- The ledger as released with schema 2. Never edited; see test_migrations.py.
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE series (
    id INTEGER PRIMARY KEY, family TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL,
    total INTEGER NOT NULL DEFAULT 0, UNIQUE (family, a, b));
CREATE TABLE increment (
    booked INTEGER NOT NULL, quarter INTEGER NOT NULL, series INTEGER NOT NULL,
    amount INTEGER NOT NULL, PRIMARY KEY (booked, quarter, series)) WITHOUT ROWID;
CREATE TABLE model (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE response (
    key INTEGER PRIMARY KEY, minute INTEGER NOT NULL, model INTEGER NOT NULL,
    flags INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL, cache_creation INTEGER NOT NULL,
    web_searches INTEGER NOT NULL, web_fetches INTEGER NOT NULL,
    write_5m INTEGER, write_1h INTEGER, mode INTEGER, prices INTEGER);
CREATE TABLE counted (key INTEGER PRIMARY KEY);
CREATE TABLE session (
    key INTEGER PRIMARY KEY, last_s INTEGER NOT NULL, main_s INTEGER, messages INTEGER NOT NULL);
CREATE TABLE session_tokens (
    session INTEGER NOT NULL, model INTEGER NOT NULL, input INTEGER NOT NULL,
    output INTEGER NOT NULL, PRIMARY KEY (session, model)) WITHOUT ROWID;
CREATE TABLE position (
    path INTEGER PRIMARY KEY, device INTEGER NOT NULL, inode INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, offset INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL, extractor INTEGER NOT NULL, tail TEXT NOT NULL,
    stretch INTEGER NOT NULL DEFAULT 0, latest_s INTEGER NOT NULL DEFAULT 0);
CREATE TABLE frozen (family TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE figure (
    span TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (span, at, kind)) WITHOUT ROWID;
CREATE TABLE day_hour (
    day INTEGER NOT NULL, hour INTEGER NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (day, hour, kind)) WITHOUT ROWID;
CREATE TABLE imported (
    day INTEGER NOT NULL, family TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL,
    booked INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (day, family, a, b)) WITHOUT ROWID;
CREATE TABLE overlay (
    booked INTEGER NOT NULL, series INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (booked, series)) WITHOUT ROWID;
CREATE TABLE tally (
    name TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (name, label)) WITHOUT ROWID;
CREATE TABLE sink (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, offered_s REAL, attempt_s REAL, success_s REAL,
    error TEXT, hint TEXT, retry_at_s REAL, skew_s REAL, failures INTEGER NOT NULL DEFAULT 0,
    destination TEXT, settled_as TEXT, unknown_past INTEGER NOT NULL DEFAULT 0, asked TEXT,
    protocol TEXT, protocol_at_s REAL, horizon_s REAL, horizon_at_s REAL,
    now_ts_ms INTEGER) WITHOUT ROWID;
CREATE TABLE cursor (
    sink TEXT NOT NULL, metric TEXT NOT NULL, begin INTEGER, through INTEGER NOT NULL,
    tried INTEGER NOT NULL, PRIMARY KEY (sink, metric)) WITHOUT ROWID;
CREATE TABLE shift (
    sink TEXT NOT NULL, metric TEXT NOT NULL, suffix TEXT NOT NULL, labels TEXT NOT NULL,
    amount REAL NOT NULL, PRIMARY KEY (sink, metric, suffix, labels)) WITHOUT ROWID;
CREATE TABLE delivered (
    sink TEXT NOT NULL, labels TEXT NOT NULL, PRIMARY KEY (sink, labels)) WITHOUT ROWID;
CREATE TABLE sink_samples (
    sink TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, samples INTEGER NOT NULL,
    PRIMARY KEY (sink, outcome, reason)) WITHOUT ROWID;
CREATE TABLE price_table (id INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE);
CREATE TABLE unsettled (
    key INTEGER PRIMARY KEY, day INTEGER NOT NULL, half TEXT NOT NULL, said BLOB NOT NULL);
CREATE TABLE stretch (key INTEGER PRIMARY KEY, through_s INTEGER NOT NULL);
PRAGMA user_version = 2;
