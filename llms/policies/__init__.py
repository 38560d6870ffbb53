"""Which model should answer which query? Policies over recorded answers: chosen, then measured."""
