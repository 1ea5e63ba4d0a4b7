"""Which parameters a trial gets: pure functions of the seed and the trial's number."""
