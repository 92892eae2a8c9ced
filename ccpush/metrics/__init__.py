"""Say: the catalogue of metrics and their values. No I/O but ledger queries."""
