"""When: stay resident (APScheduler) or run once, under one lock."""
