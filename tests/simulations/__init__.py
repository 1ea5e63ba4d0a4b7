"""What the canary test does to sound and to broken candidates, by simulation with the code that judges."""
