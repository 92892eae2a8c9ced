"""Price: what a response would have cost at the API's list price. Never guesses a price."""
